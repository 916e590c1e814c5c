"""What was measured of networks that learn some of the tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from skmtl.metrics._transfer import require_positive

Subset = tuple[int, ...]


@dataclass(frozen=True)
class SubsetMeasurements:
    """Scores of networks that learn some of the tasks, on rows that they did not learn from.

    Attributes
    ----------
    task_names : list
        Names of the tasks, in the order of the label matrix.
    subsets : list of tuple of int
        Sorted indices of the tasks that each network learned.
    scores : ndarray of shape (n_subsets, n_splits, n_tasks)
        Score of each task, the splits of all repeats one after the other. NaN for tasks outside the subset, and where a
        task cannot be scored.
    greater_is_better : ndarray of shape (n_tasks,), bool
        Whether a greater score of a task is better.
    repeat_of_split : ndarray of shape (n_splits,), int
        Repeat that a split belongs to.
    n_train, n_test : ndarray of shape (n_splits, n_tasks), int
        Number of labels of positive weight among the training rows, and of those that a task is tested by.
    cells : tuple of two ndarray of shape (n_cells,), int
        Row and task of each label of positive weight, row by row.
    cell_weights : ndarray of shape (n_cells,)
        Sample weights of these labels.
    cell_losses : ndarray of shape (n_subsets, n_repeats, n_cells)
        Loss of each of these labels by the kind of its task, while its row was a test row; the mean where it was that
        several times. NaN outside the subset, and where its row was never tested.
    degrees : ndarray of shape (n_tasks,), int
        :attr:`Kind.degree` of the tasks: a mean loss to the power of 1 over it is an error.
    test_rows : list of ndarray
        Test rows of each split.
    unit_of_row : ndarray of shape (n_rows,), int
        Group of each row, or the row itself: what a bootstrap draws.
    own_scores : ndarray of shape (n_splits, n_tasks), optional
        Scores of networks that learned one task each, from its rows alone, with what is "auto" chosen for it.
    """

    task_names: list[Any]
    subsets: list[Subset]
    scores: np.ndarray
    greater_is_better: np.ndarray
    repeat_of_split: np.ndarray
    n_train: np.ndarray
    n_test: np.ndarray
    cells: tuple[np.ndarray, np.ndarray]
    cell_weights: np.ndarray
    cell_losses: np.ndarray
    degrees: np.ndarray
    test_rows: list[np.ndarray]
    unit_of_row: np.ndarray
    own_scores: np.ndarray | None = None

    def gains(self) -> np.ndarray:
        """Percent by which tasks score better in each subset than alone, ``(n_subsets, n_tasks)``; NaN outside.

        Raises
        ------
        ValueError
            If the mean score of a task alone is not positive.
        """
        tasks = range(len(self.task_names))
        alone = np.stack([self.scores[self.subsets.index((k,)), :, k] for k in tasks], axis=1)  # (split, task)
        reference = mean_of_known(alone)
        require_positive(self.task_names, reference)
        sign = np.where(self.greater_is_better, 100.0, -100.0)
        return np.stack([sign * mean_of_known(scores - alone) / reference + 0.0 for scores in self.scores])  # no -0.0

    def losses(self, index: int) -> np.ndarray:
        """Losses of the subset at a position as a matrix, ``(n_repeats, n_rows, n_tasks)``; NaN without a label."""
        rows, tasks = self.cells
        matrix = np.full((self.cell_losses.shape[1], rows.max() + 1, len(self.task_names)), np.nan)
        matrix[:, rows, tasks] = self.cell_losses[index]
        return matrix


def read_subsets(subsets: Iterable[Iterable[Any]], names: Sequence[Any]) -> list[Subset]:
    """Sorted indices of the tasks in each subset, which holds names or indices.

    Where names are integers, an integer is a name.

    Raises
    ------
    ValueError
        If a subset is empty or names a task that does not exist.
    TypeError
        If one is no list.
    """
    read = []
    for subset in subsets:
        if isinstance(subset, str) or not isinstance(subset, Iterable):
            raise TypeError(f"subsets must be a list of lists of task names; got {subset!r} in place of a list.")
        members = {_position(member, names) for member in subset}
        if not members:
            raise ValueError("subsets holds an empty one; each must have at least one task.")
        read.append(tuple(sorted(members)))
    return read


def _position(member: Any, names: Sequence[Any]) -> int:
    """Index of the task that a member of a subset names."""
    if not isinstance(member, bool | np.bool_):  # as in a mask, whose True would be read as 1
        if member in names:
            return names.index(member)
        if isinstance(member, Integral) and 0 <= int(member) < len(names):
            return int(member)
    raise ValueError(f"subsets names the unknown task {member!r}; the tasks are {', '.join(map(repr, names))}.")


def mean_of_known(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean of the values that are not NaN; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    mean: np.ndarray = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean
