"""What blends have in common: other predictions of the same rows that get shares of a task's response."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from skmtl.network import Network
from skmtl.postprocess._base import HeldOutRows, PostprocessorOfTasks
from skmtl.postprocess._cross_fitting import N_FOLDS
from skmtl.postprocess._shares import (
    MIN_GAIN,
    TaskTargets,
    choose_shares,
    crossed_shares,
    read_targets,
    relative_gain,
)


class Blend(PostprocessorOfTasks):
    """Blends responses with predictions that were fitted to the same rows, by shares that sum to 1.

    Attributes
    ----------
    n_inputs_ : int
        Number of encoded inputs that they look at.
    """

    n_inputs_: int

    @abstractmethod
    def left_out(self, held_out: HeldOutRows, targets: Sequence[TaskTargets]) -> Mapping[int, np.ndarray]:
        """What is predicted of each row without its label, ``(source, n, n_columns)`` by the task's index."""

    def gains(self, target: TaskTargets, products: np.ndarray, crossed: np.ndarray, left_out: np.ndarray) -> bool:
        """Whether shares of other folds, ``crossed``, lower the squared error about a task."""
        return relative_gain(target, products, crossed) > MIN_GAIN

    def gaining(
        self, targets: Sequence[TaskTargets], left_out: Mapping[int, np.ndarray]
    ) -> list[tuple[TaskTargets, np.ndarray]]:
        """Tasks for which the predictions gain something, with the shares of the response and of each of them."""
        products = _products(targets, left_out)
        found = zip(targets, products, choose_shares(targets, products), crossed_shares(targets, products), strict=True)
        return [
            (target, shares)
            for target, own, shares, crossed in found
            if shares[0] < 1 and self.gains(target, own, crossed, left_out[target.index])
        ]

    def cross_fitted(self, held_out: HeldOutRows) -> list[np.ndarray]:
        """Blend held-out responses by shares chosen on other rows; see :meth:`Postprocessor.cross_fitted`."""
        known = held_out.known
        targets = read_targets(held_out, known)
        left_out = self.left_out(held_out, targets)
        crossed = zip(targets, crossed_shares(targets, _products(targets, left_out)), strict=True)
        of_folds = {target.index: shares for target, shares in crossed}
        folds, responses = (held_out.units[known] % N_FOLDS).astype(int), list(held_out.responses)
        for task in self.tasks_:
            shares, before = of_folds[task.index][folds].T[..., None], responses[task.index][known]
            predicted = np.concatenate([before[None], left_out[task.index]])
            blended = responses[task.index] = np.full_like(responses[task.index], np.nan)
            blended[known] = task.task.kind.shift(before, (shares * predicted).sum(axis=0) - before)
        return responses


def input_bounds(network: Network, held_out: HeldOutRows) -> np.ndarray:
    """Of the inputs that a blend looks at, see :meth:`Encoder.plain_bounds`: all but the bins of numbers."""
    encoder = network.architecture.encoder
    return np.full(held_out.rows.shape[1], np.inf) if encoder is None else encoder.plain_bounds()


def _products(targets: Sequence[TaskTargets], left_out: Mapping[int, np.ndarray]) -> list[np.ndarray]:
    """Products of errors of each task, as :meth:`TaskTargets.products` gives them."""
    return [target.products(left_out[target.index][:, target.seen]) for target in targets]
