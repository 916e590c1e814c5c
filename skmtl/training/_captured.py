"""A step recorded once and replayed: on a GPU launching the small kernels of a step takes longer than running them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.network import Passes
from skmtl.training._data import Batch
from skmtl.training._step import TrainingStep
from skmtl.training._steps import Step

Work = Callable[[], None]
Capture = Callable[[Work], Work]  # records what work does, without doing it, and returns what does it again

STEPS_BEFORE = 3  # done as usual, so that libraries are loaded and reused memory is there when a step is recorded


def cuda_graph(work: Work) -> Work:
    """Record ``work`` as a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    replay: Work = graph.replay
    return replay


class CapturedStep:
    """The default step, its whole batches replayed over memory that stays where it is.

    Every batch is copied to the same place, and the schedule's factor to a tensor, so that nothing of a step is known
    to the host but that it happens. A smaller last batch is done as usual.

    Parameters
    ----------
    step : TrainingStep
        What to record. Its update must be replayable, and nothing in it may be drawn at random.
    capture : callable
        How to record.
    """

    def __init__(self, step: TrainingStep, capture: Capture = cuda_graph) -> None:
        self.step, self.capture, self.passes = step, capture, step.passes
        self._forget()

    def _forget(self) -> None:
        self._batch: Batch | None = None
        self._replay: Work | None = None
        self._steps = 0

    def __getstate__(self) -> dict[str, Any]:
        """A recording stays in the process that made it."""
        return {"step": self.step, "capture": self.capture, "passes": self.passes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def __call__(self, batch: Batch, rate_factor: float) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it, which hold until the next."""
        if self._batch is None:
            weights = None if batch.weights is None else batch.weights.clone()
            self._batch = Batch(batch.x.clone(), batch.targets.clone(), weights)
            self._factor = torch.zeros((), dtype=torch.float32, device=batch.x.device)  # what the kernel reads
        if batch.x.shape != self._batch.x.shape:
            return self.step(batch, rate_factor)
        for place, part in zip(self._batch, batch, strict=True):
            if place is not None and part is not None:
                place.copy_(part)
        self._factor.fill_(rate_factor)
        self._advance()
        return self._sums

    def _advance(self) -> None:
        if self._steps < STEPS_BEFORE:
            self._work()
        else:
            self._replay = self._replay or self.capture(self._work)
            self._replay()
        self._steps += 1

    def _work(self) -> None:
        assert self._batch is not None
        self._sums = self.step(self._batch, self._factor)

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> CapturedStep:
        """Steps of some of the members, recorded anew; see :meth:`TrainingStep.select`."""
        return CapturedStep(self.step.select(members, passes, buffer), self.capture)

    def begin_epoch(self) -> None:
        """Nothing changes from epoch to epoch."""

    def epoch_weights(self) -> Tensor:
        """Weights of the task losses, ``(member, task)``."""
        return self.step.epoch_weights()

    def records(self) -> dict[str, Tensor]:
        """Nothing is recorded for the history."""
        return self.step.records()

    def expect(self, rows_per_weight: Tensor) -> None:
        """Go on with other data, which a new recording reads."""
        self.step.expect(rows_per_weight)
        self._forget()


def captured(step: Step, *, draws: bool) -> Step:
    """Have ``step`` recorded if it is the same operations every time; ``draws``: numbers are drawn in it."""
    if isinstance(step, TrainingStep) and step.update.replayable and not draws:
        return CapturedStep(step)
    return step
