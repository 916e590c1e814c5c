"""Blend of responses with extremely randomized trees on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

import numpy as np

from skmtl.encoders import dense
from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows
from skmtl.postprocess._blend import Blend, input_bounds
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._shares import TaskTargets, read_targets
from skmtl.postprocess._trees import Trees, grow_trees
from skmtl.tasks import Task
from skmtl.tasks._classification import log_probabilities


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


class TreeBlend(Blend):
    """Blends responses with extremely randomized trees that are grown on the same rows.

    Trees learn steps, and which few inputs matter, from rows that are too few for a network, whose functions are
    smooth. So a task is predicted by a weighted mean of the response and of an average of trees (Geurts et al., 2006),
    whose splits are common to all tasks, on the encoded inputs without the bins of numbers. Each tree is grown on rows
    that are drawn with replacement; a training row is predicted by the trees for which it was not drawn. The shares are
    those of the least squared error of these predictions and of the held-out responses together (Breiman, 1996); the
    fewer labels a task has, the more the errors about all tasks decide. A task is left as it is where shares chosen on
    four fifths of the rows do not lower the squared error about the others, and of classes the log loss, too.

    Attributes
    ----------
    n_inputs_ : int
        Number of encoded inputs that the trees see.
    trees_ : Trees
        The trees.
    tasks_ : tuple of TaskTrees
        The tasks whose responses are blended.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.

    Geurts, P., Ernst, D. and Wehenkel, L. (2006). Extremely randomized trees. Machine Learning 63, 3-42.
    """

    state_types = MappingProxyType({"trees": Trees, "task": TaskTrees})

    trees_: Trees
    tasks_: tuple[TaskTrees, ...]

    def fit(self, network: Network, held_out: HeldOutRows) -> Self | None:
        """Grow the trees and choose shares; see :meth:`Postprocessor.fit`."""
        targets = read_targets(held_out, held_out.known)
        if not targets:
            return None
        self.n_inputs_ = len(input_bounds(network, held_out))
        own = _columns_of(targets)
        self.trees_, columns = self._grown(held_out, targets, own)
        by_index = {task.index: task for task in own}
        self.tasks_ = tuple(
            replace(by_index[target.index], share=float(shares[1]))
            for target, shares in self.gaining(targets, _predicted(own, columns))
        )
        return self if self.tasks_ else None

    def left_out(self, held_out: HeldOutRows, targets: Sequence[TaskTargets]) -> Mapping[int, np.ndarray]:
        """What the trees for which a row was not drawn say of it; see :meth:`Blend.left_out`."""
        own = _columns_of(targets)
        return _predicted(own, self._grown(held_out, targets, own)[1])

    def gains(self, target: TaskTargets, products: np.ndarray, crossed: np.ndarray, left_out: np.ndarray) -> bool:
        """See :meth:`Blend.gains`: of classes, not only the squared error.

        A little of a prediction that is never sure lowers it, and makes the log loss of sure ones higher.
        """
        gains = super().gains(target, products, crossed, left_out)
        if not gains or target.task.classes is None:
            return gains
        shares, before = crossed[(target.units % N_FOLDS).astype(int), 1:], target.response
        after = target.task.kind.shift(before, shares * (left_out[0, target.seen] - before))
        return _log_loss(target, after) < _log_loss(target, before)

    def _grown(
        self, held_out: HeldOutRows, targets: Sequence[TaskTargets], own: Sequence[TaskTrees]
    ) -> tuple[Trees, np.ndarray]:
        """The trees, which other fits to the same rows may have grown, and what they say of rows left out."""

        def grow() -> tuple[Trees, np.ndarray]:
            known = held_out.known
            rows = dense(held_out.rows[known][:, : self.n_inputs_], "float32")
            return grow_trees(rows, *_cells(targets, own, len(rows)), held_out.units[known])

        return held_out.once(("trees", self.n_inputs_), grow)

    def __call__(self, rows: np.ndarray, responses: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Blend the responses to new rows; see :meth:`Postprocessor.__call__`."""
        columns, blended = self.trees_.predict(rows[:, : self.n_inputs_]), list(responses)
        for task in self.tasks_:
            before = responses[task.index]
            blended[task.index] = task.task.kind.shift(before, task.share * (task.predict(columns) - before))
        return blended


def _log_loss(target: TaskTargets, probabilities: np.ndarray) -> float:
    of_truth = probabilities.max(axis=1, where=target.truth > 0, initial=0.0)
    return -float(target.weights @ log_probabilities(of_truth))


def _predicted(own: Sequence[TaskTrees], columns: np.ndarray) -> dict[int, np.ndarray]:
    """Responses from the columns of the trees, ``(1, n, n_classes or 1)`` by the task's index."""
    return {task.index: task.predict(columns)[None] for task in own}


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
