"""skmtl itself through its public estimators, with default parameters unless told otherwise."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.peers import spread
from benchmarks.accuracy.protocols import Features, Floats


def parse_params(text: str) -> dict[str, Any]:
    """Read ``name=literal, name=literal`` as keyword arguments.

    Raises
    ------
    ValueError
        If a value is not a literal, or an entry has no name.
    """
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args:
            raise ValueError("an entry has no name")
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"--set-params takes name=literal pairs such as 'n_estimators=4', got {text!r}") from error


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
