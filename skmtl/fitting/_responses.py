"""What fits that train as one network predict, as if their training ended now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from skmtl.fitting._job import FitJob
from skmtl.fitting._prediction import Ensemble, decode, predict_ensembles
from skmtl.fitting._result import FitResult, score_columns
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.postprocess import Postprocessor, Threshold
from skmtl.training import History, Training


class ResponsesMixin(ABC):
    """Responses and scores of the fits of a :class:`StackedTrainer`, all of them in one pass."""

    jobs: dict[int, FitJob]
    _training: Training | None
    _ended: dict[int, tuple[Network, History]]

    @abstractmethod
    def result(self, index: int) -> FitResult:
        """What a fit has learned."""

    def responses(self, indices: Sequence[int], X: Any) -> dict[int, list[np.ndarray]]:
        """Responses of fits to the same inputs, which have not failed; see :func:`predict_responses`."""
        inputs = self.jobs[indices[0]].inputs
        training = [index for index in indices if index not in self._ended]
        networks = [([index], self._ended[index][0]) for index in indices if index in self._ended]
        if training:
            assert self._training is not None
            teams = self._training.stopping.teams
            members = np.concatenate([np.flatnonzero(teams == index) for index in training])
            networks.append((training, self._training.network(torch.from_numpy(members))))
        responses: dict[int, list[np.ndarray]] = {}
        for fits, network in networks:
            ensembles, start = [], 0
            for index in fits:
                end = start + self.jobs[index].members
                ensembles.append(Ensemble(slice(start, end), self._postprocessors(index), self._member_weights(index)))
                start = end
            own = predict_ensembles(network, inputs.layout, inputs.encoder, X, ensembles)
            responses |= dict(zip(fits, own, strict=True))
        return responses

    def _postprocessors(self, index: int) -> Sequence[Postprocessor]:
        """What changes the responses of a fit, which is learned only where one is asked for."""
        return self.result(index).postprocessors if self.jobs[index].postprocessors else ()

    def _member_weights(self, index: int) -> np.ndarray | None:
        """Weights of the members of a fit, which students must prove themselves for."""
        config = self.jobs[index].config
        proves = config.collaboration is not None and config.collaboration.students(config.n_peers) is not None
        return (self.result(index).job if proves else self.jobs[index]).member_weights

    def score_tasks(self, indices: Sequence[int], rows: LabelledRows) -> dict[int, dict[str, float]]:
        """Scores of fits to the same inputs, which have not failed, as if training ended now."""
        tasks = self.jobs[indices[0]].inputs.tasks
        responses = self.responses(indices, rows.X)
        return {
            index: score_columns(tasks, rows, decode(tasks, own, self._thresholds(index)))
            for index, own in responses.items()
        }

    def _thresholds(self, index: int) -> dict[Any, Threshold]:
        """Thresholds of a fit by task name, which are found only where they are asked for."""
        return self.result(index).thresholds if self.jobs[index].threshold_scores else {}
