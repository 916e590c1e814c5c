"""Which rows are held out together, as a splitter or groups of the user's say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.model_selection import GroupKFold

from skmtl.inputs._cells import as_array, is_missing
from skmtl.inputs._rows import LabelledRows, count_rows

CURE = "MultiTaskKFold and MultiTaskStratifiedKFold of skmtl.model_selection spread the labels of every task"


class Splits(NamedTuple):
    """Rows that splits learn from and hold out.

    Attributes
    ----------
    train, test : ndarray of shape (n_read, n), bool
        Of the splits that members take.
    n_splits : int
        How many there are.
    """

    train: np.ndarray
    test: np.ndarray
    n_splits: int

    @property
    def every_row_held_out(self) -> bool:
        """Whether each row is in a test part."""
        return bool(self.test.any(axis=0).all())

    @property
    def every_row_used(self) -> bool:
        """Whether each row is in one of the two parts of every split."""
        return bool((self.train | self.test).all())


@dataclass(frozen=True)
class RowSplitter:
    """The rows that the user gave and how to split them.

    Attributes
    ----------
    cv : object
        None or int: groups are dealt to folds of about one size; else a splitter or an iterable of splits.
    X, y, groups : array-like
        As the user gave them.
    codes : ndarray of shape (n_samples,), int, or None
        Number of the group of each row.
    """

    cv: Any
    X: Any
    y: Any
    groups: Any
    codes: np.ndarray | None
    _read: list[Splits] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def lists_splits(self) -> bool:
        """Whether ``cv`` itself says which rows are held out."""
        return _is_splitter(self.cv)

    @classmethod
    def read(cls, cv: Any, X: Any, y: Any, groups: Any) -> Self | None:
        """Check the groups; None where rows are to be dealt to folds by their content.

        Raises
        ------
        ValueError
            If the groups are not one for each row.
        """
        if groups is None and not _is_splitter(cv):
            return None
        return cls(cv, X, y, groups, None if groups is None else group_codes(groups, count_rows(X)))

    def split(self, rows: LabelledRows, n_members: int, n_folds: int) -> Splits:
        """Split the ``rows`` that carry labels, of those that the user gave.

        Parameters
        ----------
        rows : LabelledRows
            The rows.
        n_members : int
            So many splits are read, the others are counted.
        n_folds : int
            Of groups, where ``cv`` is None; fewer where there are fewer groups.

        Returns
        -------
        Splits
            Of ``rows``.

        Raises
        ------
        ValueError
            If the splits are not usable.
        """
        if self.lists_splits:
            splits = self._first_splits(n_members)
            splits = splits._replace(train=splits.train[:, rows.kept_mask], test=splits.test[:, rows.kept_mask])
        else:
            splits = self._by_groups(rows, n_members, n_folds)
        self._require_labels(splits, rows)
        return splits

    def _first_splits(self, n_members: int) -> Splits:
        """The same at each call, though a splitter may draw them, and an iterator gives them once."""
        if not self._read or len(self._read[0].train) < min(n_members, self._read[0].n_splits):
            self._read[:] = [self._by_splitter(n_members)]
        splits = self._read[0]
        return splits._replace(train=splits.train[:n_members], test=splits.test[:n_members])

    def _by_splitter(self, n_members: int) -> Splits:
        n_samples = count_rows(self.X)
        try:
            parts = iter(self.cv.split(self.X, self.y, self.groups) if hasattr(self.cv, "split") else self.cv)
            taken = list(islice(parts, n_members))
            n_splits = len(taken) + sum(1 for _ in parts)  # each may be as large as X
        except (TypeError, ValueError) as error:
            message = str(error).rstrip(".")
            raise ValueError(
                f"cv could not split the rows: {message}. Splitters of groups need fit(..., groups=...); those that "
                f"stratify take 1-D y without missing labels. {CURE}."
            ) from error
        if not taken:
            raise ValueError("cv gives no split; pass a splitter, or a list of splits, which can be read again.")
        masks = [_as_masks(k, split, n_samples) for k, split in enumerate(taken)]
        train, test = map(np.stack, zip(*masks, strict=True))
        return Splits(train, test, n_splits)

    def _by_groups(self, rows: LabelledRows, n_members: int, n_folds: int) -> Splits:
        assert self.codes is not None
        codes = self.codes[rows.kept_mask]
        labelled = codes[rows.row_weights > 0]
        n_groups = len(np.unique(labelled))
        n_splits = max(min(n_folds, n_groups), 2) if self.cv is None else int(self.cv)
        if n_groups < n_splits:
            asked = "" if self.cv is None else f"cv={self.cv} asks for {self.cv} folds, and "
            raise ValueError(
                f"{asked}groups has {n_groups} distinct {'value' if n_groups == 1 else 'values'} among the "
                f"{len(labelled)} rows with a label; {n_splits} are needed, as rows of a group are held out together. "
                f"Pass finer groups, a smaller cv, or early_stopping=False, which holds out no rows."
            )
        fold = np.full(codes.max() + 1, -1)
        for k, (_, test) in enumerate(GroupKFold(n_splits).split(labelled, groups=labelled)):
            fold[labelled[test]] = k
        others = np.setdiff1d(codes, labelled)  # apart, so that each fold has labels
        fold[others] = np.arange(len(others)) % n_splits
        held_out = fold[codes] == np.arange(min(n_splits, n_members))[:, None]
        return Splits(~held_out, held_out, n_splits)

    def _require_labels(self, splits: Splits, rows: LabelledRows) -> None:
        """Check that each split has labels of every task to learn from, and some to judge by."""
        observed = (rows.weights > 0).astype(np.float32)
        missing = np.argwhere(splits.train.astype(np.float32) @ observed == 0)
        name = "cv" if self.lists_splits else "groups"
        if len(missing):
            split, task = missing[0].tolist()
            raise ValueError(
                f"{name}: split {split} leaves no label of task {rows.labels.names[task]!r} to learn from, among "
                f"{splits.train[split].sum()} training rows; its {int(observed[:, task].sum())} labels are elsewhere. "
                f"{CURE}; or drop the task."
            )
        unjudged = np.flatnonzero(~splits.test[:, rows.row_weights > 0].any(axis=1))
        if len(unjudged):
            raise ValueError(
                f"{name}: split {unjudged[0]} holds out no row with a label, by which a member could be judged. Leave "
                f"rows without labels out of the splits."
            )


def _is_splitter(cv: Any) -> bool:
    return cv is not None and not isinstance(cv, Integral)


def group_codes(groups: Any, n_samples: int) -> np.ndarray:
    """Number of each row's group, from 0 on.

    Raises
    ------
    ValueError
        If the groups are not one for each row, or one is missing.
    """
    array = as_array(groups, "groups")
    if array.shape != (n_samples,):
        raise ValueError(f"groups must be one for each of the {n_samples} rows of X; got shape {array.shape}.")
    values = array.tolist()
    for row, value in enumerate(values):
        if is_missing(value):
            raise ValueError(
                f"groups must not be missing; got {value} in row {row}. Give such rows groups of their own."
            )
    try:
        codes: np.ndarray = np.unique(array, return_inverse=True)[1]
    except TypeError:  # of several types, which have no order
        codes = np.unique([repr(value) for value in values], return_inverse=True)[1]
    return codes.reshape(-1)


def _as_masks(number: int, split: Any, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of a split, ``(n_samples,)`` each."""
    if not isinstance(split, Iterable) or len(parts := tuple(split)) != 2:
        raise ValueError(f"cv: split {number} must be a pair of training and test rows; got {split!r}.")
    train, test = (
        _as_mask(f"the {name} part of split {number}", rows, n_samples)
        for name, rows in zip(("training", "test"), parts, strict=True)
    )
    both = np.flatnonzero(train & test)
    if len(both):
        raise ValueError(
            f"cv: {len(both)} rows are in both parts of split {number}, row {both[0]} first; a member must not learn "
            f"from rows that judge it. Take them out of one part."
        )
    return train, test


def _as_mask(what: str, rows: Any, n_samples: int) -> np.ndarray:
    index = np.asarray(rows)
    if index.size and (index.dtype.kind not in "biu" or index.ndim != 1):
        raise ValueError(f"cv: {what} must be indices of rows or a mask; got {index.ndim}-D {index.dtype}.")
    if index.dtype == bool:
        if len(index) != n_samples:
            raise ValueError(f"cv: {what} is a mask of {len(index)} rows, and X has {n_samples}.")
        index = np.flatnonzero(index)
    if not index.size:
        raise ValueError(f"cv: {what} has no rows; every split needs some to learn from and some to judge by.")
    if index.min() < 0 or index.max() >= n_samples:
        raise ValueError(
            f"cv: {what} has row {index.min() if index.min() < 0 else index.max()}, and X has {n_samples} rows, from "
            f"0 to {n_samples - 1}. Where an estimator is fitted to parts of the rows, as in a search, pass a splitter."
        )
    counts = np.bincount(index, minlength=n_samples)
    if counts.max() > 1:
        raise ValueError(
            f"cv: {what} has row {counts.argmax()} {counts.max()} times; a row counts once. Give it a sample_weight."
        )
    mask: np.ndarray = counts > 0
    return mask
