"""Peers that are replaced by their mean from time to time."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl._params import require_integer, require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import PeerSharing, PeerUpdate, Settings, by_cohort


class Averaging(PeerSharing):
    """Each peer trains on its own part of the batches, and is drawn to the mean of the cohort every ``period`` steps.

    theta_k = (1 - strength) theta_k + strength mean theta, as in local SGD and federated averaging (McMahan et al.,
    2017; Stich, 2019). The moments of the optimizer stay each peer's own. With strength 1 in each step under SGD a
    cohort is one network that learns from whole batches.

    Parameters
    ----------
    period : int, default=100
        Number of steps between two means.
    strength : float in [0, 1], default=1.0
        How far peers go towards the mean; 0 trains independent networks.

    References
    ----------
    McMahan, B., Moore, E., Ramage, D., Hampson, S. and Agueera y Arcas, B. (2017). Communication-efficient learning of
    deep networks from decentralized data. AISTATS.

    Stich, S. U. (2019). Local SGD converges fast and communicates little. ICLR.
    """

    strengths = ("period", "strength")

    def __init__(self, period: int = 100, strength: float = 1.0) -> None:
        self.period, self.strength = period, strength

    @property
    def acts(self) -> bool:
        """See :class:`PeerSharing`."""
        return self.strength > 0

    def check(self) -> None:
        """See :class:`PeerSharing`."""
        require_integer(self.label("period"), self.period, 1)
        require_number(self.label("strength"), self.strength, maximum=1)

    def updates(
        self,
        optimizer: Optimizer,
        buffer: ParameterBuffer,
        n_peers: int,
        learning_rate: Tensor,
        weight_decay: Tensor,
        settings: Settings,
    ) -> list[Update]:
        """See :class:`PeerSharing`."""
        return [optimizer.start(buffer, learning_rate, weight_decay), _MeanUpdate(buffer, n_peers, settings)]


class _MeanUpdate(PeerUpdate):
    saved = ("_steps",)

    def __init__(self, buffer: ParameterBuffer, n_peers: int, settings: Settings) -> None:
        super().__init__(buffer, n_peers, settings)
        self._steps = 0

    def step(self, factor: float | Tensor) -> None:
        self._steps += 1
        due = self._steps % self.settings["period"] == 0
        if not due.any():
            return
        for view in self.buffer.views.values():
            peers = by_cohort(view, self.n_peers)
            closer = peers.lerp(peers.mean(1, keepdim=True), self.setting("strength", peers))
            view.copy_(torch.where(due.view(-1, *[1] * (view.ndim - 1)), closer.view_as(view), view))
