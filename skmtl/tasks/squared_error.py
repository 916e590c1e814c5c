"""Numbers whose mean is wanted."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from skmtl.defaults import tasks as rules
from skmtl.tasks._kind import Task
from skmtl.tasks._numeric import Numeric, cut_square, cut_square_sums, huber_location, robust_scaling

NO_BOUND = 1e30  # bounds beyond this would not be a float32


class SquaredError(Numeric):
    """Squared error l = (z - y)^2, dl/dz = 2 (z - y), of standardised targets; predicts the conditional mean.

    A few labels far from all others would rule the whole network, so beyond ``far`` standard deviations of the target
    the loss goes on linearly, as Huber's does. Where far labels are right, as those of rare events or insurance claims,
    predicted means are then too low: use ``far=numpy.inf`` where means and totals matter more than single errors.

    Parameters
    ----------
    far : "auto" or float, default="auto"
        Standard deviations of the target; ``numpy.inf`` for the squared error everywhere. "auto" chooses by how many
        labels are far, and infinity in ``partial_fit``, where later labels may be anywhere. Where up to a twentieth of
        the labels are so far from all others that they look like glitches, it counts in standard deviations by the
        interquartile range, also in ``partial_fit``, and warns. Right labels may look like glitches, too: then narrow
        networks are slow to learn what X tells of them.

    References
    ----------
    Hill, B. M. (1975). A simple general approach to inference about the tail of a distribution. The Annals of
    Statistics 3, 1163-1174.
    """

    likelihood = (0.5, 0.5)
    degree = 2

    def __init__(self, far: float | str = "auto") -> None:
        self.far = far

    @property
    def bound(self) -> float:
        """Residual beyond which the loss is linear."""
        far = rules.OUTLIER_SD if isinstance(self.far, str) else float(self.far)
        return far if far < NO_BOUND else np.inf

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn centre and scale; see :meth:`Kind.fit`."""
        is_auto = isinstance(self.far, str) and self.far == "auto"
        if not (is_auto or (isinstance(self.far, Real) and self.far > 0)):
            raise ValueError(f"Task {name!r}: SquaredError needs far='auto' or a number above 0; got {self.far!r}.")
        task = super().fit(name, labels, weights)
        n_far = int(np.count_nonzero(np.abs(self.encode(task, labels)) > self.bound))
        if is_auto and n_far:
            center, scale = robust_scaling(labels, weights)
            if scale > 0 and _holds_glitches(name, (labels - center) / (self.bound * scale), weights):
                return replace(task, kind=SquaredError(self.bound), center=center, scale=scale)
        return self._everywhere(task) if np.isinf(rules.far(n_far).value) else task

    def keep_open(self, task: Task) -> Task:
        """What is far from the first labels may be near to later ones; see :meth:`Kind.keep_open`."""
        return self._everywhere(super().keep_open(task))

    def _everywhere(self, task: Task) -> Task:
        return replace(task, kind=SquaredError(far=np.inf)) if self.far == "auto" else task

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Mean of the standardised target, or where the cut residuals balance; see :meth:`Kind.initial_bias`."""
        if np.abs(encoded).max() <= self.bound:
            return np.zeros(1)
        return np.asarray([huber_location(encoded, weights, self.bound)])

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray | None:
        """The label, unless far labels are to count less; see :meth:`Kind.ideal_response`."""
        return task.transformed(labels)[:, None] if self.far == "auto" or np.isinf(self.bound) else None

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error; see :meth:`Kind.loss_gradient`."""
        return cut_square(outputs - targets, self.bound)

    def residual_sums(self, residual: Tensor, weights: Tensor | None, factors: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Kind`."""
        return cut_square_sums(residual, self.bound, weights, factors)


def _holds_glitches(name: Any, positions: np.ndarray, weights: np.ndarray) -> bool:
    """Whether labels at these multiples of the bound from the median look like glitches; warns of them."""
    n_high, n_low = int(np.count_nonzero(positions > 1)), int(np.count_nonzero(positions < -1))
    beyond = np.abs(positions) > 1
    distances = np.abs(positions[beyond])
    log_excess = float(np.average(np.log(distances), weights=weights[beyond])) if n_high + n_low else 0.0
    n_distinct = len(np.unique(positions[beyond]))  # copies of a label are no further evidence
    found: bool = rules.glitches(float(weights[beyond].sum() / weights.sum()), n_distinct, log_excess).value
    if found:
        warnings.warn(
            f"Task {name!r}: {n_high + n_low} of {len(positions)} labels, the {n_high} highest and the {n_low} lowest, "
            f"are so far from all others that they look like glitches. The squared error grows linearly there, lest "
            f"they rule the network. Correct them or take them out. If they are right and the mean is wanted, use "
            f"SquaredError(far=numpy.inf) for the task.",
            stacklevel=3,
        )
    return found
