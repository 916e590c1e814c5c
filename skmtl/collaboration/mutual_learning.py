"""Peers that agree, or differ."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from skmtl._params import require_choice, require_number
from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, Settings, mean_of_others, ramp_up


class MutualLearning(Collaboration):
    """Each peer is pulled towards the others' predictions (Zhang et al., 2018), or pushed away from them.

    The loss of peer k is its own plus strength / (K - 1) * sum_l D(k, l) over its K - 1 peers, whose outputs are
    constants: D is the Kullback-Leibler divergence of class probabilities, KL(p_l || p_k), or the squared difference of
    standardised numbers (of outputs for the other losses of numbers). Its gradient is K / (K - 1) times the distance
    from the mean of all peers. Summed over the peers it is 0: it hardly moves the mean of an ensemble and draws its
    members together, so that one of them is nearly as good as all.

    With a negative strength it is negative correlation learning (Liu and Yao, 1999): peers differ more than
    independent ones. At -(K - 1) / K all peers together minimise the squared error of their mean, which overfits
    easily.

    Parameters
    ----------
    strength : float, default=1.0
        Weight of the agreement on labelled cells, beside a loss of weight 1. 0 trains independent networks; 0.3 to 3 is
        sensible for agreement, -0.5 for diversity; below -1 training diverges.
    unlabeled_strength : float, default=0.0
        The same on cells without a label, of which each counts one over the number of rows. Where it is not 0, rows
        without any label are kept.
    temperature : float, default=1.0
        Divisor of the outputs of classes: above 1 the unlikely classes count more.
    ramp : float in [0, 1], default=0.25
        Fraction of the training in which the strength rises to its value, as young peers have nothing to tell.
    target : {"mean", "best"}, default="mean"
        Whom a peer learns from: the mean of the others, or in each labelled cell the peer of least loss (Guo et al.,
        2020).

    References
    ----------
    Zhang, Y., Xiang, T., Hospedales, T. M. and Lu, H. (2018). Deep mutual learning. CVPR.

    Liu, Y. and Yao, X. (1999). Ensemble learning via negative correlation. Neural Networks 12, 1399-1404.

    Guo, Q. et al. (2020). Online knowledge distillation via collaborative learning. CVPR.
    """

    strengths = ("strength", "unlabeled_strength")
    acts_by = strengths

    def __init__(
        self,
        strength: float = 1.0,
        unlabeled_strength: float = 0.0,
        temperature: float = 1.0,
        ramp: float = 0.25,
        target: Literal["mean", "best"] = "mean",
    ) -> None:
        self.strength, self.unlabeled_strength = strength, unlabeled_strength
        self.temperature, self.ramp, self.target = temperature, ramp, target

    def check(self) -> None:
        """Check the settings; see :meth:`Collaboration.check`."""
        require_number(self.label("strength"), self.strength, minimum=-math.inf)
        require_number(self.label("unlabeled_strength"), self.unlabeled_strength, minimum=-math.inf)
        require_number(self.label("temperature"), self.temperature, positive=True)
        require_number(self.label("ramp"), self.ramp, maximum=1)
        require_choice(self.label("target"), self.target, ("mean", "best"))

    @property
    def uses_unlabeled(self) -> bool:
        """Whether agreement on cells without a label counts."""
        return self.unlabeled_strength != 0

    def effect(self, cells: PeerCells, settings: Settings) -> Effect:
        """Pull beliefs towards those of the others; see :meth:`Collaboration.effect`."""
        beliefs = cells.beliefs(self.temperature)
        rise = ramp_up(cells.progress, self.ramp)
        gradient = cells.pull(beliefs, mean_of_others(beliefs), self.temperature)
        if self.target == "best":
            gradient = self._from_best(cells, beliefs, gradient)
        unlabeled = rise * settings["unlabeled_strength"] if self.uses_unlabeled else 0.0
        return Effect(None, gradient, rise * settings["strength"], unlabeled)

    def _from_best(self, cells: PeerCells, beliefs: Tensor, otherwise: Tensor) -> Tensor:
        """Derivative of the distance from the peer of least loss in each cell; ``otherwise`` where none has a label."""
        best = cells.to_outputs(cells.losses.argmin(1, keepdim=True))
        gradient = cells.pull(beliefs, torch.take_along_dim(beliefs, best, 1), self.temperature)
        if cells.weights is None:
            return gradient
        return torch.where(cells.to_outputs(cells.weights) > 0, gradient, otherwise)
