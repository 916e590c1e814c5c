"""From a fitted network to predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skmtl.encoders import Encoder, dense
from skmtl.inputs import sliceable
from skmtl.network import Network, Workspace
from skmtl.postprocess import Postprocessor, Threshold, thresholded
from skmtl.sharing import SharingStatistic
from skmtl.tasks import Task, TaskLayout
from skmtl.training import threads_for

CHUNK_CELLS = 1 << 20  # activations of one chunk of rows: stays in the cache and bounds the memory


class Ensemble(NamedTuple):
    """Members of a network of which the mean response is asked for.

    Attributes
    ----------
    members : slice
        Neighbouring members.
    postprocessors : sequence of Postprocessor
        Of the mean responses, in the order in which they act.
    weights : ndarray of shape (member, n_tasks) or None
        Weight of each of these members in the mean of each task; None: all count alike.
    """

    members: slice
    postprocessors: Sequence[Postprocessor]
    weights: np.ndarray | None


def predict_responses(
    network: Network,
    layout: TaskLayout,
    encoder: Encoder,
    X: Any,
    n_threads: int | None = None,
    postprocessors: Sequence[Postprocessor] = (),
    member_weights: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Mean response of the members, one array ``(n, n_classes or 1)`` a task, in the order of the label matrix.

    Parameters
    ----------
    network : Network
        Fitted.
    layout : TaskLayout
        Its tasks.
    encoder : Encoder
        Fitted.
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        Rows.
    n_threads : int, optional
        Number of threads; by default chosen from the work.
    postprocessors : sequence of Postprocessor, default=()
        Of the responses, in the order in which they act.
    member_weights : ndarray of shape (member, n_tasks), optional
        Weight of each member in the mean of each task, as in :class:`FitJob`; by default all count alike.

    Returns
    -------
    list of ndarray
        Probabilities, or numbers in the units of the labels.
    """
    ensemble = Ensemble(slice(None), postprocessors, member_weights)
    (responses,) = predict_ensembles(network, layout, encoder, X, [ensemble], n_threads)
    return responses


def predict_ensembles(
    network: Network,
    layout: TaskLayout,
    encoder: Encoder,
    X: Any,
    ensembles: Sequence[Ensemble],
    n_threads: int | None = None,
) -> list[list[np.ndarray]]:
    """Responses of each of several ensembles, from one pass over the rows; see :func:`predict_responses`."""
    chunks: list[list[list[np.ndarray]]] = [[] for _ in ensembles]
    with threads_of(network, n_threads):
        for rows, outputs in encoded_chunks(network, encoder, X):
            for pieces, (members, postprocessors, weights) in zip(chunks, ensembles, strict=True):
                pieces.append(_respond(layout, outputs[members], rows, postprocessors, weights))
    return [_in_one(pieces) for pieces in chunks]


def _respond(
    layout: TaskLayout,
    outputs: np.ndarray,
    rows: np.ndarray,
    postprocessors: Sequence[Postprocessor],
    member_weights: np.ndarray | None,
) -> list[np.ndarray]:
    """Responses by task, ``(row, n_classes or 1)``, from outputs ``(member, row, outputs)`` to encoded rows."""
    if member_weights is None:
        responses = layout.by_task(layout.mean_responses(outputs))
    else:
        responses = layout.weighted_responses(outputs, member_weights)
    for postprocessor in postprocessors:
        responses = postprocessor(rows, responses)
    return responses


def encoded_chunks(
    network: Network, encoder: Encoder, X: Any, layers: Callable[[Tensor, Workspace], Tensor] | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Encoded rows of X and their outputs ``(member, row, outputs)`` in pieces; these hold until the next.

    With ``layers`` what these give is in place of the outputs.
    """
    dtype, step = network.architecture.dtype, _rows_at_a_time(network, network.n_outputs if layers is None else 0)
    workspace, n_rows = Workspace(reuse=True), getattr(X, "shape", (0,))[0]
    for start in range(0, max(n_rows, 1), step):  # a list is one piece
        rows = X if n_rows <= step else sliceable(X)[start : start + step]
        encoded = dense(encoder.transform(rows, dtype), dtype)
        with torch.inference_mode():
            outputs = (layers or network)(torch.from_numpy(encoded).to(network.device)[None], workspace).cpu().numpy()
        yield encoded, outputs


def _rows_at_a_time(network: Network, n_outputs: int) -> int:
    widest = max(network.architecture.n_inputs, network.peak_activations, n_outputs)
    return max(CHUNK_CELLS // (widest * network.architecture.members), 1)


def threads_of(network: Network, n_threads: int | None = None) -> AbstractContextManager[None]:
    """As many threads as the work of a chunk is worth, or as the user says."""
    work = 2.0 * _rows_at_a_time(network, network.n_outputs) * network.operations * network.architecture.members
    return threads_for(work, n_threads)


def _in_one(chunks: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
    return chunks[0] if len(chunks) == 1 else [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def sharing_findings(network: Network, layout: TaskLayout, encoder: Encoder, X: Any) -> dict[str, np.ndarray]:
    """What the hidden layers tell about how tasks share, every task axis in the order of the label matrix."""
    dtype = network.architecture.dtype
    with threads_of(network):
        encoded = dense(encoder.transform(X, dtype), dtype)
        found = network.sharing_statistics(torch.from_numpy(encoded).to(network.device)[None])
    return {name: _restored(finding, layout) for name, finding in found.items()}


def task_features(network: Network, layout: TaskLayout, encoder: Encoder, X: Any, task: int) -> np.ndarray:
    """Last hidden layer that a task's output reads, ``(member, row, width)``; the task by its label column."""
    dtype = network.architecture.dtype
    with threads_of(network), torch.inference_mode():
        encoded = torch.from_numpy(dense(encoder.transform(X, dtype), dtype)).to(network.device)
        features = network.layers.features(encoded[None], Workspace()).cpu().numpy()
    n_tasks, members = len(layout.tasks), network.architecture.members
    if len(features) == members * n_tasks:  # of each task's own
        features = features.reshape(members, n_tasks, *features.shape[1:])[:, np.flatnonzero(layout.order == task)[0]]
    return features


def body_features(
    network: Network, layout: TaskLayout, encoder: Encoder, X: Any, n_threads: int | None = None
) -> np.ndarray:
    """Features that the hidden layers of the sharing architecture give, ``(member, row, width)``.

    Where tasks read features of their own, those of all tasks are side by side, in the order of the label matrix.
    """
    members, copies = network.architecture.members, network.layers.body.copies
    tasks = np.argsort(layout.order) if copies > 1 else [0]

    def side_by_side(features: np.ndarray) -> np.ndarray:
        by_task = np.broadcast_to(features, (members * copies, *features.shape[1:]))
        by_task = by_task.reshape(members, copies, *features.shape[1:])[:, tasks]  # a copy
        return by_task.swapaxes(1, 2).reshape(members, features.shape[1], -1)

    def layers(x: Tensor, workspace: Workspace) -> Tensor:
        return network.layers.body.forward(network.layers.prepare(x, workspace), workspace)

    with threads_of(network, n_threads):
        chunks = [side_by_side(features) for _, features in encoded_chunks(network, encoder, X, layers)]
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=1)


def _restored(finding: SharingStatistic, layout: TaskLayout) -> np.ndarray:
    values = finding.values.cpu().numpy()
    for axis, name in enumerate(finding.axes):
        if name == "task":
            values = np.moveaxis(layout.restore(np.moveaxis(values, axis, -1)), -1, axis)
    return np.ascontiguousarray(values)


def decode(
    tasks: Sequence[Task], responses: Sequence[np.ndarray], thresholds: Mapping[Any, Threshold]
) -> list[np.ndarray]:
    """Predicted labels, one array ``(n,)`` a task; ``thresholds`` by task name."""
    pairs = zip(tasks, responses, strict=True)
    return [task.kind.decode(task, thresholded(response, thresholds.get(task.name))) for task, response in pairs]


def stack_columns(columns: list[np.ndarray], tasks: Sequence[Task]) -> np.ndarray:
    """Predicted columns side by side ``(n, n_tasks)``; as objects where no type holds the labels of all tasks."""
    kinds = {column.dtype.kind for column in columns}
    if len(kinds) == 1 or kinds <= set("iuf"):
        common = np.result_type(*columns)
        if all(holds_exactly(common, task) for task in tasks):
            return np.column_stack(columns)
    stacked = np.empty((len(columns[0]), len(columns)), dtype=object)
    for k, column in enumerate(columns):
        stacked[:, k] = column.tolist()
    return stacked


def holds_exactly(dtype: np.dtype[Any], task: Task) -> bool:
    """Whether a type holds each class of a task as it is, which floats do not with large integers."""
    classes = task.classes
    if classes is None or dtype == classes.dtype or classes.dtype.kind not in "iu":
        return True
    return bool(classes.astype(dtype).tolist() == classes.tolist())
