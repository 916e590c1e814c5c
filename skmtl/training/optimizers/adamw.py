"""Adam with decoupled weight decay."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers._optimizer import Memberwise, Optimizer, Update


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
    saved = ("_m", "_v", "_count")

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


class _MemberwiseAdamW(Memberwise):
    """Each member its own learning rate and weight decay, in public operations."""

    tensors = ("_rate", "_decay", "_m", "_v")
    saved = ("_m", "_v", "_steps")

    def __init__(self, settings: AdamW, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> None:
        self.settings, self.buffer = settings, buffer
        self._rate = buffer.per_member(learning_rate)
        self._decay = buffer.per_member(learning_rate * weight_decay)
        self._m, self._v = torch.zeros_like(buffer.values), torch.zeros_like(buffer.values)
        self._steps = 0

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
