"""A fit of one task to which the other tasks of the label matrix are unknown."""

from __future__ import annotations

import copy

import numpy as np

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._encoding import as_encoder
from skmtl.fitting import FitJob, SharedInputs, class_weight_by_task, prepare
from skmtl.inputs import LabelledRows, LabelMatrix, take_rows


def prepare_single(net: BaseMultiTaskNet, inputs: SharedInputs, k: int) -> FitJob:
    """Prepare the fit of task ``k`` to the rows that have a label of it, as if there were no other task."""
    rows, task = inputs.rows, inputs.tasks[k]
    seen = np.flatnonzero(rows.weights[:, k] > 0)
    labels = LabelMatrix(
        columns=[rows.labels.columns[k][seen]],
        observed=np.ones((len(seen), 1), dtype=bool),
        names=[task.name],
        one_dimensional=False,
        categories=[rows.labels.categories[k]],
    )
    weights = rows.weights[seen, k : k + 1]
    kept_mask = np.zeros_like(rows.kept_mask)
    kept_mask[np.flatnonzero(rows.kept_mask)[seen]] = True
    own = LabelledRows(take_rows(rows.X, seen), labels, weights, kept_mask)
    params = net.get_params(deep=False)
    encoder = copy.deepcopy(as_encoder(params["encoder"])).fit(own.X, own.row_weights)
    single = SharedInputs(own, encoder, [task], False, inputs.columns, splitter=inputs.splitter)
    of_classes = class_weight_by_task(params.get("class_weight"), inputs.tasks, one_dimensional=False)[k]
    class_weight = None if of_classes is None else [of_classes]
    return prepare(params | {"loss_weights": None, "threshold_metric": None, "class_weight": class_weight}, single)
