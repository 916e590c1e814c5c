"""Tasks side by side: which columns of the outputs and targets belong to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from skmtl.inputs import cells_of_column, with_values
from skmtl.tasks._kind import Kind, Task


@dataclass(frozen=True)
class Group:
    """Neighbouring tasks whose losses are computed in one call.

    Attributes
    ----------
    kind : Kind
        Gives the loss.
    tasks : slice
        Their indices in the layout.
    outputs : slice
        Their indices among the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.tasks import Binary, SquaredError, TaskLayout
    >>> ones, classes, numbers = np.ones(3), np.array([0, 1, 1]), np.array([1.0, 2.0, 4.0])
    >>> tasks = [SquaredError().fit("spend", numbers, ones), Binary().fit("stays", classes, ones)]
    >>> [(type(group.kind).__name__, group.outputs) for group in TaskLayout(tasks).groups]
    [('SquaredError', slice(0, 1, None)), ('Binary', slice(1, 2, None))]
    """

    kind: Kind
    tasks: slice
    outputs: slice


class TaskLayout:
    """Order in which the network sees the tasks: tasks that share a loss call stand together.

    Parameters
    ----------
    tasks : sequence of Task
        In the order of the label matrix.

    Attributes
    ----------
    order : ndarray of shape (n_tasks,)
        Column of the label matrix of each task.
    tasks : list of Task
        In the layout's order.
    n_outputs : tuple of int
        Number of outputs of each task.
    groups : list of Group
        The loss calls.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.tasks import Binary, SquaredError, TaskLayout
    >>> ones, classes, numbers = np.ones(3), np.array([0, 1, 1]), np.array([1.0, 2.0, 4.0])
    >>> a, c = (Binary().fit(name, classes, ones) for name in "ac")
    >>> layout = TaskLayout([a, SquaredError().fit("b", numbers, ones), c])
    >>> [task.name for task in layout.tasks], len(layout.groups)  # those of one kind stand together
    (['a', 'c', 'b'], 2)
    >>> layout.restore(np.array([10, 30, 20]))  # back to the order of the label matrix
    array([10, 20, 30])
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        keys = [(task.kind, task.kind.fusion_key(task)) for task in tasks]
        first: dict[Any, int] = {}
        ranks = [first.setdefault(key, len(first)) for key in keys]
        self.order = np.argsort(ranks, kind="stable")
        self.tasks = [tasks[column] for column in self.order]
        self.n_outputs = tuple(task.kind.n_outputs(task) for task in self.tasks)
        self._ends = np.cumsum(self.n_outputs)
        self._positions = np.argsort(self.order)
        edges = [*np.flatnonzero(np.diff(np.asarray(ranks)[self.order], prepend=-1)), len(ranks)]
        starts = np.concatenate([[0], self._ends])
        self.groups = [
            Group(self.tasks[a].kind, slice(int(a), int(b)), slice(int(starts[a]), int(starts[b])))
            for a, b in pairwise(edges)
        ]

    def restore(self, values: np.ndarray, first: int = -1) -> np.ndarray:
        """Put the axes of tasks, from axis ``first`` on, back from the layout's order into that of the label matrix."""
        for axis in range(first % values.ndim, values.ndim):
            values = values.take(self._positions, axis)
        return values

    def mean_responses(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Mean response of the members: ``(member, n, outputs)`` to one ``(n, n_tasks, n_classes or 1)`` a group."""
        responses = self.member_responses(outputs)
        return [response[0] if len(response) == 1 else response.mean(axis=0) for response in responses]

    def weighted_responses(self, outputs: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
        """Weighted mean response of the members, one ``(n, n_classes or 1)`` a task, in the order of the label matrix.

        Parameters
        ----------
        outputs : ndarray of shape (member, n, outputs)
            Of all members.
        weights : ndarray of shape (member, n_tasks)
            Weight of each member for each task, in the order of the label matrix; each column sums to 1. What a member
            of weight 0 says of a task, which it may never have learned, is not looked at.

        Returns
        -------
        list of ndarray
            As of :meth:`by_task`.
        """
        parts = []
        for index, (task, column) in enumerate(zip(self.tasks, self.order, strict=True)):
            serving = np.flatnonzero(weights[:, column])
            own = outputs[serving, :, self._ends[index] - self.n_outputs[index] : self._ends[index]]
            response = task.kind.response([task], own)[:, :, 0]  # (member, n, n_classes or 1)
            parts.append(np.tensordot(weights[serving, column].astype(response.dtype), response, 1))
        return [parts[index] for index in self._positions]

    def member_responses(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Responses of each member: ``(member, n, outputs)`` to one ``(member, n, n_tasks, classes)`` a group."""
        return [g.kind.response(self.tasks[g.tasks], outputs[:, :, g.outputs]) for g in self.groups]

    def by_task(self, grouped: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Arrays ``(n, n_tasks, ...)`` of the groups cut by task, in the order of the label matrix."""
        parts = [array[:, k] for array in grouped for k in range(array.shape[1])]
        return [parts[index] for index in self._positions]

    def arrange(self, columns: np.ndarray) -> np.ndarray:
        """Columns of the label matrix ``(n, n_tasks)`` in the layout's order; the array itself if that is theirs."""
        in_order = bool((self.order == np.arange(len(self.order))).all())
        return columns if in_order else columns[:, self.order]

    def encode_stored(
        self, stored: sparse.csc_array, weights: sparse.csc_array, dtype: npt.DTypeLike
    ) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Encode the stored labels: targets and weights, both ``(n, n_tasks)`` CSR in the layout's order."""
        values, ends = np.empty(stored.nnz, dtype=dtype), stored.indptr
        for column, task in zip(self.order, self.tasks, strict=True):
            cells = slice(ends[column], ends[column + 1])
            values[cells] = task.kind.encode(task, stored.data[cells])
        targets = self._by_row(with_values(stored, values))
        if (weights.data == 1).all():
            return targets, with_values(targets, np.broadcast_to(np.ones(1, dtype), targets.nnz))
        return targets, with_values(targets, self._by_row(with_values(stored, weights.data.astype(dtype))).data)

    def _by_row(self, cells: sparse.csc_array) -> sparse.csr_array:
        """Cells in the layout's order of tasks, row by row."""
        return (cells if (np.diff(self.order) == 1).all() else cells[:, self.order]).tocsr()

    def encode(
        self, columns: Sequence[np.ndarray], observed: np.ndarray, dtype: npt.DTypeLike = np.float64
    ) -> np.ndarray:
        """Encode the label matrix: ``(n, n_tasks)`` in the layout's order, 0 where no label is."""
        encoded = np.zeros(observed.shape, dtype=dtype)
        for index, (column, task) in enumerate(zip(self.order, self.tasks, strict=True)):
            rows = observed[:, column]
            if rows.any():
                encoded[rows, index] = task.kind.encode(task, columns[column][rows])
        return encoded

    def initial_bias(self, encoded: np.ndarray | Any, weights: np.ndarray | Any) -> np.ndarray:
        """Bias of the output layer to start from, ``(outputs,)``; a weight of 0 marks a missing label."""
        cells: Iterable[Any]
        if sparse.issparse(encoded):
            both: Any = encoded.tocsc(), weights.tocsc()  # type: ignore[attr-defined, union-attr]
            cells = (tuple(cells_of_column(own, k)[1] for own in both) for k in range(len(self.tasks)))
        else:
            cells = ((labels[own > 0], own[own > 0]) for labels, own in zip(encoded.T, weights.T, strict=True))
        biases = [task.kind.initial_bias(task, *own) for task, own in zip(self.tasks, cells, strict=True)]
        return np.concatenate(biases)
