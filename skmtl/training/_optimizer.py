"""Member-wise optimizers: one pass over the flat buffer, with a learning rate and a weight decay for every member."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from skmtl._params import Params
from skmtl.layers import ParameterBuffer


class Optimizer(Params, ABC):
    """Settings of an optimizer; :meth:`start` makes the run state."""

    @abstractmethod
    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run.

        Parameters
        ----------
        buffer : ParameterBuffer
            Values to update and their gradients.
        learning_rate, weight_decay : Tensor of shape (member,)
            Of each member.

        Returns
        -------
        Update
            Holds the moments of this run.
        """


class Update(ABC):
    """Run state of an optimizer.

    Attributes
    ----------
    replayable : bool
        Whether :meth:`step` is the same operations every time if ``factor`` is a tensor.
    """

    replayable: bool = False

    @abstractmethod
    def step(self, factor: float | Tensor) -> None:
        """Update the values from the gradients; ``factor`` is the schedule's multiple of the learning rate.

        A tensor ``()`` only where the update is replayable.
        """

    @abstractmethod
    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """Return the run state of some of the members, whose parameters are now in ``buffer``."""


class Penalty(Protocol):
    """A term beside the task losses."""

    def add_gradient(self) -> None:
        """Add its gradient to the buffer's."""
        ...

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Self:
        """Return the term for some of the members, whose parameters are now in ``buffer``."""
        ...


class Penalised(Update):
    """Another update, of the losses' gradient together with that of the penalties.

    Parameters
    ----------
    update : Update
        The optimizer's run state.
    penalties : sequence of Penalty
        What adds its gradient to the buffer.
    """

    def __init__(self, update: Update, penalties: Sequence[Penalty]) -> None:
        self.update, self.penalties = update, tuple(penalties)
        self.replayable = update.replayable

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        penalties = [penalty.select(members, buffer) for penalty in self.penalties]
        return Penalised(self.update.select(members, buffer), penalties)

    def step(self, factor: float | Tensor) -> None:
        """Add the penalties' gradients, then update."""
        for penalty in self.penalties:
            penalty.add_gradient()
        self.update.step(factor)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
    theta = (1 - lr wd) theta - lr m_hat / (sqrt(v_hat) + epsilon) with bias-corrected m_hat, v_hat.

    Parameters
    ----------
    beta_1 : float, default=0.9
        Decay of the first moment.
    beta_2 : float, default=0.95
        Decay of the second moment; short runs profit from a shorter memory than the usual 0.999.
    epsilon : float, default=1e-8
        Added to the root of the second moment.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
    """

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.95, epsilon: float = 1e-8) -> None:
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run with zero moments; see :meth:`Optimizer.start`."""
        alike = all(bool((rates == rates[0]).all()) for rates in (learning_rate, weight_decay))
        if alike and _fused_adamw is not None:
            return _FusedAdamW(self, buffer, float(learning_rate[0]), float(weight_decay[0]))
        return _MemberwiseAdamW(self, buffer, learning_rate, weight_decay)


_fused_adamw = getattr(torch, "_fused_adamw_", None)  # torch.optim would import torch._dynamo, which takes seconds


class _FusedAdamW(Update):
    """All members alike: the kernel that torch.optim.AdamW(fused=True) calls, once on the whole buffer."""

    replayable = True

    def __init__(self, settings: AdamW, buffer: ParameterBuffer, learning_rate: float, weight_decay: float) -> None:
        self.settings, self.learning_rate, self.weight_decay = settings, learning_rate, weight_decay
        self._values, self._gradient = [buffer.values], [buffer.gradient]
        self._m, self._v = [torch.zeros_like(buffer.values)], [torch.zeros_like(buffer.values)]
        self._count = [torch.zeros((), dtype=torch.float32, device=buffer.values.device)]
        self._one = torch.ones_like(self._count[0])  # adding a tensor takes half the time of adding a number
        self._buffer = buffer

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        chosen = _FusedAdamW(self.settings, buffer, self.learning_rate, self.weight_decay)
        chosen._m, chosen._v = ([self._buffer.pick(moment[0], members)] for moment in (self._m, self._v))
        chosen._count[0].copy_(self._count[0])
        return chosen

    def step(self, factor: float | Tensor) -> None:
        self._count[0].add_(self._one)
        assert _fused_adamw is not None
        _fused_adamw(
            self._values,
            self._gradient,
            self._m,
            self._v,
            [],
            self._count,
            lr=self.learning_rate * factor,
            beta1=self.settings.beta_1,
            beta2=self.settings.beta_2,
            weight_decay=self.weight_decay,
            eps=self.settings.epsilon,
            amsgrad=False,
            maximize=False,
        )


class _MemberwiseAdamW(Update):
    """Each member its own learning rate and weight decay, in public operations."""

    def __init__(self, settings: AdamW, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> None:
        self.settings, self.buffer = settings, buffer
        self._rate = buffer.per_member(learning_rate)
        self._decay = buffer.per_member(learning_rate * weight_decay)
        self._m, self._v = torch.zeros_like(buffer.values), torch.zeros_like(buffer.values)
        self._steps = 0

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        return _of_members(self, ("_rate", "_decay", "_m", "_v"), members, buffer)

    def step(self, factor: float | Tensor) -> None:
        assert isinstance(factor, float)
        s, values, gradient = self.settings, self.buffer.values, self.buffer.gradient
        self._steps += 1
        values.addcmul_(self._decay, values, value=-factor)
        self._m.lerp_(gradient, 1 - s.beta_1)
        self._v.mul_(s.beta_2).addcmul_(gradient, gradient, value=1 - s.beta_2)
        root = self._v.div(1 - s.beta_2**self._steps).sqrt_().add_(s.epsilon)
        direction = torch.div(self._m, root).mul_(self._rate)
        values.sub_(direction, alpha=factor / (1 - s.beta_1**self._steps))


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    u = momentum u + g, theta = (1 - lr wd) theta - lr u; with Nesterov's momentum, g + momentum u in place of u.

    Decoupled weight decay rests where g + (1 - momentum) wd theta = 0, so what it penalises depends on the momentum.
    With ``decoupled=False`` the decay is part of the gradient, g + wd theta: exactly the Frobenius penalty
    wd / 2 |theta|^2 on all parameters (biases among them) of classic regularised multi-task networks. Without momentum
    the two are the same.

    Parameters
    ----------
    momentum : float, default=0.9
        Decay of the velocity.
    nesterov : bool, default=True
        Whether to look ahead.
    decoupled : bool, default=True
        Whether weight decay stays out of the velocity.
    """

    def __init__(self, momentum: float = 0.9, nesterov: bool = True, decoupled: bool = True) -> None:
        self.momentum, self.nesterov, self.decoupled = momentum, nesterov, decoupled

    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run at rest; see :meth:`Optimizer.start`."""
        if self.decoupled:
            return _MemberwiseSGD(self, buffer, learning_rate, weight_decay)
        plain = _MemberwiseSGD(self, buffer, learning_rate, torch.zeros_like(weight_decay))
        return Penalised(plain, [_FrobeniusPenalty(buffer, weight_decay)])


class _FrobeniusPenalty:
    """strength / 2 |theta|^2 over all parameters of a member."""

    def __init__(self, buffer: ParameterBuffer, strength: Tensor) -> None:
        self._buffer, self._strength, self._coefficients = buffer, strength, buffer.per_member(strength)

    def add_gradient(self) -> None:
        self._buffer.gradient.addcmul_(self._coefficients, self._buffer.values)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> _FrobeniusPenalty:
        return _FrobeniusPenalty(buffer, self._strength[members])


class _MemberwiseSGD(Update):
    def __init__(self, settings: SGD, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> None:
        self.settings, self.buffer = settings, buffer
        self._rate = buffer.per_member(learning_rate)
        self._decay = buffer.per_member(learning_rate * weight_decay)
        self._velocity = torch.zeros_like(buffer.values)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        return _of_members(self, ("_rate", "_decay", "_velocity"), members, buffer)

    def step(self, factor: float | Tensor) -> None:
        assert isinstance(factor, float)
        values, gradient = self.buffer.values, self.buffer.gradient
        values.addcmul_(self._decay, values, value=-factor)
        self._velocity.mul_(self.settings.momentum).add_(gradient)
        direction = self._velocity
        if self.settings.nesterov:
            direction = gradient.add(self._velocity, alpha=self.settings.momentum)
        values.addcmul_(self._rate, direction, value=-factor)


U = TypeVar("U", _MemberwiseAdamW, _MemberwiseSGD)


def _of_members(update: U, flat: Sequence[str], members: Tensor, buffer: ParameterBuffer) -> U:
    """A copy of ``update`` over ``buffer`` with some members' part of the tensors ``flat``."""
    chosen = copy.copy(update)
    for name in flat:
        setattr(chosen, name, update.buffer.pick(getattr(update, name), members))
    chosen.buffer = buffer
    return chosen


OPTIMIZERS: dict[str, type[Optimizer]] = {"adamw": AdamW, "sgd": SGD}
