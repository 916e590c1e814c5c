"""Adam with decoupled weight decay."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers._optimizer import Optimizer, Update
from skmtl.training.optimizers.weight_average import WeightAverage


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
    weight_average : {"ema", "swa"}, WeightAverage or None, default=None
        Average of the weights along the run that is validated and kept in place of the weights of an epoch, by name or
        as an object such as ``EMA(decay=0.9)``.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
    """

    def __init__(
        self,
        beta_1: float = 0.9,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        weight_average: Literal["ema", "swa"] | WeightAverage | None = None,
    ) -> None:
        self.beta_1, self.beta_2, self.epsilon, self.weight_average = beta_1, beta_2, epsilon, weight_average

    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run with zero moments; see :meth:`Optimizer.start`."""
        require_number(self.label("beta_1"), self.beta_1, below=1)
        require_number(self.label("beta_2"), self.beta_2, below=1)
        require_number(self.label("epsilon"), self.epsilon, minimum=MIN_EPSILON)
        alike = all(bool((rates == rates[0]).all()) for rates in (learning_rate, weight_decay))
        return _AdamWUpdate(self, buffer, learning_rate, weight_decay, fused=alike and _fused_adamw is not None)


MIN_EPSILON = 1e-30  # less would be 0 in float32
_fused_adamw = getattr(torch, "_fused_adamw_", None)  # torch.optim would import torch._dynamo, which takes seconds


class _AdamWUpdate(Update):
    """All members in one call.

    Fused, where they are alike: the kernel that torch.optim.AdamW(fused=True) calls. Else each has its own learning
    rate and weight decay, in public operations. A run that began in one way goes on in it, whichever members are left.
    """

    saved = ("_m", "_v", "_count", "_steps", "replayable")

    def __init__(
        self, settings: AdamW, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor, fused: bool
    ) -> None:
        self._buffer, self.replayable = buffer, fused
        self.settings = AdamW(float(settings.beta_1), float(settings.beta_2), float(settings.epsilon))
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self._common_rates = float(learning_rate[0]), float(weight_decay[0])  # where members are alike
        self._values, self._gradient = [buffer.learned], [buffer.gradient]
        self._m, self._v = [torch.zeros_like(buffer.gradient)], [torch.zeros_like(buffer.gradient)]
        self._count = [torch.zeros((), dtype=torch.float32, device=buffer.values.device)]  # what the kernel reads
        self._one = torch.ones_like(self._count[0])  # adding a tensor takes half the time of adding a number
        self._steps = 0

    @cached_property
    def _member_rates(self) -> tuple[Tensor, Tensor]:
        """Learning rate, and its product with the weight decay, in the layout of the buffer."""
        per_member = self._buffer.per_member
        return per_member(self._learning_rate), per_member(self._learning_rate * self._weight_decay)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        rates = self._learning_rate[members], self._weight_decay[members]
        chosen = _AdamWUpdate(self.settings, buffer, *rates, fused=self.replayable)
        chosen._m, chosen._v = ([self._buffer.pick(moment[0], members)] for moment in (self._m, self._v))
        chosen._count[0].copy_(self._count[0])
        chosen._steps = self._steps
        return chosen

    def step(self, factor: float | Tensor) -> None:
        self._steps += 1
        if self.replayable:
            self._step_fused(factor)
        else:
            assert isinstance(factor, float)
            self._step_members(factor)

    def _step_fused(self, factor: float | Tensor) -> None:
        self._count[0].add_(self._one)
        learning_rate, weight_decay = self._common_rates
        assert _fused_adamw is not None
        _fused_adamw(
            self._values,
            self._gradient,
            self._m,
            self._v,
            [],
            self._count,
            lr=learning_rate * factor,
            beta1=self.settings.beta_1,
            beta2=self.settings.beta_2,
            weight_decay=weight_decay,
            eps=self.settings.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _step_members(self, factor: float) -> None:
        s, (values,), (gradient,), (m,), (v,) = self.settings, self._values, self._gradient, self._m, self._v
        rate, decay = self._member_rates
        values.addcmul_(decay, values, value=-factor)
        m.lerp_(gradient, 1 - s.beta_1)
        v.mul_(s.beta_2).addcmul_(gradient, gradient, value=1 - s.beta_2)
        root = v.div(1 - s.beta_2**self._steps).sqrt_().add_(s.epsilon)
        direction = torch.div(m, root).mul_(rate)
        values.sub_(direction, alpha=factor / (1 - s.beta_1**self._steps))
