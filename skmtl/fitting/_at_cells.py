"""Predictions of single cells of the label matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse

from skmtl.encoders import Encoder
from skmtl.fitting._new_tasks import TasksTogether
from skmtl.fitting._prediction import encoded_chunks, threads_of
from skmtl.inputs import cells_of_column, with_values
from skmtl.layers import CellPattern, WideReadout
from skmtl.postprocess import Threshold, thresholded
from skmtl.tasks import Task


def predicts_single_cells(together: Sequence[TasksTogether]) -> bool:
    """Whether cells can be predicted one by one: many tasks of one output each, whose responses nothing corrects."""
    if len(together) > 1:
        return False
    network, layout, postprocessors, member_weights = together[0]
    plain = type(network.layers.head) is WideReadout and network.n_outputs == len(layout.tasks)
    return plain and not postprocessors and member_weights is None


def labels_at_cells(
    together: TasksTogether,
    encoder: Encoder,
    X: Any,
    cells: sparse.csc_array,
    thresholds: Mapping[Any, Threshold],
    n_threads: int | None,
) -> list[np.ndarray]:
    """Predicted labels of the stored cells, one array ``(n_stored,)`` a task, in the order of the label matrix."""
    layout = together.layout
    by_row = (cells if (np.diff(layout.order) == 1).all() else cells[:, layout.order]).tocsr()
    outputs = _outputs(together, encoder, X, by_row, n_threads)
    places = with_values(by_row, np.arange(by_row.nnz)).tocsc()

    def predicted(index: int, task: Task) -> np.ndarray:
        own = outputs[:, cells_of_column(places, index)[1], None]  # (member, cell, 1)
        response = task.kind.response([task], own)[:, :, 0].mean(axis=0)
        return task.kind.decode(task, thresholded(response, thresholds.get(task.name)))

    found = [predicted(index, task) for index, task in enumerate(layout.tasks)]
    return [found[index] for index in np.argsort(layout.order)]


def _outputs(
    together: TasksTogether, encoder: Encoder, X: Any, cells: sparse.csr_array, n_threads: int | None
) -> np.ndarray:
    """Outputs of the stored cells ``(member, cell)``, row by row."""
    network, start, found = together.network, 0, []
    head = network.layers.head
    assert isinstance(head, WideReadout)
    with threads_of(network, n_threads):
        for _, features in encoded_chunks(network, encoder, X, network.layers.features):
            end = start + features.shape[1]
            pattern = CellPattern(cells[start:end], network.device)
            kept = torch.from_numpy(features).to(network.device)
            with torch.inference_mode():
                members = range(network.architecture.members)
                own = [head.at(pattern, kept[member % len(kept)], member) for member in members]
            found.append(torch.stack(own).cpu().numpy())
            start = end
    return np.concatenate(found, axis=1)
