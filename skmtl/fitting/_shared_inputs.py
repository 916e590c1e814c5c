"""Training rows and labels as the fits to them share them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from scipy import sparse

from skmtl.blocks import Survey
from skmtl.defaults import encoding_dtype
from skmtl.encoders import Encoder
from skmtl.inputs import LabelledRows, LabelMatrix, RowSplitter, StoredColumns, with_values
from skmtl.tasks import Task, TaskLayout

T = TypeVar("T")


@dataclass(frozen=True)
class EncodedRows:
    """Rows and targets as numbers, in the layout's order of tasks.

    Attributes
    ----------
    X : ndarray or CSR array of shape (n, n_features)
        Encoded rows.
    targets, weights : ndarray or CSR array of shape (n, n_tasks)
        Encoded labels and the weight of each cell, 0 where no label is; CSR where only cells with a label are kept.
    labels : LabelMatrix
        The labels before encoding.
    memo : dict
        What fits to the same rows and targets compute once, whatever their weights.
    """

    X: np.ndarray | sparse.csr_array
    targets: np.ndarray | Any
    weights: np.ndarray | Any
    labels: LabelMatrix
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, compute: Callable[..., T], *arguments: Any) -> T:
        """Result of ``compute(self, *arguments)``, which must not depend on the weights."""
        key = (compute, *arguments)
        if key not in self.memo:
            self.memo[key] = compute(self, *arguments)
        result: T = self.memo[key]
        return result


class SharedInputs:
    """Labelled rows with the encoder and the tasks that were fitted to them; every fit to them encodes them once.

    Parameters
    ----------
    rows : LabelledRows
        Training rows.
    encoder : Encoder
        Fitted.
    tasks : sequence of Task
        Fitted, in the order of the label matrix.
    one_dimensional : bool
        Whether y was 1-D.
    columns : dict
        ``n_features_in_`` and, where the columns of X have names, ``feature_names_in_``.
    validation : LabelledRows, optional
        Rows that decide which epoch's weights are kept, for all members.
    splitter : RowSplitter, optional
        What the user says of the rows that members hold out.
    survey : Survey, optional
        Of all rows, where they are read in blocks; ``rows`` are a sample of them then.

    Attributes
    ----------
    layout : TaskLayout
        Order of the tasks in the network.
    learns_inputs : bool
        Whether a part of the encoder is trained with the network.
    n_rows : int
        Number of training rows.
    n_unlabeled : int
        Number of those without any label, which are there only where a fit uses them.
    prepared : mapping
        Jobs that others can begin with, as long as somebody holds them.
    """

    def __init__(
        self,
        rows: LabelledRows,
        encoder: Encoder,
        tasks: Sequence[Task],
        one_dimensional: bool,
        columns: dict[str, Any],
        validation: LabelledRows | None = None,
        splitter: RowSplitter | None = None,
        survey: Survey | None = None,
    ) -> None:
        self.rows, self.encoder, self.tasks = rows, encoder, list(tasks)
        self.one_dimensional, self.columns = one_dimensional, columns
        self.validation, self.splitter, self.survey = validation, splitter, survey
        self.layout = TaskLayout(self.tasks)
        self.learns_inputs = encoder.build() is not None  # asked once: what is made to tell may be large
        self.n_rows = rows.weights.shape[0] if survey is None else survey.n_rows
        self.n_unlabeled = int(np.count_nonzero(rows.row_weights == 0))
        self.prepared: MutableMapping[Hashable, Any] = WeakValueDictionary()
        self._encoded: dict[tuple[int, np.dtype[Any]], tuple[LabelledRows, EncodedRows]] = {}

    @property
    def groups(self) -> np.ndarray | None:
        """Number of the user's group of each row, ``(n,)``; None where there are no groups."""
        codes = None if self.splitter is None else self.splitter.codes
        return None if codes is None else codes[self.rows.kept_mask]

    def encode(self, rows: LabelledRows, weights: np.ndarray | Any, dtype: str) -> EncodedRows:
        """Encode rows, whose cells have ``weights`` of shape (n, n_tasks), to be computed with in ``dtype``."""
        encode_in = np.dtype(encoding_dtype(dtype, weights.shape[0]))
        if rows.keeps_stored:
            return self._encode_stored(rows, weights, encode_in)
        weights = self.scaled_weights(weights, weights.max(axis=0, initial=0.0))
        key = (id(rows), encode_in)
        if key in self._encoded:
            return replace(self._encoded[key][1], weights=weights)
        targets = self.layout.encode(rows.labels.columns, rows.labels.observed, encode_in)
        encoded = EncodedRows(self.encoder.transform(rows.X, encode_in), targets, weights, rows.labels)
        self._encoded[key] = rows, encoded  # the rows stay alive, and with them the meaning of their id
        return encoded

    def scaled_weights(self, weights: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """Weights of the cells over the largest of each task, in the layout's order of tasks.

        Only ratios within a task count; this keeps them within float32.
        """
        if not np.isin(largest, (0.0, 1.0)).all():
            weights = weights / np.where(largest > 0, largest, 1.0)
        return self.layout.arrange(weights)

    def _encode_stored(self, rows: LabelledRows, weights: Any, dtype: np.dtype[Any]) -> EncodedRows:
        if (weights.data != 1).any():
            largest = np.repeat(weights.max(axis=0).toarray(), np.diff(weights.indptr))
            weights = with_values(weights, weights.data / largest)
        assert isinstance(rows.labels.columns, StoredColumns)
        targets, weights = self.layout.encode_stored(rows.labels.columns.stored, weights, dtype)
        return EncodedRows(self.encoder.transform(rows.X, dtype), targets, weights, rows.labels)

    def forget_encoded(self) -> None:
        """Forget the encoded rows; jobs that have been prepared keep what they need."""
        self._encoded.clear()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"prepared": {}}
