"""Peers whose weights are a sum of those of the cohort and their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl._state import State, pack, unpack
from skmtl.layers import ParameterBuffer
from skmtl.training._state import join, split
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import PeerSharing, PeerUpdate, by_cohort, part_of


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
        self, optimizer: Optimizer, buffer: ParameterBuffer, n_peers: int, learning_rate: Tensor, weight_decay: Tensor
    ) -> list[Update]:
        """See :class:`PeerSharing`."""
        return [_SumUpdate(self, optimizer, buffer, n_peers, learning_rate, weight_decay)]


class _SumUpdate(PeerUpdate):
    """Optimises the terms in buffers of their own, and writes their sums to that of the network.

    Statistics of rows are no parameters: what the forward passes of a peer make of them stays its own.
    """

    def __init__(
        self,
        settings: AdditivePeers,
        optimizer: Optimizer,
        buffer: ParameterBuffer,
        n_peers: int,
        learning_rate: Tensor,
        weight_decay: Tensor,
    ) -> None:
        super().__init__(buffer, n_peers)
        self.settings = settings
        specs, dtype, device = (
            tuple(s for s in buffer.specs if s.owner is not None),
            buffer.values.dtype,
            buffer.values.device,
        )
        self.common = ParameterBuffer(specs, buffer.members // n_peers, dtype, device)
        self.own = ParameterBuffer(specs, buffer.members, dtype, device)
        for name, common in self.common.views.items():
            peers = by_cohort(buffer.views[name], n_peers)
            common.copy_(peers[:, 0] + (peers - peers[:, :1]).mean(1))  # exact for peers that begin alike
            by_cohort(self.own.views[name], n_peers).copy_(peers - common[:, None])
        of_cohort = slice(None, None, n_peers)
        self._of_common = optimizer.start(self.common, learning_rate[of_cohort], weight_decay[of_cohort])
        self._of_own = optimizer.start(self.own, learning_rate, torch.zeros_like(weight_decay))

    def step(self, factor: float | Tensor) -> None:
        for name, gradient in self.buffer.gradient_views.items():
            torch.mean(by_cohort(gradient, self.n_peers), 1, out=self.common.gradient_views[name])
            self.own.gradient_views[name].copy_(gradient)
        self.own.gradient.add_(self.own.learned, alpha=2 * float(self.settings.own_strength))
        self._of_common.step(factor)
        self._of_own.step(factor)
        for name, common in self.common.views.items():
            sums = by_cohort(self.buffer.views[name], self.n_peers)
            torch.add(by_cohort(self.own.views[name], self.n_peers), common[:, None], out=sums)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        chosen = super().select(members, buffer)
        assert isinstance(chosen, _SumUpdate)
        cohorts = members[:: self.n_peers] // self.n_peers
        chosen.common, chosen.own = part_of(self.common, cohorts), part_of(self.own, members)
        chosen._of_common = self._of_common.select(cohorts, chosen.common)
        chosen._of_own = self._of_own.select(members, chosen.own)
        return chosen

    def state(self) -> State:
        terms = {"common": self.common.arrays(), "own": self.own.arrays()}
        updates = {"of common": self._of_common.state(), "of own": self._of_own.state()}
        return join({"terms": pack(terms, "terms", {}), **updates})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        saved = split(state, arrays)
        terms = unpack(*saved["terms"], {}, {})
        self.common.load(terms["common"])
        self.own.load(terms["own"])
        self._of_common.load_state(*saved["of common"], device)
        self._of_own.load_state(*saved["of own"], device)
