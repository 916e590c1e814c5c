"""Rows of a fold as its fits share them: the steps before the nets, training rows, rows to score on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sklearn.pipeline import Pipeline

from skmtl._sklearn import fit_steps
from skmtl.estimators._fit_inputs import read_further_rows, read_inputs
from skmtl.fitting import SharedInputs, StackedTrainer
from skmtl.inputs import LabelledRows
from skmtl.model_selection.search._candidates import Candidate
from skmtl.model_selection.search._evaluation import Evaluation, Fold


class Preprocessed(NamedTuple):
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


def preprocess(candidate: Candidate, fold: Fold, evaluation: Evaluation) -> Preprocessed:
    """Fit the steps before the net of ``candidate`` to the training rows of ``fold``."""
    if candidate.steps is None:
        return Preprocessed()
    start = time.perf_counter()
    X, y = evaluation.rows(fold.train)
    try:
        steps, transformed = fit_steps(candidate.steps, X, y, evaluation.arguments(evaluation.fit_params, fold.train))
    except Exception as error:
        return Preprocessed(error=error)
    return Preprocessed(steps, transformed, fit_time=time.perf_counter() - start)


class FoldData:
    """A fold as the fits of a job share it; everything is read once.

    Parameters
    ----------
    fold : Fold
        Rows.
    preprocessed : Preprocessed
        Steps before the nets.
    n_fits : int
        Number of fits to the fold.
    """

    def __init__(self, fold: Fold, preprocessed: Preprocessed, n_fits: int) -> None:
        self.fold, self.preprocessed, self.n_fits = fold, preprocessed, n_fits
        self.release()

    def release(self) -> None:
        """Forget all rows."""
        self._inputs: SharedInputs | Exception | None = None
        self._test_rows: LabelledRows | None = None

    def inputs(self, first: Candidate, evaluation: Evaluation) -> SharedInputs:
        """Training rows as ``first`` and all others of the job see them.

        Raises
        ------
        Exception
            Why no candidate can be fitted to them.
        """
        if self._inputs is None:
            try:
                self._inputs = self._read(first, evaluation)
            except Exception as error:
                self._inputs = error
        if isinstance(self._inputs, Exception):
            raise self._inputs
        return self._inputs

    def forget_encoded(self) -> None:
        """Forget what only further fits would need."""
        if isinstance(self._inputs, SharedInputs):
            self._inputs.forget_encoded()

    def _read(self, first: Candidate, evaluation: Evaluation) -> SharedInputs:
        if self.preprocessed.error is not None:
            raise self.preprocessed.error
        X, y = evaluation.rows(self.fold.train)
        steps = self.preprocessed.steps
        params = first.net_arguments(evaluation.arguments(evaluation.fit_params, self.fold.train), steps)
        return read_inputs(first.net, X if steps is None else self.preprocessed.X, y, **params)

    def score_tasks(
        self, trainer: StackedTrainer, indices: Sequence[int], first: Candidate, evaluation: Evaluation
    ) -> dict[int, dict[str, float]]:
        """Score of each task by its kind's metric, by index of the fit; none where they cannot be scored."""
        if not indices:
            return {}
        try:
            if self._test_rows is None:
                X, y = evaluation.rows(self.fold.test)
                if self.preprocessed.steps is not None:
                    X = self.preprocessed.steps.transform(X)
                weights = evaluation.arguments(evaluation.score_params, self.fold.test).get("sample_weight")
                self._test_rows = read_further_rows(first.net, self.inputs(first, evaluation), X, y, weights)
            return trainer.score_tasks(indices, self._test_rows)
        except Exception:  # no label among the rows, say; what scores the fits tells
            return {}
