"""Stratified folds for label matrices with missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from skmtl._params import require_integer
from skmtl.model_selection._strata import IntArray, read_strata, read_units, require_trainable
from skmtl.model_selection._stratification import deal


class MultiTaskStratifiedKFold(BaseCrossValidator):
    """K folds with the same share of every task's labels and classes, for a `y` in which labels may be missing.

    Beside the classes, folds share alike which labels are present, and numeric tasks by quantile bins. With ``groups``
    the rows of a group stay together.

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
        A further value of y that means "no label", beside NaN, None and pandas.NA.

    Raises
    ------
    ValueError
        If a parameter is not usable; by :meth:`split`, if a task has fewer than 2 labels, there are fewer rows or
        groups than folds, or a fold would hold every label of a task.

    See Also
    --------
    MultiTaskKFold : Weighs all labels of a row at once, and keeps rows in their order where it can.
    MultiTaskShuffleSplit : Random parts of any size.

    Notes
    -----
    Iterative stratification [1]_: the scarcest class is dealt first, each of its rows to the fold that lacks most of
    it. Without groups the folds have the sizes of :class:`~sklearn.model_selection.KFold`, to which the most common
    class yields.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskStratifiedKFold
    >>> y = np.array([[0, 1], [0, np.nan], [0, np.nan], [1, 0], [1, np.nan], [1, 1]])
    >>> for train, test in MultiTaskStratifiedKFold(n_splits=3).split(y, y):
    ...     print(test, y[test].tolist())
    [1 3] [[0.0, nan], [1.0, 0.0]]
    [0 4] [[0.0, 1.0], [1.0, nan]]
    [2 5] [[0.0, nan], [1.0, 1.0]]
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: Any = None,
        n_bins: int = 5,
        missing_label: object = None,
    ) -> None:
        require_integer("n_splits", n_splits, 2)
        require_integer("n_bins", n_bins, 2)
        if random_state is not None and not shuffle:
            raise ValueError("random_state has no effect without shuffling. Set shuffle=True or leave it at None.")
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.n_bins = n_bins
        self.missing_label = missing_label

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Not used.

        Returns
        -------
        int
            Number of folds.
        """
        return int(self.n_splits)

    def _iter_test_indices(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[IntArray]:
        labels, strata = read_strata(y, self.n_bins, self.missing_label)
        n_samples = len(strata)
        if n_samples < self.n_splits:
            raise ValueError(f"n_splits={self.n_splits} is greater than the number of rows, {n_samples}. Lower it.")
        units = read_units(groups, n_samples, self.n_splits)
        order = np.arange(n_samples)
        if self.shuffle:
            check_random_state(self.random_state).shuffle(order)
        sizes = np.full(self.n_splits, n_samples // self.n_splits)
        sizes[: n_samples % self.n_splits] += 1
        folds = deal(strata, sizes, units, order)
        for fold in range(self.n_splits):
            require_trainable(folds != fold, labels, fold)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds == fold)
