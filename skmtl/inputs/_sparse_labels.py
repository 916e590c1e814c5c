"""Labels in sparse matrices, of which the stored cells are known, and how to make one of a list of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from skmtl.inputs._cells import as_array, is_missing

UNSTORED = "unstored"  # as missing_label: cells of a sparse y that are not stored have no label
_FORMATS = ("csr", "csc", "coo")  # which store no zeros of their own accord


def stored_by_column(y: Any) -> sp.csc_array:
    """Stored cells, column by column.

    Raises
    ------
    TypeError
        If the format may store zeros that nobody has given.
    ValueError
        If it has no columns, or a cell is stored twice.
    """
    if y.format not in _FORMATS:
        raise TypeError(
            f"y is sparse in the format {y.format!r}, which may store zeros that are no labels; pass a matrix in the "
            f"format 'csr', 'csc' or 'coo' that stores the labels only."
        )
    if y.ndim != 2 or y.shape[1] == 0:
        raise ValueError(f"A sparse y must have the shape (n, n_tasks), with a task at least; got {y.shape}.")
    columns = sp.csc_array(y, copy=True)
    columns.sum_duplicates()
    if columns.nnz < y.nnz:
        raise ValueError(
            f"y stores {y.nnz - columns.nnz} cells twice, which scipy would add up; store each label once."
        )
    return columns


def labels_from_long(
    row: Any, task: Any, value: Any, *, n_samples: int | None = None
) -> tuple[sp.csr_array, np.ndarray]:
    """Make the label matrix of a list of labels, as measurements come from a data base.

    Parameters
    ----------
    row : array-like of int of shape (n_labels,)
        Row of X that a label belongs to, from 0.
    task : array-like of shape (n_labels,)
        Name of its task.
    value : array-like of numbers of shape (n_labels,)
        The label; zeros are labels, too.
    n_samples : int, default=None
        Number of rows of X; None: up to the last row that has a label.

    Returns
    -------
    y : scipy.sparse.csr_array of shape (n_samples, n_tasks)
        Labels as ``fit`` takes them with ``missing_label="unstored"``.
    task_names : ndarray of shape (n_tasks,)
        Names of the columns, sorted.

    Raises
    ------
    ValueError
        If the lists are not of one length, a row is not one of ``n_samples``, a cell has two labels, a label is
        missing, or names are of several types.

    Examples
    --------
    >>> from skmtl import labels_from_long
    >>> y, names = labels_from_long([0, 2, 2], ["herg", "cyp", "herg"], [1, 0, 0], n_samples=3)
    >>> y.shape, y.nnz, names.tolist()
    ((3, 2), 3, ['cyp', 'herg'])
    """
    rows, tasks, values = (as_array(own, name) for own, name in ((row, "row"), (task, "task"), (value, "value")))
    if not rows.shape == tasks.shape == values.shape or rows.ndim != 1 or not len(rows):
        raise ValueError(
            f"row, task and value must be 1-D and of one length, with a label at least; got the shapes {rows.shape}, "
            f"{tasks.shape} and {values.shape}."
        )
    if values.dtype.kind in "fO" and any(map(is_missing, values.tolist())):
        raise ValueError("value must not be missing; leave out the rows of the list that have no label.")
    if rows.dtype.kind not in "iu" or values.dtype.kind not in "biuf":
        raise ValueError(
            f"row must be integers and value numbers or booleans; got {rows.dtype} and {values.dtype}. Number the rows "
            f"of X from 0, and classes."
        )
    n_rows = int(rows.max()) + 1 if n_samples is None else n_samples
    if rows.min() < 0 or rows.max() >= n_rows:
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(f"row must be from 0 to {n_rows - 1}, as X has {n_rows} rows; got {wrong}.")
    try:
        names, columns = np.unique(tasks, return_inverse=True)
    except TypeError as error:
        kinds = ", ".join(sorted({type(name).__name__ for name in tasks}))
        raise ValueError(f"task must be names of one type, such as str; got {kinds}. Name all tasks alike.") from error
    cells, counts = np.unique(rows.astype(np.int64) * len(names) + columns, return_counts=True)
    if counts.max() > 1:
        twice, column = divmod(int(cells[counts.argmax()]), len(names))
        raise ValueError(
            f"row {twice} has {counts.max()} labels of task {names[column]!r}; give one, such as their mean or median."
        )
    y = sp.csr_array((values, (rows, columns)), shape=(n_rows, len(names)))
    y.sort_indices()
    return y, names
