"""Random parts of label matrices with missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state

from skmtl._params import require_integer
from skmtl.model_selection._strata import IntArray, read_strata, read_units, require_trainable
from skmtl.model_selection._stratification import deal


class MultiTaskShuffleSplit(BaseShuffleSplit):
    """Random training and test parts with their share of every task's labels, some of which may be missing.

    Each split is dealt anew, by the iterative stratification of :class:`MultiTaskStratifiedKFold`. With ``groups`` the
    rows of a group stay together.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=None
        Share or number of test rows; None: what ``train_size`` leaves, or 0.1 without it.
    train_size : float or int, default=None
        Share or number of training rows; None: what ``test_size`` leaves.
    random_state : int, RandomState instance or None, default=None
        Seed; an int gives the same splits at every call.
    n_bins : int, default=5
        Number of quantile bins of a numeric task: one with fractions or more than 20 different values.
    missing_label : object, default=None
        A further value of y that means "no label", beside NaN, None and pandas.NA.

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
        units = read_units(groups, n_samples, 2)
        sizes = self._sizes(n_samples)
        rng = check_random_state(self.random_state)
        for split in range(self.n_splits):
            order = rng.permutation(n_samples)
            parts = deal(strata, sizes, units, order)
            require_trainable(parts == 1, labels, split)
            yield order[parts[order] == 1], order[parts[order] == 0]

    def _sizes(self, n_samples: int) -> IntArray:
        """Rows of the test part, the training part and neither."""
        of_same_size = ShuffleSplit(1, test_size=self.test_size, train_size=self.train_size, random_state=0)
        train, test = next(of_same_size.split(np.empty(n_samples)))
        return np.array([len(test), len(train), n_samples - len(test) - len(train)])
