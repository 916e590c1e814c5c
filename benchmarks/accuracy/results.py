"""From cached records to scores by set and model, and what the models' ranks are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.protocols import Floats, main_metric, n_folds
from benchmarks.accuracy.runner import Key, Record

RANKED_PEERS = tuple(name for name, peer in PEERS.items() if not peer.slow)


@dataclass(frozen=True)
class Cell:
    """One model on one set, averaged over the folds."""

    by_task: dict[str, dict[str, float]]  # task -> metric -> mean
    main: dict[str, str]  # task -> the metric by which it counts
    fit_seconds: float
    predict_seconds: float
    complete: bool
    warnings: frozenset[str]

    @property
    def score(self) -> float:
        """Mean over the tasks that could be scored."""
        values = [self.by_task[task][metric] for task, metric in self.main.items() if metric in self.by_task[task]]
        return float(np.mean(values))

    def mean(self, metric: str) -> float:
        """Mean of any metric over the tasks that have it, NaN if none has."""
        values = [scores[metric] for scores in self.by_task.values() if metric in scores]
        return float(np.mean(values)) if values else float("nan")


@dataclass(frozen=True)
class Results:
    """The cells of some sets, all scored the same way round."""

    sets: tuple[str, ...]
    labels: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    lower_is_better: bool

    def scores(self) -> Floats:
        """Scores ``(set, label)`` of complete cells, NaN elsewhere."""
        return np.array([[self._score(name, label) for label in self.labels] for name in self.sets])

    def _score(self, name: str, label: str) -> float:
        cell = self.cells.get((name, label))
        return cell.score if cell is not None and cell.complete else float("nan")

    def losses(self) -> Floats:
        """Scores with lower always better."""
        return self.scores() if self.lower_is_better else -self.scores()

    def ranks(self) -> Floats:
        """Rank ``(set, label)`` among the models that have a score there, ties shared."""
        losses = self.losses()
        better = (losses[:, None, :] < losses[:, :, None]).sum(axis=2)
        equal = (losses[:, None, :] == losses[:, :, None]).sum(axis=2)
        return np.where(np.isnan(losses), np.nan, better + (equal + 1) / 2)

    def best_other_peer(self) -> Floats:
        """Score ``(set, label)`` of the best peer other than the model itself; slow peers don't count."""
        losses = self.losses()
        best = np.full(losses.shape, np.nan)
        for column, label in enumerate(self.labels):
            rivals = [i for i, other in enumerate(self.labels) if other in RANKED_PEERS and other != label]
            if rivals:
                best[:, column] = np.fmin.reduce(losses[:, rivals], axis=1)
        return best if self.lower_is_better else -best

    def against_best_peer(self) -> Floats:
        """Ratio to the best other peer where lower is better, the difference from it otherwise."""
        scores, best = self.scores(), self.best_other_peer()
        return scores / best if self.lower_is_better else scores - best

    def wins(self) -> Floats:
        """Whether a model is better than every peer ``(set, label)``, NaN where unknown."""
        losses, rivals = self.losses(), self.best_other_peer()
        rivals = rivals if self.lower_is_better else -rivals
        return np.where(np.isnan(losses) | np.isnan(rivals), np.nan, losses < rivals)


def collect(records: dict[Key, Record], metas: dict[str, dict[str, Any]], labels: Sequence[str]) -> list[Results]:
    """Sets of numeric targets only, then the others."""
    cells = {}
    for name, meta in metas.items():
        for label in labels:
            found = [records.get((name, fold, label)) for fold in range(n_folds(meta))]
            usable = [record for record in found if record is not None and record["error"] is None]
            if usable:
                cells[name, label] = _cell(usable, complete=len(usable) == len(found))
    numeric = [name for name, meta in metas.items() if {task["kind"] for task in meta["tasks"]} == {"regression"}]
    others = [name for name in metas if name not in numeric]
    lots = [(tuple(numeric), True), (tuple(others), False)]
    return [Results(sets, _present(cells, sets, labels), cells, lower) for sets, lower in lots if sets]


def _present(cells: dict[tuple[str, str], Cell], sets: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(label for label in labels if any((name, label) in cells for name in sets))


def _cell(folds: list[Record], complete: bool) -> Cell:
    first = folds[0]
    kinds = tuple(first["kinds"])
    return Cell(
        by_task={task: _mean_scores([fold["scores"][t] for fold in folds]) for t, task in enumerate(first["tasks"])},
        main={task: main_metric(kind, kinds) for task, kind in zip(first["tasks"], kinds, strict=True)},
        fit_seconds=float(np.mean([fold["fit_seconds"] for fold in folds])),
        predict_seconds=float(np.mean([fold["predict_seconds"] for fold in folds])),
        complete=complete,
        warnings=frozenset(warning for fold in folds for warning in fold["warnings"]),
    )


def _mean_scores(folds: list[dict[str, float]]) -> dict[str, float]:
    metrics = {metric for scores in folds for metric in scores}
    return {metric: float(np.mean([s[metric] for s in folds if metric in s])) for metric in metrics}
