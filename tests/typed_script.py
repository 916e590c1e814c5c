"""A user's script, which the type checker reads as it is meant; it is not run."""

from typing import Any, assert_type

import numpy as np
import pandas as pd

import skmtl
from skmtl.metrics import TaskScorer
from skmtl.sharing import MMoE


def use(X: np.ndarray, y: pd.DataFrame) -> None:
    """What type checkers find, and what they refuse: a comment that ignores nothing is an error."""
    net = skmtl.MultiTaskNet(tasks={"sold": "binary"}, sharing="mmoe", activation="silu", random_state=0)
    skmtl.MultiTaskNetRegressor(sharing=MMoE(n_experts=4), loss="poisson", max_iter=30)
    skmtl.MultiTaskNetClassifier(activation="rely")  # type: ignore[arg-type]
    skmtl.MultiTaskNet(balancing="famous")  # type: ignore[arg-type]

    assert_type(net.fit(X, y), skmtl.MultiTaskNet)
    assert_type(net.predict(X), np.ndarray)
    assert_type(net.score_tasks(X, y), dict[str, float])
    assert_type(net.predict_frame(X, library="pandas"), pd.DataFrame)
    assert_type(skmtl.predict_proba_frame(net, X, "pandas"), pd.DataFrame)
    net.predict_frame(X, library="arrow")  # type: ignore[call-overload]

    assert_type(skmtl.metrics.make_task_scorer("roc_auc"), TaskScorer)
    skmtl.metrics.make_task_scorer("rock_auc")  # type: ignore[arg-type]
    assert_type(skmtl.model_selection.cross_val_predict(net, X, y), np.ndarray)
    assert_type(skmtl.model_selection.cross_val_predict(net, X, y, method="predict_proba"), Any)
    skmtl.metric  # type: ignore[attr-defined]  # noqa: B018
