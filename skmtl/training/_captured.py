"""A step recorded once and replayed: on a GPU launching the small kernels of a step takes longer than running them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skmtl.training._batch import Batch
from skmtl.training._step import Step
from skmtl.training._weighting import StaticWeights

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


class CapturedStep(Step):
    """A step whose whole batches are replayed over memory that stays where it is.

    Every batch is copied to the same memory, and the schedule's factor to a tensor, so that nothing of a step is known
    to the host but that it happens. A smaller last batch is done as usual.
    """

    capture: Capture = staticmethod(cuda_graph)

    def set_data(self, rows_per_weight: Tensor) -> None:
        """Go on with other data, or other members, which a new recording reads."""
        super().set_data(rows_per_weight)
        self._forget()

    def _forget(self) -> None:
        self._batch: Batch | None = None
        self._replay: Work | None = None
        self._steps = 0

    def __getstate__(self) -> dict[str, Any]:
        """A recording stays in the process that made it."""
        recorded = ("_batch", "_replay", "_steps", "_factor", "_sums")
        return {name: value for name, value in vars(self).items() if name not in recorded}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def __call__(self, batch: Batch, rate_factor: float | Tensor, progress: float = 0.0) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it, which hold until the next."""
        if self._batch is None:
            self._batch = Batch(*(None if part is None else part.clone() for part in batch[:-1]))  # type: ignore[arg-type]
            self._factor = torch.zeros((), dtype=torch.float32, device=batch.x.device)  # what the kernel reads
        if batch.x.shape != self._batch.x.shape:
            return super().__call__(batch, rate_factor)
        for memory, part in zip(self._batch[:-1], batch[:-1], strict=True):
            if memory is not None and part is not None:
                memory.copy_(part)
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
        self._sums = super().__call__(self._batch, self._factor)


def captured(step: Step, *, draws: bool) -> Step:
    """Have ``step`` recorded if it is the same operations every time; ``draws``: numbers are drawn in it."""
    fixed = type(step.weighting) is StaticWeights and not step.terms and all(u.replayable for u in step.updates)
    if draws or not fixed:
        return step
    return CapturedStep(step.passes, step.objective, step.weighting, step.updates, step.rows_per_weight)
