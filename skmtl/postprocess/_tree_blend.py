"""Blend of responses with extremely randomized trees on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

import numpy as np

from skmtl.encoders import dense
from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows, PostprocessorOfTasks
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._shares import (
    MIN_GAIN,
    TaskTargets,
    choose_shares,
    crossed_shares,
    read_targets,
    relative_gain,
)
from skmtl.postprocess._trees import Trees, grow_trees
from skmtl.tasks import Task

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class TaskTrees:
    """What trees say of a task, and how much that counts.

    Attributes
    ----------
    index : int
        Index of the task in the label matrix.
    task : Task
        The task.
    first : int
        First of the task's columns among those of the trees, which predict (response - mean) / unit. Of two classes,
        only the second has one.
    mean : ndarray of shape (n_columns,)
        Of the ideal responses.
    unit : float
        By which their variance, of all columns together, is 1.
    two_classes : bool
        Whether the task has two classes.
    share : float
        Of the trees in the blend; the rest is the response's.
    """

    index: int
    task: Task
    first: int
    mean: np.ndarray
    unit: float
    two_classes: bool
    share: float = 0.0

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Response ``(m, n_classes or 1)`` from all columns of the trees."""
        own: np.ndarray = self.mean + self.unit * columns[:, self.columns]
        return np.hstack([1 - own, own]) if self.two_classes else own

    @property
    def columns(self) -> slice:
        """The task's columns among those of the trees."""
        return slice(self.first, self.first + len(self.mean))


class TreeBlend(PostprocessorOfTasks):
    """Blends responses with extremely randomized trees that are grown on the same rows.

    Trees learn steps, and which few inputs matter, from rows that are too few for a network, whose functions are
    smooth. So a task is predicted by a weighted mean of the response and of an average of trees (Geurts et al., 2006),
    whose splits are common to all tasks, on the encoded inputs without the bins of numbers. Each tree is grown on rows
    that are drawn with replacement; a training row is predicted by the trees for which it was not drawn. The shares are
    those of the least squared error of these predictions and of the held-out responses together (Breiman, 1996); the
    fewer labels a task has, the more the errors about all tasks decide. A task is left as it is where shares chosen on
    four fifths of the rows do not lower the squared error about the others.

    Attributes
    ----------
    n_inputs_ : int
        Number of encoded inputs that the trees see.
    trees_ : Trees
        The trees.
    left_out_ : ndarray of shape (n, n_columns)
        What those trees say of each training row that was held out for which it was not drawn.
    tasks_ : tuple of TaskTrees
        The tasks whose responses are blended.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.

    Geurts, P., Ernst, D. and Wehenkel, L. (2006). Extremely randomized trees. Machine Learning 63, 3-42.
    """

    state_types = MappingProxyType({"trees": Trees, "task": TaskTrees})

    n_inputs_: int
    trees_: Trees
    left_out_: np.ndarray
    tasks_: tuple[TaskTrees, ...]

    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Grow the trees and choose shares; see :meth:`Postprocessor.fit`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        if not targets:
            return None
        encoder = network.architecture.encoder
        self.n_inputs_ = held_out.rows.shape[1] if encoder is None else len(encoder.plain_bounds())
        own = _columns_of(targets)

        def grow() -> tuple[Trees, np.ndarray]:
            rows = dense(held_out.rows[known][:, : self.n_inputs_], "float32")
            return grow_trees(rows, *_cells(targets, own, len(rows)), held_out.units[known])

        self.trees_, self.left_out_ = held_out.once(("trees", self.n_inputs_), grow)
        predicted = [task.predict(self.left_out_[target.seen]) for target, task in zip(targets, own, strict=True)]
        products = [target.products([said]) for target, said in zip(targets, predicted, strict=True)]
        every, crossed = choose_shares(targets, products), crossed_shares(targets, products)
        self.tasks_ = tuple(
            replace(task, share=float(shares[1]))
            for task, shares, *judged in zip(own, every, targets, predicted, products, crossed, strict=True)
            if shares[1] > 0 and _gains(*judged)
        )
        return self if self.tasks_ else None

    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Blend held-out responses by shares chosen on other rows; see :meth:`Postprocessor.cross_fitted`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        predicted = {task.index: task.predict(self.left_out_) for task in _columns_of(targets)}
        products = [target.products([predicted[target.index][target.seen]]) for target in targets]
        crossed = {
            target.index: shares[:, 1]
            for target, shares in zip(targets, crossed_shares(targets, products), strict=True)
        }
        folds, responses = (held_out.units[known] % N_FOLDS).astype(int), list(held_out.responses)
        for task in self.tasks_:
            shares, before = crossed[task.index][folds, None], responses[task.index][known]
            blended = responses[task.index] = np.full_like(responses[task.index], np.nan)
            blended[known] = task.task.kind.shift(before, shares * (predicted[task.index] - before))
        return responses

    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Blend the responses to new rows; see :meth:`Postprocessor.__call__`."""
        columns, blended = self.trees_.predict(rows[:, : self.n_inputs_]), list(responses)
        for task in self.tasks_:
            before = responses[task.index]
            blended[task.index] = task.task.kind.shift(before, task.share * (task.predict(columns) - before))
        return blended


def _gains(target: TaskTargets, predicted: np.ndarray, products: np.ndarray, crossed: np.ndarray) -> bool:
    """Whether shares of other folds lower the squared error about a task, and of classes not only that.

    A little of a prediction that is never sure lowers it, and makes the log loss of sure ones higher.
    """
    if relative_gain(target, products, crossed) <= MIN_GAIN:
        return False
    if target.task.classes is None:
        return True
    shares, before = crossed[(target.units % N_FOLDS).astype(int), 1:], target.response
    after = target.task.kind.shift(before, shares * (predicted - before))
    true = target.truth > 0
    losses = [
        -target.weights @ np.log(one.max(axis=1, where=true, initial=0.0).clip(min=TINY)) for one in (after, before)
    ]
    return bool(losses[0] < losses[1])


def _columns_of(targets: Sequence[TaskTargets]) -> list[TaskTrees]:
    """Columns of the trees, of all tasks in turn."""
    found, first = [], 0
    for target in targets:
        two_classes = target.truth.shape[1] == 2
        truth = target.truth[:, 1:] if two_classes else target.truth
        mean = target.weights @ truth
        unit = target.unit * float(np.sqrt(target.weights @ np.square((truth - mean) / target.unit).sum(axis=1)))
        found.append(TaskTrees(target.index, target.task, first, mean, unit, two_classes))
        first += len(mean)
    return found


def _cells(targets: Sequence[TaskTargets], own: Sequence[TaskTrees], n: int) -> tuple[np.ndarray, np.ndarray]:
    """What the columns of the trees should say of each row, and its weight: both 0 where there is no label."""
    truth = np.zeros((n, own[-1].columns.stop))
    weights = np.zeros_like(truth)
    for target, task in zip(targets, own, strict=True):
        truth[target.seen, task.columns] = (target.truth[:, -len(task.mean) :] - task.mean) / task.unit
        weights[target.seen, task.columns] = len(target.seen) * target.weights[:, None]
    return truth, weights
