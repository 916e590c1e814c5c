"""The HTML representation of a fitted estimator: a table of the parameters chosen from the data."""

from __future__ import annotations

from html import escape
from reprlib import Repr
from typing import Any

from skmtl.defaults import Choice


class AutoParamsHTMLMixin:
    """Adds ``auto_params_`` to what scikit-learn's diagram shows below an estimator's parameters."""

    auto_params_: dict[str, Choice]

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        """Hook of scikit-learn's diagrams, also those of pipelines and searches."""
        parameters = super()._get_params_html(*args, **kwargs)  # type: ignore[misc]
        choices = getattr(self, "auto_params_", None)
        return _ParametersAndChoices(parameters, choices) if choices else parameters


class _ParametersAndChoices:
    def __init__(self, parameters: Any, choices: dict[str, Choice]) -> None:
        self._parameters, self._choices = parameters, choices

    def _repr_html_inner(self) -> str:
        return f"{self._parameters._repr_html_inner()}{choices_html(self._choices)}"


def choices_html(choices: dict[str, Choice]) -> str:
    """Collapsible table of name, value and reason."""
    shown = Repr()
    shown.maxlist = 8
    rows = "".join(
        f'<tr class="default"><td class="param">{escape(name)}</td><td class="value">{escape(shown.repr(choice.value))}'
        f"</td><td>{escape(choice.reason)}</td></tr>"
        for name, choice in choices.items()
    )
    return (
        '<div class="estimator-table"><details><summary>Parameters chosen from the data</summary>'
        '<table class="parameters-table"><tbody><tr><th>Name</th><th>Value</th><th>Reason</th></tr>'
        f"{rows}</tbody></table></details></div>"
    )
