"""Where and how often a fit saves its state."""

from __future__ import annotations

import os
import re
from typing import Any

from skmtl._params import Params, require_integer

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Checkpoint(Params):
    """Where and how often a fit saves its state, as the ``checkpoint`` of an estimator or a search.

    A fit that is killed and run again, with the same parameters and data, goes on from its last checkpoint and ends
    with the bits that it would have ended with undisturbed. Checkpoints lie in a folder within ``folder`` that is named
    by a fingerprint of parameters and data, so that many fits may share ``folder``. A fit removes its own at its end.

    Parameters
    ----------
    folder : str or path
        Made where it does not exist. It must be on a disk that outlives the process.
    interval : str or int, default="60s"
        Time between checkpoints, such as "60s", "5min" or "1h", or a number of epochs. They are written at the end of
        an epoch. What is done after the last one is done again, so choose what you are willing to lose.
    keep : int, default=2
        Number of checkpoints that are kept: where the newest cannot be read, a fit goes on from the one before.

    Raises
    ------
    ValueError
        By ``fit``, if a setting is not usable.

    Examples
    --------
    >>> from skmtl import Checkpoint, MultiTaskNetRegressor
    >>> model = MultiTaskNetRegressor(checkpoint=Checkpoint("checkpoints", interval="5min"))
    """

    owner = "checkpoint"

    def __init__(self, folder: str | os.PathLike[str], interval: str | int = "60s", keep: int = 2) -> None:
        self.folder = folder
        self.interval = interval
        self.keep = keep

    @property
    def seconds(self) -> float | None:
        """Seconds between checkpoints; None where epochs are counted."""
        if not isinstance(self.interval, str):
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h)", self.interval)
        return None if found is None else float(found[1]) * _SECONDS[found[2]]

    @property
    def epochs(self) -> int | None:
        """Epochs between checkpoints; None where time is measured."""
        return None if isinstance(self.interval, str) else int(self.interval)


def read_checkpoint(value: Any) -> Checkpoint:
    """Settings of a folder, or the settings themselves, checked.

    Raises
    ------
    ValueError
        If a setting is not usable.
    """
    settings = value if isinstance(value, Checkpoint) else Checkpoint(value)
    if not isinstance(settings.folder, str | os.PathLike) or settings.folder == "" or "\0" in str(settings.folder):
        cure = '; "." is the working directory' if settings.folder == "" else ""
        raise ValueError(f"{settings.label('folder')} must be a path; got {settings.folder!r}{cure}.")
    require_integer(settings.label("keep"), settings.keep, 1)
    if settings.seconds is None:
        times = ' or a time such as "60s", "5min" or "1h"'
        require_integer(settings.label("interval"), settings.interval, 1, times)
    return settings
