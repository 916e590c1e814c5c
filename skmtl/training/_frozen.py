"""Training in which the parameters that several tasks use stay as they are."""

from __future__ import annotations

from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers._optimizer import Memberwise


class KeepShared(Memberwise):
    """Sets all parameters and statistics that are not of a single task back after a step.

    Parameters
    ----------
    buffer : ParameterBuffer
        Weights and their gradients.
    """

    replayable = True
    saved = ("kept",)
    tensors = ("kept",)

    def __init__(self, buffer: ParameterBuffer) -> None:
        self.buffer, self.kept = buffer, buffer.values.clone()

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        for spec, (kept, current) in zip(self.buffer.specs, self.buffer.blocks_of(self.kept), strict=True):
            if spec.owner != "task":
                current.copy_(kept)
