"""A fold as the fits to it see it: what comes before the nets, training rows, rows to score on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmtl.estimators._common_rows import CommonRows, UnusableRows
from skmtl.estimators._stack import Stack
from skmtl.inputs import LabelledRows
from skmtl.model_selection._candidates import Candidate
from skmtl.model_selection._evaluation import Evaluation, Fold


@dataclass(frozen=True)
class Prepared:
    """The steps before the net, fitted to the training rows of a fold.

    Attributes
    ----------
    steps : Pipeline or None
        Fitted; None where there are none.
    X : array-like or None
        What they make of the training rows.
    error : Exception or None
        Why they could not be fitted.
    fit_time : float
        Seconds.
    """

    steps: Pipeline | None = None
    X: Any = None
    error: Exception | None = None
    fit_time: float = 0.0


def prepare(candidate: Candidate, fold: Fold, evaluation: Evaluation) -> Prepared:
    """Fit the steps before the net of ``candidate`` to the training rows of ``fold``."""
    if candidate.steps is None:
        return Prepared()
    start = time.perf_counter()
    steps = clone(candidate.steps)
    X, y = evaluation.rows(fold.train)
    params = evaluation.fit_params_of(fold.train, None)
    known = tuple(f"{name}__" for name, _ in steps.steps)
    try:
        transformed = steps.fit_transform(X, y, **{k: v for k, v in params.items() if k.startswith(known)})
    except Exception as error:
        return Prepared(error=error)
    return Prepared(steps, transformed, fit_time=time.perf_counter() - start)


class Seat:
    """A fold as the fits of a heat see it.

    Parameters
    ----------
    fold : Fold
        Rows.
    prepared : Prepared
        Steps before the nets.
    n_fits : int
        Number of fits to the fold.
    """

    def __init__(self, fold: Fold, prepared: Prepared, n_fits: int) -> None:
        self.fold, self.prepared, self.n_fits = fold, prepared, n_fits
        self.release()

    def release(self) -> None:
        """Forget all rows."""
        self._rows: CommonRows | UnusableRows | None = None
        self._judges: LabelledRows | None = None

    def rows(self, first: Candidate, evaluation: Evaluation) -> CommonRows | UnusableRows:
        """Training rows as ``first`` and all others of the heat see them; they are read once."""
        if self._rows is None:
            self._rows = self._read(first, evaluation)
        return self._rows

    def close(self) -> None:
        """Expect no further fit."""
        if self._rows is not None:
            self._rows.close()

    def _read(self, first: Candidate, evaluation: Evaluation) -> CommonRows | UnusableRows:
        step = None if first.pipeline is None else first.pipeline.steps[-1][0]
        try:
            if self.prepared.error is not None:
                raise self.prepared.error
            X, y = evaluation.rows(self.fold.train)
            fitted_to = X if self.prepared.steps is None else self.prepared.X
            params = evaluation.fit_params_of(self.fold.train, step)
            return CommonRows(first.net, fitted_to, y, **params)
        except Exception as error:
            return UnusableRows(error)

    def score_tasks(self, stack: Stack, places: Sequence[int], evaluation: Evaluation) -> dict[int, dict[str, float]]:
        """Score of each task by its kind's metric, by place in the stack; none where they cannot be scored."""
        if not places:
            return {}
        try:
            if self._judges is None:
                self._judges = self._read_judges(evaluation)
            return stack.score_tasks(places, self._judges)
        except ValueError:  # no label among the rows, say
            return {}

    def _read_judges(self, evaluation: Evaluation) -> LabelledRows:
        X, y = evaluation.rows(self.fold.test)
        if self.prepared.steps is not None:
            X = self.prepared.steps.transform(X)
        assert isinstance(self._rows, CommonRows)
        return self._rows.judges(X, y, evaluation.score_params_of(self.fold.test).get("sample_weight"))
