"""LabelledRows as numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from skmtl.defaults import encoding_dtype
from skmtl.encoders import Encoder
from skmtl.inputs import LabelledRows, LabelMatrix
from skmtl.tasks import TaskLayout

T = TypeVar("T")


@dataclass(frozen=True)
class EncodedData:
    """Rows and targets as numbers, in the layout's order of tasks.

    Attributes
    ----------
    rows : ndarray or CSR array of shape (n, n_features)
        Encoded rows of X.
    targets, weights : ndarray of shape (n, n_tasks)
        Encoded labels and the weight of each cell, 0 where no label is.
    labels : LabelMatrix
        The labels before encoding.
    memo : dict
        What fits to the same rows and targets compute once, whatever their weights.
    """

    rows: np.ndarray | sparse.csr_array
    targets: np.ndarray
    weights: np.ndarray
    labels: LabelMatrix
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, compute: Callable[..., T], *arguments: Any) -> T:
        """Result of ``compute(self, *arguments)``, which must not depend on the weights."""
        key = (compute.__name__, *arguments)
        if key not in self.memo:
            self.memo[key] = compute(self, *arguments)
        result: T = self.memo[key]
        return result


class Encodings:
    """What observations are as numbers, each encoded once.

    Parameters
    ----------
    encoder : Encoder
        Fitted; of the rows.
    layout : TaskLayout
        Of the labels.
    """

    def __init__(self, encoder: Encoder, layout: TaskLayout) -> None:
        self._encoder, self._layout = encoder, layout
        self._known: dict[tuple[int, np.dtype[Any]], tuple[LabelledRows, EncodedData]] = {}

    def of(self, observations: LabelledRows, weights: np.ndarray, dtype: str) -> EncodedData:
        """Encode observations, whose cells have ``weights`` of shape (n, n_tasks), to be computed with in ``dtype``."""
        encode_in = np.dtype(encoding_dtype(dtype, len(weights)))
        largest = weights.max(axis=0, initial=0.0)  # only ratios within a task count; this keeps them within float32
        if not np.isin(largest, (0.0, 1.0)).all():
            weights = weights / np.where(largest > 0, largest, 1.0)
        weights = self._layout.arrange(weights)
        key = (id(observations), encode_in)
        if key in self._known:
            return replace(self._known[key][1], weights=weights)
        targets = self._layout.encode(observations.labels.columns, observations.labels.observed, encode_in)
        rows = self._encoder.transform(observations.X, encode_in)
        data = EncodedData(rows, targets, weights, observations.labels)
        self._known[key] = observations, data  # the observations stay alive, and with them the meaning of their id
        return data

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
