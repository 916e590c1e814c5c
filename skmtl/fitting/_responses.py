"""What fits that train as one network predict, as if their training ended now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from skmtl.fitting._ended import Ended
from skmtl.fitting._job import FitJob
from skmtl.fitting._prediction import Ensemble, decode, predict_ensembles
from skmtl.fitting._result import FitResult, score_columns
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.training import History, Training


class ResponsesMixin(ABC):
    """Responses and scores of the fits of a :class:`StackedTrainer`, all of them in one pass."""

    jobs: dict[int, FitJob]
    _ended: dict[int, Ended]

    @property
    @abstractmethod
    def training(self) -> Training:
        """Training of the fits that have not ended."""

    @abstractmethod
    def result(self, index: int) -> FitResult:
        """What a fit has learned."""

    def learned(self, index: int) -> tuple[Network, History]:
        """Network and history of a fit as if its training ended now."""
        if index not in self._ended:
            return Ended.taken_from(self.training, [index], self.jobs).of(index, self.jobs[index])
        network, history = self._ended[index].of(index, self.jobs[index])
        self._ended[index] = Ended.alone(index, network, history)  # the memory of all is free when none is left there
        return network, history

    def responses(self, indices: Sequence[int], X: Any) -> dict[int, list[np.ndarray]]:
        """Responses of fits to the same inputs, which have not failed; see :func:`predict_responses`."""
        inputs = self.jobs[indices[0]].inputs
        parts, fits = self._networks(indices)
        ensembles, start = [], 0
        for index in fits:
            end = start + self.jobs[index].config.members
            ensembles.append(self._ensemble(index, slice(start, end)))
            start = end
        network = Network.stack(parts)
        return dict(zip(fits, predict_ensembles(network, inputs.layout, inputs.encoder, X, ensembles), strict=True))

    def _networks(self, indices: Sequence[int]) -> tuple[list[Network], list[int]]:
        """Networks that together have the members of these fits, and the fits in the order of their members."""
        by_ended: dict[Ended | None, list[int]] = {}
        for index in indices:
            by_ended.setdefault(self._ended.get(index), []).append(index)
        networks = []
        for ended, fits in by_ended.items():
            if ended is None:
                teams = self.training.stopping.teams
                members = np.concatenate([np.flatnonzero(teams == index) for index in fits])
                networks.append(self.training.network_of(torch.from_numpy(members)))
            else:
                networks.append(ended.some(fits))
        return networks, [index for fits in by_ended.values() for index in fits]

    def _ensemble(self, index: int, members: slice) -> Ensemble:
        """How a fit predicts; held-out rows are learned from only where postprocessors ask for it, or students."""
        job, method = self.jobs[index], self.jobs[index].config.collaboration
        proves = method is not None and method.students(job.config.n_peers) is not None
        if not (job.postprocessors or proves):
            return Ensemble(members, (), job.member_weights)
        result = self.result(index)
        return Ensemble(members, result.postprocessors, result.job.member_weights)

    def score_tasks(self, indices: Sequence[int], rows: LabelledRows) -> dict[int, dict[str, float]]:
        """Scores of fits to the same inputs, which have not failed, as if training ended now."""
        tasks = self.jobs[indices[0]].inputs.tasks
        scores = {}
        for index, responses in self.responses(indices, rows.X).items():
            thresholds = self.result(index).thresholds if self.jobs[index].threshold_scores else {}
            scores[index] = score_columns(tasks, rows, decode(tasks, responses, thresholds))
        return scores
