"""Quadratic penalties on parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, ParameterSpec
from skmtl.sharing._penalty import Penalty
from skmtl.sharing._sharing import BodySpec


class QuadraticPenalty(Penalty):
    """strength * sum of squares of some parameters.

    Parameters
    ----------
    parameter : str
        Parameter of the sharing object that sets the strength.
    strength : float
        Of all members, unless they have their own.
    spec : BodySpec
        Members and tasks.
    specs : sequence of ParameterSpec
        The parameters.
    """

    def __init__(self, parameter: str, strength: float, spec: BodySpec, specs: Sequence[ParameterSpec]) -> None:
        self.parameter, self.n_tasks = parameter, spec.n_tasks
        self.strength = spec.of_members(parameter, strength)
        self._names = [spec.name for spec in specs]

    def bind(self, buffer: ParameterBuffer) -> None:
        """Take the parameters from ``buffer``."""
        self._values = [buffer.views[name].flatten(1) for name in self._names]
        self._gradients = [buffer.gradient_views[name].flatten(1) for name in self._names]

    def add_gradient(self) -> None:
        """See :class:`Penalty`."""
        factor = 2 * self.strength[:, None]
        for values, gradient in zip(self._values, self._gradients, strict=True):
            gradient.addcmul_(factor, self._from_centre(values))

    def _from_centre(self, values: Tensor) -> Tensor:
        return values

    def norms(self) -> Tensor:
        """Norm of what is penalised, ``(member, task)``, of parameters that have one entry a task."""
        by_task = [self._from_centre(v).unflatten(1, (self.n_tasks, -1)) for v in self._values]
        norms: Tensor = torch.linalg.vector_norm(torch.cat(by_task, 2), dim=2)
        return norms


class SpreadPenalty(QuadraticPenalty):
    """strength * sum_t |theta_t - mean theta|^2.

    The mean moves with the tasks, but its part of the derivative is the sum of the distances from it, which is 0.
    """

    def _from_centre(self, values: Tensor) -> Tensor:
        by_task: Tensor = values.unflatten(1, (self.n_tasks, -1))
        return (by_task - by_task.mean(1, keepdim=True)).flatten(1)


class SparsePenalty(Penalty):
    """strength * sum of absolute values of a parameter, by proximal steps: what is not needed becomes exactly 0.

    Parameters
    ----------
    parameter : str
        Parameter of the sharing object that sets the strength.
    strength : float
        Of all members, unless they have their own.
    spec : BodySpec
        Members.
    penalised : ParameterSpec
        The parameter.
    """

    proximal = True

    def __init__(self, parameter: str, strength: float, spec: BodySpec, penalised: ParameterSpec) -> None:
        self.parameter, self._name = parameter, penalised.name
        self.strength = spec.of_members(parameter, strength)

    def bind(self, buffer: ParameterBuffer) -> None:
        """Take the parameter from ``buffer``."""
        self._values = buffer.views[self._name].flatten(1)

    def add_gradient(self) -> None:
        """Add nothing: all is done after the step."""

    def shrink(self, learning_rate: Tensor) -> None:
        """See :class:`Penalty`."""
        threshold = (learning_rate * self.strength)[:, None]
        self._values.sub_(torch.clamp(self._values, -threshold, threshold))
