"""Which step serves a balancing method: decided once, from what the method declares to need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from skmtl.balancing import Balancer, BalancerInputs, GradientBalancer
from skmtl.layers import ParameterBuffer
from skmtl.network import Architecture, MixedPrecisionPasses, Passes, TaskGradients, task_gradients
from skmtl.training._balanced_step import GradientStep, LookBackStep, LossStep, StepParts
from skmtl.training._data import Batch
from skmtl.training._records import RECORDS, GradientRecord, Unrecorded
from skmtl.training._step import TrainingStep, Weighting

__all__ = ["Step", "StepParts", "make_step"]


class Step(Protocol):
    """One step of training, and what it tells about an epoch."""

    passes: Passes

    def __call__(self, batch: Batch, rate_factor: float) -> Tensor:
        """Do one step and return the loss sums ``(member, task)`` before it."""
        ...

    def begin_epoch(self) -> None:
        """Take note that an epoch begins."""
        ...

    def epoch_weights(self) -> Tensor:
        """Weights of the task losses in the epoch, ``(member, task)``."""
        ...

    def records(self) -> dict[str, Tensor]:
        """What was recorded in the epoch."""
        ...

    def select(self, members: Tensor, passes: Passes, buffer: ParameterBuffer) -> Step:
        """Steps of some of the members between epochs; ``self`` must not be used any more."""
        ...

    def expect(self, rows_per_weight: Tensor) -> None:
        """Go on with other data."""
        ...


def make_step(
    parts: StepParts,
    balancer: Balancer,
    record: Sequence[str],
    architecture: Architecture,
    generators: Sequence[torch.Generator],
) -> Step:
    """Choose the step that gives the method what it needs and records what was asked for.

    Raises
    ------
    ValueError
        If a quantity to record is not known, a setting of the method is out of range, or gradients of tasks are needed
        where nothing is shared.
    """
    if not balancer.needs and not record:
        weights, _ = balancer.weights(parts.importance, BalancerInputs(), balancer.start(parts.importance))
        return TrainingStep(parts.passes, parts.objective, Weighting(weights, parts.rows_per_weight), parts.update)
    if isinstance(balancer, GradientBalancer):
        balancer.start(parts.importance)  # checks the kind of gradient before it is used
        gradients = _gradients(parts, balancer.gradient, architecture)
        return GradientStep(parts, balancer, _record(record, gradients), generators, gradients)
    recorder = _record(record, _gradients(parts, "parameters", architecture)) if record else Unrecorded()
    way = LookBackStep if "losses_after_step" in balancer.needs else LossStep
    return way(parts, balancer, recorder, generators)


def _gradients(parts: StepParts, gradient: str, architecture: Architecture) -> TaskGradients:
    if isinstance(parts.passes, MixedPrecisionPasses):
        raise ValueError(
            "Gradients of single tasks, which some methods of balancing and entries of record need, are not taken in "
            "bfloat16. Set dtype='float32', or choose balancing that looks at losses only."
        )
    return task_gradients(parts.passes, architecture.n_outputs, gradient, architecture.sharing)


def _record(names: Sequence[str], gradients: TaskGradients) -> Unrecorded:
    unknown = [name for name in names if name not in RECORDS]
    if unknown:
        choices = ", ".join(map(repr, RECORDS))
        raise ValueError(f"record names {unknown[0]!r}, which is not known. Choose among {choices}.")
    return GradientRecord(gradients, names) if names else Unrecorded()
