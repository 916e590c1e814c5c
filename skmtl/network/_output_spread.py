"""Output layers of tasks that begin alike and are drawn to their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import MemberLinear, MemberReadout, ParameterBuffer, ParameterSpec
from skmtl.sharing import Penalty


def outputs_of_like_tasks(n_outputs: Sequence[int]) -> list[np.ndarray]:
    """Outputs ``(task, output)`` of tasks that have as many, for each number that several tasks have."""
    counts = np.asarray(n_outputs)
    first = np.cumsum(counts) - counts
    found = [first[counts == count, None] + np.arange(count) for count in np.unique(counts)]
    return [outputs for outputs in found if len(outputs) > 1]


def starting_like_the_first(spec: ParameterSpec, axis: int, outputs: Sequence[np.ndarray]) -> ParameterSpec:
    """The same weights, of which all tasks that have as many outputs start from those drawn for the first of them.

    Parameters
    ----------
    spec : ParameterSpec
        Weights of the outputs of all tasks.
    axis : int
        That of the outputs.
    outputs : sequence of ndarray of shape (task, output)
        Those of like tasks.
    """

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        drawn = spec.initial(generator, shape)
        by_output = np.moveaxis(drawn, axis, 0)  # a view
        for of_tasks in outputs:
            by_output[of_tasks] = by_output[of_tasks[0]]
        return drawn

    return replace(spec, initial=draw)


class OutputSpread(Penalty):
    """strength * sum_t |w_t - mean w|^2 of the output weights of tasks with as many outputs, by proximal steps.

    With a step size r the step is that of the implicit Euler method, w_t - mean w over 1 + 2 r strength; the mean stays
    where it is. A step along the gradient would overshoot from a strength of 1 / r on, and in AdamW its length would
    not depend on the strength.

    Parameters
    ----------
    strength : Tensor of shape (member,)
        Of each member.
    head : MemberLinear
        Output layer of all tasks, which read the same features.
    outputs : sequence of ndarray of shape (task, output)
        Those of like tasks.
    """

    parameter, proximal = "output_strength", True

    def __init__(self, strength: Tensor, head: MemberLinear, outputs: Sequence[np.ndarray]) -> None:
        self.strength, self._name = strength, head.specs[0].name
        self._transposed = isinstance(head, MemberReadout)
        self._outputs = [torch.from_numpy(of_tasks).to(strength.device) for of_tasks in outputs]

    @property
    def acts(self) -> bool:
        """See :class:`Penalty`."""
        return bool((self.strength > 0).any())

    def bind(self, buffer: ParameterBuffer) -> None:
        """Take the output weights from ``buffer``."""
        weight = buffer.views[self._name][:, 0]
        self._weight = weight if self._transposed else weight.transpose(1, 2)  # (member, output, width)

    def add_gradient(self) -> None:
        """Add nothing: all is done after the step."""

    def shrink(self, learning_rate: Tensor) -> None:
        """See :class:`Penalty`."""
        way = 1 / (1 + 1 / (2 * learning_rate * self.strength))  # to the mean: 0 without strength, at most 1
        for outputs in self._outputs:
            if outputs.numel() == self._weight.shape[1]:  # no copy
                _draw_together(self._weight.unflatten(1, outputs.shape), way)
            else:
                own = self._weight[:, outputs]
                _draw_together(own, way)
                self._weight[:, outputs] = own


def _draw_together(weights: Tensor, way: Tensor) -> None:
    """Move weights ``(member, task, output, width)`` towards their mean over the tasks, by a part of the way."""
    weights.lerp_(weights.mean(1, keepdim=True).expand_as(weights), way.view(-1, 1, 1, 1))
