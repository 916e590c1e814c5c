"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import numpy as np
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
        runs = _runs(learning_rate, weight_decay)
        mean_length = buffer.gradient.numel() / (len(runs) * len(buffer.gradient_views))
        fused = _fused_adamw is not None and (len(runs) == 1 or mean_length >= MIN_LENGTH)
        return _AdamWUpdate(self, buffer, learning_rate, weight_decay, fused=fused)


MIN_EPSILON = 1e-30  # less would be 0 in float32
MIN_LENGTH = 1000  # parameters; the kernel takes some 1.5 us a tensor, about as long as public operations for so many
_fused_adamw = getattr(torch, "_fused_adamw_", None)  # torch.optim would import torch._dynamo, which takes seconds


def _runs(learning_rate: Tensor, weight_decay: Tensor) -> list[tuple[float, float, slice]]:
    """Learning rate and weight decay of each run of members that have the same, and which these are."""
    runs, start = [], 0
    for rates, members in groupby(zip(learning_rate.tolist(), weight_decay.tolist(), strict=True)):
        stop = start + len(list(members))
        runs.append((*rates, slice(start, stop)))
        start = stop
    return runs


class _AdamWUpdate(Update):
    """All members in one pass.

    Fused: the kernel that torch.optim.AdamW(fused=True) calls, once for each run of members with the same rates. Else,
    where these would be many short calls, public operations that read the rates of all members from memory. A run that
    began in one way goes on in it, whichever members are left.
    """

    saved = ("_m", "_v", "_count", "_steps", "replayable")

    def __init__(
        self, settings: AdamW, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor, fused: bool
    ) -> None:
        self._buffer, self.replayable = buffer, fused
        self.settings = AdamW(float(settings.beta_1), float(settings.beta_2), float(settings.epsilon))
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self._m, self._v = torch.zeros_like(buffer.gradient), torch.zeros_like(buffer.gradient)
        self._count = torch.zeros((), dtype=torch.float32, device=buffer.values.device)  # what the kernel reads
        self._one = torch.ones_like(self._count)  # adding a tensor takes half the time of adding a number
        self._steps = 0

    @cached_property
    def _member_rates(self) -> tuple[Tensor, Tensor]:
        """Learning rate, and its product with the weight decay, in the layout of the buffer."""
        per_member = self._buffer.per_member
        return per_member(self._learning_rate), per_member(self._learning_rate * self._weight_decay)

    @cached_property
    def _calls(self) -> list[tuple[float, float, list[list[Tensor]]]]:
        """Learning rate, weight decay, and parts of values, gradient and moments of each call of the kernel."""
        flat = self._buffer.learned, self._buffer.gradient, self._m, self._v
        runs = _runs(self._learning_rate, self._weight_decay)
        if len(runs) == 1:
            return [(*runs[0][:2], [[tensor] for tensor in flat])]
        return [(rate, decay, [self._buffer.parts(tensor, of) for tensor in flat]) for rate, decay, of in runs]

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        super().load_state(state, arrays, device)
        self.__dict__.pop("_calls", None)  # of the moments before

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        rates = self._learning_rate[members], self._weight_decay[members]
        chosen = _AdamWUpdate(self.settings, buffer, *rates, fused=self.replayable)
        chosen._m, chosen._v = (self._buffer.pick(moment, members) for moment in (self._m, self._v))
        chosen._count.copy_(self._count)
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
        assert _fused_adamw is not None
        self._count.add_(self._one)
        for learning_rate, weight_decay, parts in self._calls:
            _fused_adamw(
                *parts,
                [],
                [self._count] * len(parts[0]),
                lr=learning_rate * factor,
                beta1=self.settings.beta_1,
                beta2=self.settings.beta_2,
                weight_decay=weight_decay,
                eps=self.settings.epsilon,
                amsgrad=False,
                maximize=False,
            )

    def _step_members(self, factor: float) -> None:
        s, values, gradient, m, v = self.settings, self._buffer.learned, self._buffer.gradient, self._m, self._v
        rate, decay = self._member_rates
        values.addcmul_(decay, values, value=-factor)
        m.lerp_(gradient, 1 - s.beta_1)
        v.mul_(s.beta_2).addcmul_(gradient, gradient, value=1 - s.beta_2)
        root = v.div(1 - s.beta_2**self._steps).sqrt_().add_(s.epsilon)
        direction = torch.div(m, root).mul_(rate)
        values.sub_(direction, alpha=factor / (1 - s.beta_1**self._steps))
