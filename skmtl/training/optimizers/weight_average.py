"""Averages of the weights along a run, which are validated and kept in place of the last weights."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from skmtl._params import Params, require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers._optimizer import Memberwise


class WeightAverage(Params, ABC):
    """Settings of an average of the weights over the steps of a run; :meth:`newest` is all that differs.

    The gradients are those of the weights in training. Validation, early stopping and predictions see the average.
    """

    owner = "weight_average"

    @abstractmethod
    def check(self) -> None:
        """Check the settings.

        Raises
        ------
        ValueError
            If one is out of range.
        """

    @abstractmethod
    def newest(self, step: int, n_steps: int) -> float:
        """Share of the newest weights in the average.

        Parameters
        ----------
        step : int
            Number of the step, from 1 on.
        n_steps : int
            Greatest number of steps that the run began with.

        Returns
        -------
        float
            From 0 to 1; 1 forgets all weights before.
        """


class EMA(WeightAverage):
    """Exponential moving average: average = decay average + (1 - decay) weights after each step.

    It begins as the plain mean of the weights so far, until that is longer than the memory of 1 / (1 - decay) steps.
    With decay 0 it is the last weights. It calms runs on small or noisy batches under a rate that stays high.

    Parameters
    ----------
    decay : float, default=0.99
        In [0, 1).

    References
    ----------
    Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on
    Control and Optimization 30, 838-855.

    Examples
    --------
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.training import EMA, AdamW
    >>> net = MultiTaskNet(optimizer=AdamW(weight_average=EMA(decay=0.95)))
    """

    def __init__(self, decay: float = 0.99) -> None:
        self.decay = decay

    def check(self) -> None:
        """See :class:`WeightAverage`."""
        require_number(self.label("decay"), self.decay, below=1)

    def newest(self, step: int, n_steps: int) -> float:
        """See :class:`WeightAverage`."""
        return max(1 - self.decay, 1 / step)


class SWA(WeightAverage):
    """Stochastic weight averaging (Izmailov et al., 2018): the mean of the weights over the last part of the run.

    Meant for ``learning_rate="constant"``: under the falling rate of "cosine" the last weights are close together.

    Parameters
    ----------
    start : float, default=0.75
        Fraction of the greatest number of steps, ``max_iter`` epochs, after which the mean begins, in [0, 1]. With 1 it
        is the last weights.

    References
    ----------
    Izmailov, P., Podoprikhin, D., Garipov, T., Vetrov, D. and Wilson, A. G. (2018). Averaging weights leads to wider
    optima and better generalization. UAI.

    Examples
    --------
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.training import SWA, AdamW
    >>> net = MultiTaskNet(optimizer=AdamW(weight_average=SWA()))
    """

    def __init__(self, start: float = 0.75) -> None:
        self.start = start

    def check(self) -> None:
        """See :class:`WeightAverage`."""
        require_number(self.label("start"), self.start, maximum=1)

    def newest(self, step: int, n_steps: int) -> float:
        """See :class:`WeightAverage`."""
        return 1 / max(step - round(self.start * n_steps), 1)


AVERAGES: dict[str, type[WeightAverage]] = {"ema": EMA, "swa": SWA}


class AverageWeights(Memberwise):
    """Follows the weights of a run with their average, which the weights themselves do not feel.

    Parameters
    ----------
    average : WeightAverage
        Settings.
    buffer : ParameterBuffer
        The weights in training.
    n_steps : int
        Greatest number of steps of the run.

    Attributes
    ----------
    values : Tensor
        The average, in the layout of the buffer.
    """

    tensors = ("values",)
    saved = ("values", "_step")

    def __init__(self, average: WeightAverage, buffer: ParameterBuffer, n_steps: int) -> None:
        average.check()
        self.average, self.buffer, self.n_steps = average, buffer, n_steps
        self.values = buffer.values.clone()
        self._step = 0

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        self._step += 1
        self.values.lerp_(self.buffer.values, self.average.newest(self._step, self.n_steps))
