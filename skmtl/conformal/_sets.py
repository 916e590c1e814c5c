"""Sets of classes."""

from __future__ import annotations

from typing import Self

import numpy as np

from skmtl.conformal._errors import HeldOutCells, HeldOutErrors


class SetScores(HeldOutErrors):
    """Errors of a task of classes: 1 minus the probability of the label (Sadinle, Lei and Wasserman, 2019)."""

    @classmethod
    def of(cls, probabilities: np.ndarray, cells: HeldOutCells) -> Self:
        """Scores of labels by their held-out probabilities, ``(n,)``."""
        return cls(_errors(probabilities), cells)

    def members(self, probabilities: np.ndarray, coverage: float, *, by_fold: bool) -> np.ndarray:
        """Which classes are in the set of each row, ``(m, n_classes)``, the most probable one in any case.

        Parameters
        ----------
        probabilities : ndarray of shape (fold, m, n_classes)
            Of new rows by the members of each fold, or by the whole ensemble, ``(1, m, n_classes)``.
        coverage : float
            Coverage that is wanted.
        by_fold : bool
            Whether probabilities are those of folds.
        """
        found = self.scores(by_fold=by_fold).reach(coverage, _errors(probabilities))
        most_probable = probabilities.mean(axis=0).argmax(axis=1)
        found[np.arange(len(found)), most_probable] = True
        return found


def _errors(probabilities: np.ndarray) -> np.ndarray:
    """In the precision in which they are kept, so that equal probabilities tie."""
    errors: np.ndarray = (1 - probabilities).astype(np.float32)
    return errors
