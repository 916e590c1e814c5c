"""Cross-validation splitters for label matrices with missing cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from sklearn.utils import check_random_state

from skmtl.inputs import default_names

IntArray = NDArray[np.intp]


class MultiTaskKFold(KFold):
    """K folds that give every task its share of labels, for a `y` in which labels may be missing.

    Use it as ``cv`` of :class:`~sklearn.model_selection.GridSearchCV` and
    :func:`~sklearn.model_selection.cross_validate`: for a classifier their default refuses a label matrix with missing
    cells before anything is fitted.

    The folds have the same sizes as those of :class:`~sklearn.model_selection.KFold`. Each task's labelled cells are
    spread over them as evenly as the sizes allow, the tasks with the fewest labels first, and so are the cells of each
    label value of a task whose labels are strings, booleans or whole numbers. Rows that are alike in both respects stay
    in their order, in contiguous blocks: a `y` of fractional numbers without a missing cell, or ``y=None``, gives
    exactly the folds of ``KFold``. Rows with no label at all fill what room is left.

    Every task with at least two labels has a label in every training part, so that an estimator can be fitted on each.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the rows before they are dealt to the folds.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; may be set only with ``shuffle=True``. An int gives the same folds at every call.

    Raises
    ------
    ValueError
        By :meth:`split`, if `y` has more than 2 dimensions, if a task has fewer than 2 labels, or if the patterns of
        many tasks leave no way to keep a label of each in every training part.

    Notes
    -----
    NaN, None and ``pandas.NA`` are missing labels. A `y` with another mark for missing labels, say -1, is
    split as if that were a label value, which spreads both the marked and the labelled cells.

    The rows are dealt one by one, those in the smallest groups first, each to the fold that raises the sum over groups
    g of ``sum_f n_gf**2 / n_g`` least, where ``n_gf`` counts the rows of g in fold f and ``n_g`` all rows of g. A group
    is a task's labelled rows or the rows of one of its label values. It is the idea of iterative stratification [1]_
    with an objective that weighs all groups of a row rather than its rarest alone.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskKFold
    >>> X = np.zeros((6, 1))
    >>> y = np.array([[0, 1], [1, np.nan], [0, np.nan], [1, 0], [0, np.nan], [1, 1]])
    >>> for train, test in MultiTaskKFold(n_splits=3).split(X, y):
    ...     print(test, "labels in training:", (~np.isnan(y[train])).sum(axis=0))
    [0 1] labels in training: [4 2]
    [2 5] labels in training: [4 2]
    [3 4] labels in training: [4 2]
    """

    def _iter_test_indices(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[IntArray]:
        if y is None:
            yield from super()._iter_test_indices(X)
            return
        folds = self._deal(y)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds == fold)

    def _deal(self, y: Any) -> IntArray:
        """Fold of every row, shape (n_samples,)."""
        labels, names = _label_columns(y)
        observed = np.column_stack([_observed(column) for column in labels.T])
        _check_enough_labels(observed, names)
        n_samples = len(labels)
        order = np.arange(n_samples)
        if self.shuffle:
            check_random_state(self.random_state).shuffle(order)
        folds = np.empty(n_samples, dtype=np.intp)
        folds[order] = _deal_rows(_groups(labels, observed)[order], self.n_splits)
        folds = _rescue(folds, observed, self.n_splits)
        _check_training_parts(folds, observed, names, self.n_splits)
        return folds


def _label_columns(y: Any) -> tuple[NDArray[Any], list[str]]:
    """Return labels of shape (n_samples, n_tasks) and the tasks' names."""
    # object keeps pandas.NA and mixed columns of a frame as they are
    labels = np.asarray(y) if isinstance(y, np.ndarray) else np.asarray(y, dtype=object)
    if labels.ndim not in (1, 2):
        raise ValueError(
            f"y must have shape (n_samples,) or (n_samples, n_tasks); got {labels.ndim} dimensions. "
            "Give each target its own column."
        )
    labels = labels.reshape(len(labels), -1)
    columns = getattr(y, "columns", None)
    return labels, default_names(labels.shape[1]) if columns is None else [str(name) for name in columns]


def _observed(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the mask of cells with a label, shape (n_samples,)."""
    if column.dtype.kind == "f":
        return np.asarray(~np.isnan(column))
    if column.dtype.kind != "O":
        return np.ones(len(column), dtype=bool)
    return np.array([not _is_missing(label) for label in column], dtype=bool)


def _is_missing(label: Any) -> bool:
    # pandas.NA compares to NA, and pandas may not be installed; NaN differs from itself
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def _check_enough_labels(observed: NDArray[np.bool_], names: list[str]) -> None:
    counts = observed.sum(axis=0)
    few = [f"{name!r} ({count})" for name, count in zip(names, counts, strict=True) if count < 2]
    if few:
        raise ValueError(
            f"Every task needs at least 2 labels to be split into folds; too few in task {', '.join(few)}. "
            "Remove the column or label more of its rows."
        )


def _groups(labels: NDArray[Any], observed: NDArray[np.bool_]) -> IntArray:
    """Return numbers of the groups each row belongs to, shape (n_samples, 2 n_tasks), -1 for none.

    The first half are tasks, the second half the label values of a task.
    """
    n_samples, n_tasks = labels.shape
    groups = np.full((n_samples, 2 * n_tasks), -1, dtype=np.intp)
    n_groups = n_tasks
    for task, (column, has_label) in enumerate(zip(labels.T, observed.T, strict=True)):
        groups[has_label, task] = task
        codes = _repeated_values(column[has_label].tolist())
        groups[has_label, n_tasks + task] = np.where(codes < 0, -1, codes + n_groups)
        n_groups += codes.max() + 1
    return groups


def _repeated_values(labels: list[Any]) -> IntArray:
    """Return codes from 0 of the values that occur more than once, -1 for others and in a fractional column."""
    if any(isinstance(label, float) and not label.is_integer() for label in labels):
        return np.full(len(labels), -1, dtype=np.intp)
    counts = Counter(labels)
    codes = {label: code for code, label in enumerate(label for label in counts if counts[label] > 1)}
    return np.array([codes.get(label, -1) for label in labels], dtype=np.intp)


def _deal_rows(groups: IntArray, n_splits: int) -> IntArray:
    """Fold of every row, shape (n_samples,), given the groups of each row, shape (n_samples, n_memberships)."""
    n_samples = len(groups)
    # The last entry stands for "no group" (-1): it has no weight.
    sizes = np.bincount(groups[groups >= 0], minlength=groups.max() + 1)
    weights = np.append(1.0 / np.maximum(sizes, 1), 0.0)
    capacity = n_samples // n_splits + (np.arange(n_splits) < n_samples % n_splits)
    # Rows of one kind belong to the same groups.
    kinds = np.unique(groups, axis=0, return_inverse=True)[1].reshape(-1)
    folds, dealt = _deal_alike(kinds, n_splits)
    counts = np.zeros((len(weights), n_splits))
    np.add.at(counts, (groups[dealt], folds[dealt, None]), 1)
    rows_in_fold = np.bincount(folds[dealt], minlength=n_splits)
    rarity = weights[groups]
    for row in np.lexsort((-rarity.sum(axis=1), -rarity.max(axis=1))):
        if dealt[row]:
            continue
        mine = groups[row]
        load = weights[mine] @ counts[mine] + rows_in_fold / n_samples
        fold = np.argmin(np.where(rows_in_fold < capacity, load, np.inf))
        folds[row] = fold
        counts[mine, fold] += 1
        rows_in_fold[fold] += 1
    return _contiguous_where_alike(folds, kinds)


def _deal_alike(kinds: IntArray, n_splits: int) -> tuple[IntArray, NDArray[np.bool_]]:
    """Deal rows of the same kind evenly, as many as can be; return folds and the mask of the rows dealt.

    Nothing is left to choose for them, and most rows of a `y` with few patterns are dealt at once.
    """
    sizes = np.bincount(kinds)
    by_kind = np.argsort(kinds, kind="stable")
    rank = np.empty_like(kinds)
    rank[by_kind] = np.arange(len(kinds)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank % n_splits, rank < (sizes - sizes % n_splits)[kinds]


def _contiguous_where_alike(folds: IntArray, kinds: IntArray) -> IntArray:
    """Reorder folds among rows of the same kind so that they follow the order of the rows."""
    ordered = np.empty_like(folds)
    ordered[np.argsort(kinds, kind="stable")] = folds[np.lexsort((folds, kinds))]
    return ordered


def _lost(folds: IntArray, observed: NDArray[np.bool_], n_splits: int) -> NDArray[np.bool_]:
    """Tell which tasks have all labels in one fold, shape (n_splits, n_tasks)."""
    return np.stack([~observed[folds != fold].any(axis=0) for fold in range(n_splits)])


def _rescue(folds: IntArray, observed: NDArray[np.bool_], n_splits: int) -> IntArray:
    """Swap pairs of rows while that lowers the number of tasks that have all labels in one fold."""
    for task in np.flatnonzero(_lost(folds, observed, n_splits).any(axis=0)):
        for row in np.flatnonzero(observed[:, task]):
            change = _change_by_swap(folds, observed, row, n_splits)
            other = change.argmin()
            if change[other] < 0:
                folds[[row, other]] = folds[[other, row]]
                break
    return folds


def _change_by_swap(folds: IntArray, observed: NDArray[np.bool_], row: np.intp, n_splits: int) -> IntArray:
    """Change in the number of lost tasks by swapping `row` with each other row, shape (n_samples,)."""
    labels = observed.astype(np.intp)
    counts = np.stack([labels[folds == fold].sum(axis=0) for fold in range(n_splits)])
    lost = (counts == labels.sum(axis=0)).sum(axis=1)
    gain = labels - labels[row]
    lost_here = (counts[folds[row]] + gain == labels.sum(axis=0)).sum(axis=1)
    lost_there = (counts[folds] - gain == labels.sum(axis=0)).sum(axis=1)
    change = lost_here + lost_there - lost[folds[row]] - lost[folds]
    return np.where(folds == folds[row], 0, change)


def _check_training_parts(folds: IntArray, observed: NDArray[np.bool_], names: list[str], n_splits: int) -> None:
    lost = _lost(folds, observed, n_splits)
    if lost.any():
        fold, task = np.argwhere(lost)[0]
        raise ValueError(
            f"Fold {fold} would hold every label of task {names[task]!r}, so that none is left to train on. "
            "Remove the column, label more of its rows, or try shuffle=True with another random_state."
        )
