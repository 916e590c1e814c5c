"""Peers that a penalty draws to their mean."""

from __future__ import annotations

from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import PeerSharing, PeerUpdate, Settings, by_cohort


class Elastic(PeerSharing):
    """Each peer trains on its own part of the batches, under the penalty strength * sum_k |theta_k - mean theta|^2.

    Elastic averaging (Zhang, Choromanska and LeCun, 2015), its centre the mean of the peers. The mean moves with the
    peers, but its part of the derivative is the sum of the distances from it, which is 0. Reported losses and the
    early-stopping score do not include the penalty.

    Parameters
    ----------
    strength : float, default=0.003
        Factor of the penalty, beside task losses whose weights sum to 1; 0 trains independent networks.

    References
    ----------
    Zhang, S., Choromanska, A. and LeCun, Y. (2015). Deep learning with elastic averaging SGD. NeurIPS.
    """

    strengths = ("strength",)

    def __init__(self, strength: float = 0.003) -> None:
        self.strength = strength

    @property
    def acts(self) -> bool:
        """See :class:`PeerSharing`."""
        return self.strength > 0

    def check(self) -> None:
        """See :class:`PeerSharing`."""
        require_number(self.label("strength"), self.strength)

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
        return [_SpreadUpdate(buffer, n_peers, settings), optimizer.start(buffer, learning_rate, weight_decay)]


class _SpreadUpdate(PeerUpdate):
    def step(self, factor: float | Tensor) -> None:
        for name, gradient in self.buffer.gradient_views.items():
            peers = by_cohort(self.buffer.views[name], self.n_peers)
            distance = peers - peers.mean(1, keepdim=True)
            by_cohort(gradient, self.n_peers).addcmul_(distance, self.setting("strength", distance), value=2)
