"""A fit of one task to which the other tasks of the label matrix are unknown."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._encoding import as_encoder
from skmtl.fitting import FitJob, SharedInputs, prepare
from skmtl.inputs import LabelledRows, LabelMatrix, as_mapping, take_rows


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
    return prepare(params | {"loss_weights": None, **_class_weight(params, task.name)}, single)


def _class_weight(params: dict[str, Any], name: Any) -> dict[str, Any]:
    """The task's part of class weights by task."""
    given = as_mapping(params.get("class_weight"))
    return {"class_weight": {name: given[name]} if name in given else None} if isinstance(given, dict) else {}
