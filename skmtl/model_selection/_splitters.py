"""Cross-validation splitters for label matrices with missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import BaseShuffleSplit, ShuffleSplit, check_cv
from sklearn.utils import check_random_state

from skmtl._params import require_integer
from skmtl._sklearn import _BaseKFold, final_model
from skmtl.inputs import LabelMatrix, count_rows
from skmtl.model_selection._stratification import (
    IntArray,
    deal,
    draw,
    keep_trainable,
    lost_tasks,
    read_groups,
    read_strata,
    require_trainable,
)

MAX_DRAWS = 20  # of a split, until every task has a label to train on


class MultiTaskKFold(_BaseKFold):
    """K folds with the same fraction of every task's labels, for a `y` in which labels may be missing.

    Use it as ``cv`` of :class:`~sklearn.model_selection.GridSearchCV` and
    :func:`~sklearn.model_selection.cross_validate`: for a classifier their default refuses a label matrix with missing
    cells before anything is fitted.

    Each task's labelled rows are spread over the folds as evenly as can be, and so are the rows of each label value of
    a task whose labels are strings, booleans or whole numbers. Every task with at least two labels has a label in every
    training part, so that an estimator can be fitted on it. With ``groups`` the rows of a group stay together.

    Without groups the folds have the sizes of those of :class:`~sklearn.model_selection.KFold`, and rows with the same
    labels stay in their order, in contiguous blocks: a `y` of fractional numbers without a missing cell, or ``y=None``,
    gives exactly the folds of ``KFold``.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the rows before they are dealt to the folds.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; may be set only with ``shuffle=True``. An int gives the same folds at every call.
    missing_label : object, default=None
        A further value of `y` that means "no label", beside NaN, None and pandas.NA.

    Raises
    ------
    ValueError
        If a parameter is not usable; by :meth:`split`, if `y` has more than 2 dimensions, if a task has fewer than 2
        labels, if there are fewer rows or groups than folds, or if the patterns of many tasks leave no way to keep a
        label of each in every training part.

    See Also
    --------
    MultiTaskStratifiedKFold : Spreads fractional numbers by quantile bins, too.
    MultiTaskShuffleSplit : Random parts of any size.

    Notes
    -----
    The rows are dealt one by one, those with the scarcest labels first, each to the fold that raises the sum over
    groups g of ``sum_f (n_gf - e_gf)**2 / e_gf`` least. A group is a task's labelled rows or the rows of one of its
    label values, ``n_gf`` counts its rows in fold f, and ``e_gf`` is the number that the size of the fold makes
    expected. It is the idea of iterative stratification [1]_ with an objective that weighs all groups of a row rather
    than its rarest alone.

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

    __metadata_request__split = {"groups": True}  # noqa: RUF012

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None, missing_label: object = None
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.missing_label = missing_label

    def _iter_test_indices(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[IntArray]:
        labels, strata = self._read(X, y)
        n_samples = len(strata)
        units = read_groups(groups, n_samples, self.n_splits)
        order = np.arange(n_samples)
        if self.shuffle:
            check_random_state(self.random_state).shuffle(order)
        sizes = n_samples // self.n_splits + (np.arange(self.n_splits) < n_samples % self.n_splits)
        folds = deal(strata, sizes, units, order)
        if units is None:
            folds = keep_trainable(folds, labels.observed, self.n_splits)
        for fold in range(self.n_splits):
            require_trainable(folds != fold, labels, fold)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds == fold)

    def _read(self, X: Any, y: Any) -> tuple[LabelMatrix, IntArray]:
        """Labels, and the strata of each row."""
        if y is None:  # all rows are alike
            return read_strata(np.zeros(count_rows(X)), None, None)
        return read_strata(y, None, self.missing_label)


class MultiTaskStratifiedKFold(MultiTaskKFold):
    """K folds with the same fraction of every task's labels, classes and bins of numbers, some of which may be missing.

    As :class:`MultiTaskKFold`, but the rows of a task of numbers are spread by quantile bins, too.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the rows before they are dealt to the folds.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; may be set only with ``shuffle=True``. An int gives the same folds at every call.
    n_bins : int, default=5
        Number of quantile bins of a numeric task: one with fractions or more than 20 different values.
    missing_label : object, default=None
        A further value of `y` that means "no label", beside NaN, None and pandas.NA.

    Raises
    ------
    ValueError
        If a parameter is not usable; by :meth:`split`, if `y` is None, if a task has fewer than 2 labels, there are
        fewer rows or groups than folds, or a fold would hold every label of a task.

    See Also
    --------
    MultiTaskKFold : Keeps tables of complete numbers in their order.
    MultiTaskShuffleSplit : Random parts of any size.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskStratifiedKFold
    >>> y = np.array([[0.5, 1], [1.5, np.nan], [2.5, np.nan], [3.5, 0], [4.5, np.nan], [5.5, 1]])
    >>> for train, test in MultiTaskStratifiedKFold(n_splits=3, n_bins=2).split(y, y):
    ...     print(test, y[test].tolist())
    [0 4] [[0.5, 1.0], [4.5, nan]]
    [1 5] [[1.5, nan], [5.5, 1.0]]
    [2 3] [[2.5, nan], [3.5, 0.0]]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: Any = None,
        n_bins: int = 5,
        missing_label: object = None,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state, missing_label=missing_label)
        require_integer("n_bins", n_bins, 2)
        self.n_bins = n_bins

    def _read(self, X: Any, y: Any) -> tuple[LabelMatrix, IntArray]:
        return read_strata(y, self.n_bins, self.missing_label)


class MultiTaskShuffleSplit(BaseShuffleSplit):
    """Random training and test parts with the same fraction of every task's labels, some of which may be missing.

    Each split is drawn anew: rows are dealt to parts as :class:`MultiTaskStratifiedKFold` deals folds, and one of the
    parts is taken by lot, so that over many splits every row is tested equally often. With ``groups`` the rows of a
    group stay together.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=None
        Fraction or number of test rows; None: what ``train_size`` leaves, or 0.1 without it.
    train_size : float or int, default=None
        Fraction or number of training rows; None: what ``test_size`` leaves.
    random_state : int, RandomState instance or None, default=None
        Seed; an int gives the same splits at every call.
    n_bins : int, default=5
        Number of quantile bins of a numeric task: one with fractions or more than 20 different values.
    missing_label : object, default=None
        A further value of `y` that means "no label", beside NaN, None and pandas.NA.

    Raises
    ------
    ValueError
        If a parameter is not usable; by :meth:`split`, if a task has fewer than 2 labels or none to train on, or there
        are fewer than 2 groups.

    See Also
    --------
    MultiTaskStratifiedKFold : Folds that together are all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskShuffleSplit
    >>> y = np.repeat([[0, 1], [1, np.nan], [1, 0]], [8, 8, 4], axis=0)
    >>> for train, test in MultiTaskShuffleSplit(2, test_size=0.25, random_state=0).split(y, y):
    ...     print((y[test, 0] == 1).sum(), np.isnan(y[test, 1]).sum())
    3 2
    3 2
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: float | None = None,
        train_size: float | None = None,
        random_state: Any = None,
        n_bins: int = 5,
        missing_label: object = None,
    ) -> None:
        require_integer("n_splits", n_splits, 1)
        require_integer("n_bins", n_bins, 2)
        super().__init__(n_splits, test_size=test_size, train_size=train_size, random_state=random_state)
        self.n_bins = n_bins
        self.missing_label = missing_label

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[IntArray, IntArray]]:
        labels, strata = read_strata(y, self.n_bins, self.missing_label)
        n_samples = len(strata)
        units = read_groups(groups, n_samples, 2)
        n_test, n_train = self._sizes(n_samples)
        rng = check_random_state(self.random_state)
        rows = np.arange(n_samples)
        for split in range(self.n_splits):
            for _ in range(MAX_DRAWS):
                test = draw(strata, n_test, units, rows, rng)
                rest = np.setdiff1d(rows, test)
                train = rest if n_train == n_samples - n_test else draw(strata, n_train, units, rest, rng)
                if not lost_tasks(np.isin(rows, train), labels.observed).any():
                    break
            require_trainable(np.isin(rows, train), labels, split)
            yield rng.permutation(train), rng.permutation(test)

    def _sizes(self, n_samples: int) -> tuple[int, int]:
        """Rows of the test part and of the training part."""
        of_same_size = ShuffleSplit(1, test_size=self.test_size, train_size=self.train_size, random_state=0)
        train, test = next(of_same_size.split(np.empty(n_samples)))
        return len(test), len(train)


def read_cv(cv: Any, estimator: Any) -> Any:
    """Splitter of ``cv``: a number of folds, or None for 5, stands for :class:`MultiTaskKFold`."""
    if cv is None or isinstance(cv, Integral):
        missing_label = getattr(final_model(estimator), "missing_label", None)
        return MultiTaskKFold(5 if cv is None else int(cv), missing_label=missing_label)
    return check_cv(cv)
