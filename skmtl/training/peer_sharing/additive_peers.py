"""Peers whose weights are a sum of those of the cohort and their own."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import ComposedUpdate, PeerSharing, Settings, by_cohort


class AdditivePeers(PeerSharing):
    """Parameters theta_k = theta_0 + delta_k of each peer, the deltas under the penalty own_strength * |delta_k|^2.

    Each delta follows the loss of its peer, theta_0 the mean loss of the cohort. The deltas start at 0, and without
    them a cohort is one network that learns from whole batches. Weight decay acts on theta_0. Reported losses and the
    early-stopping score do not include the penalty.

    Parameters
    ----------
    own_strength : float, default=0.003
        Factor of the penalty on what a peer adds, beside task losses whose weights sum to 1.

    References
    ----------
    Evgeniou, T. and Pontil, M. (2004). Regularized multi-task learning. KDD. There the sum is over tasks.
    """

    composes = True

    strengths = ("own_strength",)

    def __init__(self, own_strength: float = 0.003) -> None:
        self.own_strength = own_strength

    @property
    def acts(self) -> bool:
        """See :class:`PeerSharing`: always."""
        return True

    def check(self) -> None:
        """See :class:`PeerSharing`."""
        require_number(self.label("own_strength"), self.own_strength)

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
        return [_SumUpdate(optimizer, buffer, n_peers, learning_rate, weight_decay, settings)]


class _SumUpdate(ComposedUpdate):
    """Optimises the terms, and writes their sums to the buffer of the network.

    Statistics of rows are no parameters: what the forward passes of a peer make of them stays its own.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        buffer: ParameterBuffer,
        n_peers: int,
        learning_rate: Tensor,
        weight_decay: Tensor,
        settings: Settings,
    ) -> None:
        specs, layout = [s for s in buffer.specs if s.owner is not None], (buffer.values.dtype, buffer.values.device)
        parts = {
            "common": ParameterBuffer(specs, buffer.members // n_peers, *layout),
            "own": ParameterBuffer(specs, buffer.members, *layout),
        }
        super().__init__(buffer, n_peers, settings, parts)
        for name, common in parts["common"].views.items():
            peers = by_cohort(buffer.views[name], n_peers)
            common.copy_(peers[:, 0] + (peers - peers[:, :1]).mean(1))  # exact for peers that begin alike
            by_cohort(parts["own"].views[name], n_peers).copy_(peers - common[:, None])
        self.start(optimizer, learning_rate, weight_decay, undecayed=["own"])

    def derive(self) -> None:
        common, own = self.parts["common"], self.parts["own"]
        for name, view in self.buffer.gradient_views.items():
            gradient = by_cohort(view, self.n_peers)
            torch.mean(gradient, 1, out=common.gradient_views[name])
            delta, at_own = (by_cohort(views[name], self.n_peers) for views in (own.views, own.gradient_views))
            torch.addcmul(gradient, delta, self.setting("own_strength", delta), value=2, out=at_own)

    def compose(self) -> None:
        for name, common in self.parts["common"].views.items():
            sums, own = (by_cohort(buffer.views[name], self.n_peers) for buffer in (self.buffer, self.parts["own"]))
            torch.add(own, common[:, None], out=sums)
