"""Errors of members about labels of rows that they held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skmtl.conformal._quantiles import Scores


class HeldOutCells(NamedTuple):
    """Labels of a task in rows that members held out.

    Attributes
    ----------
    weights : ndarray of shape (n,) or None
        Of the labels; None: all are 1.
    folds : ndarray of shape (n,), int
        Equal where the same members held a row out.
    groups : ndarray of shape (n,), int, or None
        From 0, equal for rows that count together as one; None: each counts alone.
    """

    weights: np.ndarray | None
    folds: np.ndarray
    groups: np.ndarray | None

    @property
    def shares(self) -> np.ndarray | None:
        """What each label counts: rows of a group share the weight of one, as their errors tell of one another.

        References
        ----------
        Lee, Y., Barber, R. F. and Willett, R. (2023). Distribution-free inference with hierarchical data.
        arXiv:2306.06342.
        """
        if self.groups is None:
            return self.weights
        shares: np.ndarray = (1.0 if self.weights is None else self.weights) / np.bincount(self.groups)[self.groups]
        return shares


@dataclass(frozen=True)
class HeldOutErrors:
    """How far the labels of a task lay from what the members said that held their rows out, ``(n,)`` each.

    Attributes
    ----------
    errors : ndarray of shape (n,)
        In float32: half the memory of a pickle.
    cells : HeldOutCells
        The labels.
    """

    errors: np.ndarray
    cells: HeldOutCells

    def scores(self, scale: np.ndarray | float = 1.0, *, by_fold: bool) -> Scores:
        """Errors over a ``scale`` of each row, of their folds or all of one."""
        folds = self.cells.folds if by_fold else None
        return Scores(self.errors / scale, self.cells.shares, folds, self.cells.groups)

    def require_enough(self, name: Any, coverage: float) -> None:
        """Check that the task has labels enough for a coverage.

        Raises
        ------
        ValueError
            If it has not.
        """
        found = self.scores(by_fold=False)
        if coverage <= found.max_coverage:
            return
        needed = int(np.ceil(coverage / (1 - coverage) - 1e-9))
        alike = ""
        if self.cells.weights is not None or self.cells.groups is not None:
            alike = f", which tell as much as {found.n_effective:.1f} of equal weight from groups of their own"
        cure = f"Ask for at most {np.floor(found.max_coverage * 1000) / 1000:g}, or fit" if found.n_rows else "Fit"
        raise ValueError(
            f"coverage={coverage:g} needs at least {needed} labels of task {name!r} in rows that members held out; "
            f"there are {found.n_rows}{alike}. {cure} with more labels, or let members hold out all rows."
        )
