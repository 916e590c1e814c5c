"""skmtl itself through its public estimators, with default parameters unless told otherwise."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.peers import spread
from benchmarks.accuracy.protocols import Features, Floats

SUBJECT = "skmtl"
EXAMPLE = '{"dropout": 0, "max_iter": 30}'


def parse_params(text: str) -> dict[str, Any]:
    """Read a JSON object as parameters.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    try:
        params = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(params, dict):
        raise argparse.ArgumentTypeError(f"an object such as {EXAMPLE} is needed, got {text}")
    return params


def variant(params: dict[str, Any]) -> str:
    """Label of the estimator with these parameters, unless the user gives another."""
    return f"{SUBJECT} {json.dumps(params)}" if params else SUBJECT


class SubjectModel:
    """The estimator that fits the kinds of the table: classes only, numbers only, or both."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def fit(self, X: Features, Y: pd.DataFrame, kinds: Sequence[str]) -> SubjectModel:
        """Fit all tasks in one estimator; missing labels stay NaN."""
        self.kinds_ = tuple(kinds)
        self.classes_ = [np.unique(column[~np.isnan(column)]) for column in Y.to_numpy().T]
        self.mixed_ = "regression" in kinds and len(set(kinds)) > 1
        self.model_ = self._build(list(Y.columns)).set_params(**self.params)
        self.model_.fit(X, Y if self.mixed_ else Y.to_numpy())
        return self

    def _build(self, names: list[str]) -> Any:
        import skmtl

        if self.mixed_:
            return skmtl.MultiTaskNet(tasks=dict(zip(names, self.kinds_, strict=True)), random_state=0)
        if self.kinds_[0] == "regression":
            return skmtl.MultiTaskNetRegressor(random_state=0)
        return skmtl.MultiTaskNetClassifier(random_state=0)

    def predict(self, X: Features, n_classes: Sequence[int]) -> list[Floats]:
        """By task: numbers ``(row,)``, or probabilities ``(row, class)`` over all classes of the set."""
        numeric = "regression" in self.kinds_
        numbers = np.asarray(self.model_.predict(X)).reshape(len(X), -1) if numeric else None
        probabilities = self.model_.predict_proba(X) if set(self.kinds_) != {"regression"} else None
        outputs = []
        for t, kind in enumerate(self.kinds_):
            if kind == "regression":
                assert numbers is not None
                outputs.append(numbers[:, t].astype(float))
            else:
                assert probabilities is not None
                outputs.append(spread(probabilities[t], self.classes_[t], n_classes[t]))
        return outputs
