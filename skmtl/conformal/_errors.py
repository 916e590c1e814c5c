"""Errors of members about labels of rows that they held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmtl.conformal._quantiles import Scores


@dataclass(frozen=True)
class HeldOutErrors:
    """How far the labels of a task lay from what the members said that held their rows out, ``(n,)`` each.

    Attributes
    ----------
    errors : ndarray of shape (n,)
        In float32: half the memory of a pickle.
    weights : ndarray of shape (n,) or None
        Of the labels; None: all are 1.
    teams : ndarray of shape (n,), int
        Which members held a row out.
    """

    errors: np.ndarray
    weights: np.ndarray | None
    teams: np.ndarray

    def scores(self, scale: np.ndarray | float = 1.0, *, by_team: bool) -> Scores:
        """Errors over a ``scale`` of each row, of their teams or all of one."""
        return Scores(self.errors / scale, self.weights, self.teams if by_team else None)

    def require_enough(self, name: Any, coverage: float) -> None:
        """Check that the task has labels enough for a coverage.

        Raises
        ------
        ValueError
            If it has not.
        """
        found = self.scores(by_team=False)
        if coverage <= found.max_coverage:
            return
        needed = int(np.ceil(coverage / (1 - coverage) - 1e-9))
        alike = "" if self.weights is None else f", whose weights are worth {found.n_effective:.1f} equal ones"
        cure = f"Ask for at most {np.floor(found.max_coverage * 1000) / 1000:g}, or fit" if found.n_rows else "Fit"
        raise ValueError(
            f"coverage={coverage:g} needs at least {needed} labels of task {name!r} in rows that members held out; "
            f"there are {found.n_rows}{alike}. {cure} with more labels, or let members hold out all rows."
        )
