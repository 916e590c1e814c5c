"""Folds as the networks of all subsets share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from skmtl._sklearn import final_model
from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.fitting import FitJob, FitResult
from skmtl.model_selection._single_task import prepare_single
from skmtl.model_selection._splitters import MultiTaskKFold, read_cv
from skmtl.model_selection._subset_measurements import Subset
from skmtl.model_selection._subset_scores import TestedTask


class SubsetFit(NamedTuple):
    """A fit that has been scored.

    Attributes
    ----------
    tasks : tuple of int
        Tasks that it learned.
    split : int
        Number of the split.
    result : FitResult
        What it has learned.
    X_test : array-like
        Rows that it was tested on, as the net reads them.
    test_rows : ndarray of int
        Which rows they are.
    responses : list of ndarray of shape (n_test, n_classes or 1)
        Responses to them, one a task.
    """

    tasks: Subset
    split: int
    result: FitResult
    X_test: Any
    test_rows: np.ndarray
    responses: Sequence[np.ndarray]


class Fit(NamedTuple):
    """Tasks that a network learns; with a recipe of its own, one that knows no other task."""

    tasks: Subset
    own_recipe: bool = False


@dataclass
class Split:
    """A fold as its networks share it: ``joint`` is the fit of all tasks, ``n_waiting`` networks are to be scored."""

    net: BaseMultiTaskNet
    joint: FitJob
    X_test: Any
    test: np.ndarray
    tested: list[TestedTask]
    n_waiting: int

    def job(self, fit: Fit) -> FitJob:
        if fit.own_recipe:
            return prepare_single(self.net, self.joint.inputs, *fit.tasks)
        return self.joint.with_loss_weights(self.joint.loss_weights * np.isin(np.arange(len(self.tested)), fit.tasks))


def split_rows(
    estimator: Any, X: Any, y: Any, groups: Any, cv: Any, seeds: Sequence[int]
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Training and test rows of the folds of each repeat."""
    splitters = [read_cv(cv, estimator)] * len(seeds)
    if isinstance(cv, Integral) and len(seeds) > 1:
        mark = final_model(estimator).missing_label
        splitters = [MultiTaskKFold(int(cv), shuffle=True, random_state=s, missing_label=mark) for s in seeds]
    return [list(splitter.split(X, y, groups)) for splitter in splitters]
