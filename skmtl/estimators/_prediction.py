"""From a fitted network to predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse

from skmtl.network import Network
from skmtl.tasks import Task, TaskLayout
from skmtl.training import threads_for

CHUNK_CELLS = 1 << 22  # activations of one chunk of rows: bounds the memory of predict


def predict_responses(
    network: Network, layout: TaskLayout, encoded: np.ndarray | sparse.csr_array, n_threads: int | None = None
) -> list[np.ndarray]:
    """Mean response of the members, one array ``(n, n_classes or 1)`` a task, in the order of the label matrix.

    Parameters
    ----------
    network : Network
        Fitted.
    layout : TaskLayout
        Its tasks.
    encoded : ndarray or CSR array of shape (n, n_features)
        Encoded rows.

    Returns
    -------
    list of ndarray
        Probabilities, or numbers in the units of the labels.
    """
    chunks = [_mean_responses(layout, outputs) for outputs in _outputs(network, encoded, n_threads)]
    if len(chunks) == 1:
        return chunks[0]
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _outputs(network: Network, encoded: Any, n_threads: int | None) -> Iterator[np.ndarray]:
    widest = max(network.architecture.n_inputs, *network.architecture.hidden_layer_sizes, network.n_outputs)
    n_rows = encoded.shape[0]
    step = min(max(CHUNK_CELLS // (widest * network.architecture.members), 1), n_rows)
    with threads_for(2.0 * step * network.n_parameters * network.architecture.members, n_threads):
        for start in range(0, n_rows, step):
            rows = encoded[start : start + step]
            dense = rows.toarray() if sparse.issparse(rows) else rows
            x = torch.tensor(dense, dtype=network.buffer.values.dtype, device=network.device)
            yield network(x[None]).cpu().numpy()


def _mean_responses(layout: TaskLayout, outputs: np.ndarray) -> list[np.ndarray]:
    by_task = layout.split_outputs(outputs)
    tasks = [layout.tasks[place] for place in np.argsort(layout.order)]
    return [task.kind.response(task, part).mean(axis=0) for task, part in zip(tasks, by_task, strict=True)]


def decode(tasks: list[Task], responses: list[np.ndarray]) -> list[np.ndarray]:
    """Predicted labels, one array ``(n,)`` a task."""
    return [task.kind.decode(task, response) for task, response in zip(tasks, responses, strict=True)]


def stack_columns(columns: list[np.ndarray]) -> np.ndarray:
    """Columns side by side ``(n, n_tasks)``; as objects where their types do not go together."""
    kinds = {column.dtype.kind for column in columns}
    if len(kinds) == 1 or kinds <= set("iuf") or kinds <= set("US"):
        return np.column_stack(columns)
    stacked = np.empty((len(columns[0]), len(columns)), dtype=object)
    for k, column in enumerate(columns):
        stacked[:, k] = column.tolist()
    return stacked
