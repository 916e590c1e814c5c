"""What a training run consists of, and one pass over the data."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.network import Network, Passes
from skmtl.training._captured import captured
from skmtl.training._config import FitConfig
from skmtl.training._data import Data
from skmtl.training._objective import Objective
from skmtl.training._state import join, split
from skmtl.training._step import Step
from skmtl.training._streams import Streams
from skmtl.training._weighting import make_weighting
from skmtl.training.optimizers import Penalties


class Run:
    """A training run that can be continued: the network, the optimizer's moments, the random streams.

    Parameters
    ----------
    network : Network
        Trained in place.
    objective : Objective
        Losses of the tasks.
    data : Data
        What to learn from.
    config : FitConfig
        How.
    streams : Streams
        Randomness.
    """

    def __init__(self, network: Network, objective: Objective, data: Data, config: FitConfig, streams: Streams) -> None:
        self.network, self.objective, self.config, self.streams = network, objective, config, streams
        self._generators = [torch.Generator(network.device) for _ in streams.members]
        passes = self._passes(data)
        optimizer = config.optimizer.start(network.buffer, config.learning_rate, config.weight_decay)
        penalties = passes.layers.body.penalties
        weighting = make_weighting(
            config.balancer,
            config.loss_weights,
            objective,
            config.record,
            passes,
            network.architecture,
        )
        updates = [Penalties(penalties), optimizer] if penalties else [optimizer]
        self.step = Step(passes, objective, weighting, updates, _rows_per_weight(data))
        if config.cuda_graphs and network.device.type == "cuda":
            self.step = captured(self.step, draws=network.architecture.draws)
        self.steps_done = 0

    def select(self, members: Tensor, data: Data) -> Run:
        """Go on with some of the members and their data, in memory of their own; ``self`` must not be used any more."""
        chosen = copy.copy(self)
        chosen.network = self.network.select(members.tolist())
        chosen.config = self.config.select(members)
        chosen.streams = self.streams.select(members)
        chosen._generators = [self._generators[member] for member in members.tolist()]
        chosen.step = self.step.select(members, chosen._passes(data), chosen.network.buffer)
        return chosen

    def _passes(self, data: Data) -> Passes:
        return self.network.training_passes(self._generators, matmul_dtype=self.config.matmul_dtype, parts=data.parts)

    def go_on(self, config: FitConfig, data: Data) -> None:
        """Expect ``data`` from now on, under a configuration with the same steps."""
        self.config = config
        self.step.set_data(_rows_per_weight(data))

    def state(self) -> State:
        """Parameters and run state between two epochs; see :class:`Resumable`."""
        own = {"steps_done": self.steps_done, "parameters": self.network.buffer.arrays()}
        return join({"run": pack(own, "run", {}), "streams": self.streams.state(), "step": self.step.state()})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, in a run that was made as the one that gave it, in this process or another."""
        saved = split(state, arrays)
        own = unpack(*saved["run"], {}, {})
        self.network.buffer.load(own["parameters"])
        self.steps_done, self.streams = own["steps_done"], Streams.from_state(*saved["streams"])
        self.step.load_state(*saved["step"], self.network.device)

    def epoch(self, data: Data, n_steps: int) -> Tensor:
        """One pass over the data; the mean losses on the way, ``(member, task)``; NaN without a label."""
        sums = torch.zeros_like(self.config.loss_weights)
        if self.network.architecture.draws:
            self.streams.seed_dropout(self._generators)
        self.step.weighting.begin_epoch(self.streams)
        with self.step.passes.mode():
            for batch in data.batches(self.config.batch_size, self.streams.orders()):
                sums.add_(self.step(batch, self.config.schedule(self.steps_done, n_steps)))
                self.steps_done += 1
        self.streams.epoch += 1
        return sums / data.totals


def _rows_per_weight(data: Data) -> Tensor:
    n_rows = data.n_rows if data.counts is None else data.counts
    return torch.where(data.totals > 0, n_rows / data.totals, 0.0)
