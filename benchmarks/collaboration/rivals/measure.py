"""One fit and its scores on test rows whose labels are as they were."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.protocols import main_metric, score_tasks
from benchmarks.collaboration.rivals.models import (
    BOOSTING,
    SELF_TRAINING,
    Outputs,
    boosted,
    make_network,
    outputs_by_size,
)
from benchmarks.collaboration.rivals.sets import Damage, Problem
from skmtl import MultiTaskNet


@dataclass(frozen=True)
class Result:
    """A fit: what was asked for, and what came out.

    Attributes
    ----------
    scores : dict
        "single", "cohort" and "ensemble" to the mean main score over the tasks; peers have an "ensemble" only.
    ranking : dict
        Ranking to its mean ROC-AUC over the tasks as a detector of flipped labels.
    seconds : float
        Processor time of the fit.
    """

    set: str
    damage: str
    model: str
    seed: int
    rows: int
    max_iter: int
    scores: dict[str, float] = field(default_factory=dict)
    ranking: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def key(self) -> tuple[object, ...]:
        """What was asked for."""
        return self.set, self.damage, self.model, self.seed, self.rows, self.max_iter


def measure(asked: Result, problem: Problem, damage: Damage) -> Result:
    """Fit a model and score it."""
    begun = process_time()
    if asked.model in (BOOSTING, SELF_TRAINING):
        self_training = asked.model == SELF_TRAINING
        outputs = boosted(problem, self_training=self_training, seed=asked.seed)
        seconds, by_size, ranking = process_time() - begun, {"ensemble": [outputs]}, {}
    else:
        model = make_network(asked.model, problem, damage, asked.max_iter, asked.seed)
        model.fit(problem.X_train, problem.labels)
        seconds, by_size = process_time() - begun, outputs_by_size(model, problem)
        ranking = rank_labels(model, problem) if damage.flipped else {}
    scores = {size: float(np.mean([_score(problem, own) for own in each])) for size, each in by_size.items()}
    return replace(asked, scores=scores, ranking=ranking, seconds=seconds)


def _score(problem: Problem, outputs: Outputs) -> float:
    """Mean over the tasks of their main scores."""
    kinds = problem.table.kinds
    scores = score_tasks(problem.table, problem.train, problem.test, outputs)
    main = [own.get(main_metric(kind, kinds), np.nan) for own, kind in zip(scores, kinds, strict=True)]
    return float(np.nanmean(main))


def rank_labels(model: MultiTaskNet, problem: Problem) -> dict[str, float]:
    """How well flipped labels are found, on the rows that some cohort held out.

    "self-confidence" is the ranking of Northcutt, Jiang and Chuang (2021) in the package cleanlab: the out-of-fold
    probability of the given label, computed from ``oof_proba_``. It is defined for classes only; "residual" is the
    absolute out-of-fold residual of numbers.
    """
    given, rankings = problem.labels.to_numpy(), {}
    found = {"self-confidence": _self_confidence(model, given), "residual": _residual(model, given)}
    if hasattr(model, "label_quality_"):
        quality = np.where(np.isnan(model.oof_prediction_.astype(float)), np.nan, model.label_quality_)
        numbers = np.array(problem.table.kinds) == "regression"
        found["label_quality_ of classes"] = np.where(numbers, np.nan, quality)
        found["label_quality_ of numbers"] = np.where(numbers, quality, np.nan)
    for name, quality in found.items():
        aucs = [_auc(wrong, own) for wrong, own in zip(problem.wrong.T, quality.T, strict=True)]
        if not np.isnan(aucs).all():
            rankings[name] = float(np.nanmean(aucs))
    return rankings


def _self_confidence(model: MultiTaskNet, given: np.ndarray) -> np.ndarray:
    quality, proba = np.full(given.shape, np.nan), _probabilities(model)
    for t, (task, own) in enumerate(zip(model.tasks_, proba, strict=True)):
        if own is not None and task.classes is not None:
            seen = ~np.isnan(given[:, t])
            quality[seen, t] = own[seen, np.searchsorted(task.classes, given[seen, t])]
    return quality


def _probabilities(model: MultiTaskNet) -> Any:
    return model.oof_proba_ if any(task.classes is not None for task in model.tasks_) else [None] * len(model.tasks_)


def _residual(model: MultiTaskNet, given: np.ndarray) -> np.ndarray:
    numbers = [task.classes is None for task in model.tasks_]
    return np.where(numbers, -np.abs(given - model.oof_prediction_.astype(float)), np.nan)


def _auc(wrong: np.ndarray, quality: np.ndarray) -> float:
    known = ~np.isnan(quality)
    return float(roc_auc_score(wrong[known], -quality[known])) if len(np.unique(wrong[known])) == 2 else np.nan
