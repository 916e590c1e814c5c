"""Gains of subsets that were not measured, from those that were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV

PENALTIES = np.logspace(-8, 3, 12)  # of the ridge regression; the least is next to none
MIN_SUBSETS = 3  # with a task beside others, for a regression


@dataclass(frozen=True)
class AdditiveGains:
    """Gains that add up: gain of t in S = intercept_t + sum over j in S, j != t, of effect_tj.

    Attributes
    ----------
    intercepts : ndarray of shape (n_tasks,)
        Gain of each task in company as such.
    effects : ndarray of shape (n_tasks, n_tasks)
        What each task (row) gains by each other one (column); 0 on the diagonal.
    """

    intercepts: np.ndarray
    effects: np.ndarray

    @classmethod
    def fit(cls, members: np.ndarray, gains: np.ndarray) -> AdditiveGains:
        """Fit a ridge regression on the members of the subsets for each task.

        The penalty of each task is the one with the least leave-one-out error. With random subsets this predicts gains
        better than sums over pairs do, or affinities of gradients.

        Parameters
        ----------
        members : ndarray of shape (n_subsets, n_tasks), bool
            Tasks of each subset.
        gains : ndarray of shape (n_subsets, n_tasks)
            Measured gain of each task over learning alone; anything outside the subset.

        Returns
        -------
        AdditiveGains
            A task with too few measured gains has none by any other.

        References
        ----------
        Li, D., Nguyen, H. L. and Zhang, H. R. (2023). Identification of negative transfers in multitask learning using
        surrogate models. Transactions on Machine Learning Research.
        """
        n_tasks = members.shape[1]
        intercepts, effects = np.zeros(n_tasks), np.zeros((n_tasks, n_tasks))
        in_company = members.sum(axis=1) > 1
        for task in range(n_tasks):
            known = np.flatnonzero(members[:, task] & in_company & ~np.isnan(gains[:, task]))
            others = np.delete(np.arange(n_tasks), task)
            if len(known) >= MIN_SUBSETS:
                ridge = RidgeCV(PENALTIES).fit(members[np.ix_(known, others)], gains[known, task])
                intercepts[task], effects[task, others] = ridge.intercept_, ridge.coef_
        return cls(intercepts, effects)

    def predict(self, members: np.ndarray) -> np.ndarray:
        """Gains of the tasks of subsets, ``(n_subsets, n_tasks)``; 0 for a task alone, NaN outside the subset."""
        in_company = members.sum(axis=1, keepdims=True) > 1
        gains = np.where(in_company, self.intercepts + members @ self.effects.T, 0.0)
        return np.where(members, gains, np.nan)
