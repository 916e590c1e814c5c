"""Numbers of which quantiles are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._params import is_number
from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import Numeric, RobustNumeric


class Quantile(RobustNumeric):
    """Pinball loss of standardised targets; predicts conditional quantiles (Koenker and Bassett, 1978).

    With r = z - y: l = max((1 - level) r, -level r); dl/dz = 1 - level above the target, -level below it. The loss of
    several levels is their mean. Their quantiles are sorted, as the outputs of single levels may cross (Chernozhukov et
    al., 2010).

    Parameters
    ----------
    level : float or list of float, default=0.5
        Level of the quantile, between 0 and 1. Of a list of rising levels, such as ``[0.05, 0.5, 0.95]``, ``predict``
        gives the median, interpolated between the levels, ``predict_quantiles`` gives all of them, and
        ``predict_interval`` moves the outer ones so that they have the coverage asked for.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46, 33-50.

    Chernozhukov, V., Fernandez-Val, I. and Galichon, A. (2010). Quantile and probability curves without crossing.
    Econometrica 78, 1093-1125.
    """

    def __init__(self, level: float | Sequence[float] = 0.5) -> None:
        self.level = level

    @property
    def levels(self) -> list[float]:
        """The levels, one or several."""
        return list(self.level) if isinstance(self.level, Sequence) else [self.level]

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        levels = self.levels
        if not levels or not all(is_number(q, 0, 1) for q in levels) or any(a >= b for a, b in pairwise(levels)):
            raise ValueError(
                f"Task {name!r}: Quantile needs a level between 0 and 1, or a list of rising ones; got {self.level!r}."
            )
        return super().fit(name, labels, weights)

    def n_outputs(self, task: Task) -> int:
        """Number of levels; see :meth:`Kind.n_outputs`."""
        return len(self.levels)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Quantiles of the target; see :meth:`Kind.initial_bias`."""
        return self.quantile(encoded, weights, self.levels)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """The loss of the predicted quantile and the absolute error; see :meth:`Kind.metrics`."""
        return {"pinball_loss": {"level": self.levels[0] if len(self.levels) == 1 else 0.5}, "mae": {}}

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mean pinball loss of the levels; see :meth:`Kind.loss_gradient`."""
        by_task = outputs.transpose(1, 2).unflatten(1, (targets.shape[2], -1))  # (member, task, level, row)
        residual = by_task - targets.transpose(1, 2).unsqueeze(2)
        levels = _filled(residual, self.levels)[:, None]
        gradient = torch.where(residual > 0, 1 - levels, torch.where(residual < 0, -levels, 0.0)) / len(self.levels)
        losses = (gradient * residual).sum(2).transpose(1, 2)
        return losses, gradient.flatten(1, 2).transpose(1, 2)

    def disagreement(self, beliefs: Tensor, others: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Squared difference of outputs, summed over the levels; see :meth:`Kind.disagreement`."""
        distance: Tensor = (beliefs - others).square().unflatten(-1, (n_tasks, -1)).sum(-1)
        return distance

    def certainty(self, beliefs: Tensor, n_tasks: int) -> Tensor:
        """1 minus the mean variance of the peers' outputs; see :meth:`Kind.certainty`."""
        variance: Tensor = beliefs.var(1, keepdim=True).unflatten(-1, (n_tasks, -1)).mean(-1)
        return 1 - variance

    def correctness(self, belief: Tensor, targets: Tensor, n_tasks: int) -> Tensor:
        """1 minus the squared error of the median; see :meth:`Kind.correctness`."""
        median: Tensor = belief.unflatten(-1, (n_tasks, -1)) @ _filled(belief, self._middle.tolist())
        return 1 - (median - targets).square()

    def label_quality(self, task: Task, labels: np.ndarray, response: np.ndarray) -> np.ndarray:
        """By the distance from the median; see :meth:`Kind.label_quality`."""
        return super().label_quality(task, labels, self._predicted(response))

    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Sorted quantiles in the units of the labels; see :meth:`Kind.response`."""
        members, n_rows, n_outputs = outputs.shape  # of no member, too
        by_level = outputs.reshape(members, n_rows, len(tasks), n_outputs // len(tasks))
        levels = [Numeric.response(self, tasks, by_level[..., level]) for level in range(by_level.shape[-1])]
        quantiles: np.ndarray = np.sort(np.concatenate(levels, axis=-1), axis=-1)
        return quantiles

    def decode(self, task: Task, outputs: np.ndarray) -> np.ndarray:
        """The quantile, or of several the median; see :meth:`Kind.decode`."""
        return super().decode(task, self._predicted(outputs))

    @property
    def _middle(self) -> np.ndarray:
        """What each level counts in a linear interpolation at the median, ``(level,)``."""
        return np.asarray([np.interp(0.5, self.levels, one) for one in np.eye(len(self.levels))])

    def _predicted(self, response: np.ndarray) -> np.ndarray:
        median: np.ndarray = response @ self._middle.astype(response.dtype)[:, None]
        return median


def _filled(like: Tensor, values: Sequence[float]) -> Tensor:
    """Values as a tensor, ``(len(values),)``, without a copy from the host, which no CUDA graph could record."""
    return torch.cat([like.new_full((1,), value) for value in values])


def has_several_quantiles(task: Task) -> bool:
    """Whether the outputs of a task are several quantiles.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.tasks import Quantile, has_several_quantiles
    >>> task = Quantile([0.1, 0.9]).fit("price", np.array([1.0, 2.0, 4.0]), np.ones(3))
    >>> has_several_quantiles(task)
    True
    """
    return not task.kind.is_classifier and task.kind.n_outputs(task) > 1
