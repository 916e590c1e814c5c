"""A value with the reason for it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Choice(NamedTuple):
    """Value that a parameter left at "auto" gets.

    Attributes
    ----------
    value : object
        What was chosen.
    reason : str
        Why, in one sentence.
    """

    value: Any
    reason: str
