"""One-hot encoding of one categorical column."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from skmtl.encoders._columns import Array

_NEARLY_ALL = 0.9  # of the cells: the fewest values of free text and identifiers
_DIGITS = 12  # fractions equal to so many digits tie, however the weights are scaled


class Categories:
    """One-hot encoding of one column, with one output for all infrequent categories and one for missing cells.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Objects, None where missing.
    weights : ndarray of shape (n_samples,)
        Strictly positive weights.
    max_categories : int
        Largest number of outputs, without that of the missing cells.
    label : str
        How errors call the column.

    Raises
    ------
    TypeError
        If a value is not hashable.
    """

    def __init__(self, values: Array, weights: npt.NDArray[np.float64], max_categories: int, label: str) -> None:
        self._label = label
        found, fractions = _fractions(values, weights, label)
        kept, rare = found, []
        if len(found) > max_categories:
            _warn_of_text(values, found, label)
            order = np.argsort(-fractions, kind="stable")  # of equal fractions the first in sorted order is kept
            is_kept = np.zeros(len(found), dtype=bool)
            is_kept[order[: max_categories - 1]] = True
            kept = [value for value, keep in zip(found, is_kept, strict=True) if keep]
            rare = [value for value, keep in zip(found, is_kept, strict=True) if not keep]
        self.names = [*map(str, kept), *(["infrequent"] if rare else [])]
        self.codes: dict[Hashable, int] = {value: code for code, value in enumerate(kept)}
        self.codes.update(dict.fromkeys(rare, len(kept)))
        if any(value is None for value in values):
            self.codes[None] = len(self.names)
            self.names.append("missing")

    def __getstate__(self) -> dict[str, Any]:
        """Values and codes as lists: skops keeps no dict whose keys are of several types."""
        state = {name: value for name, value in vars(self).items() if name != "codes"}
        return state | {"values": list(self.codes), "numbers": list(self.codes.values())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        codes = dict(zip(state["values"], state["numbers"], strict=True))
        kept = {name: value for name, value in state.items() if name not in ("values", "numbers")}
        self.__dict__.update(kept | {"codes": codes})

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.names)

    def encode(self, values: Array, out: npt.NDArray[np.float64]) -> None:
        """Write ones into ``out``, zeros of shape (n_samples, n_outputs); an unknown value leaves its row zero."""
        try:
            codes = np.fromiter((self.codes.get(value, -1) for value in values), dtype=np.intp, count=len(values))
        except TypeError as error:
            raise _hash_error(self._label, error) from error
        known = np.flatnonzero(codes >= 0)
        out[known, codes[known]] = 1.0


def _warn_of_text(values: Array, found: list[Any], label: str) -> None:
    n_cells = sum(value is not None for value in values)
    if len(found) >= _NEARLY_ALL * n_cells:
        warnings.warn(
            f"X has {len(found)} different values in {n_cells} cells of the categorical {label}, as free text or "
            "identifiers have: their one-hot encoding tells little. Drop the column, or encode it ahead, say with "
            "make_pipeline(skrub.TableVectorizer(), MultiTaskNet()).",
            stacklevel=6,
        )


def _fractions(
    values: Array, weights: npt.NDArray[np.float64], label: str
) -> tuple[list[Any], npt.NDArray[np.float64]]:
    """Distinct values in an order that does not depend on the rows' order, and each one's fraction of the weight."""
    try:
        found = _sorted([value for value in dict.fromkeys(values) if value is not None])
    except TypeError as error:
        raise _hash_error(label, error) from error
    index = {value: i for i, value in enumerate(found)}
    codes = np.fromiter((index.get(value, len(found)) for value in values), dtype=np.intp, count=len(values))
    totals = np.bincount(codes, weights=weights, minlength=len(found) + 1)[: len(found)]
    return found, np.round(totals / weights.sum(), _DIGITS)


def _sorted(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # values of mixed types are not ordered
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))


def _hash_error(label: str, error: TypeError) -> TypeError:
    return TypeError(f"X holds a value in the categorical {label} that cannot be a category: {error}. Use strings.")
