"""Peers whose hidden layers are common matrices between scalings of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import CohortLinear, MemberLinear, ParameterBuffer, ParameterSpec, ScaledMatrices
from skmtl.network import ManualPasses, Passes
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import ComposedUpdate, PeerSharing, Settings, by_cohort


class BatchEnsemble(PeerSharing):
    """Weights W_k = diag(r_k) W diag(s_k) of each peer's hidden layers: common matrices, scaled by inputs and outputs.

    BatchEnsemble (Wen et al., 2020) as in TabM (Gorishniy et al., 2025): the first layer's r_k begin as random signs,
    which set the peers apart, all other scalings as 1. W follows the mean loss of the cohort. The scalings and all
    other parameters, such as biases, outputs and trained encoders, follow the loss of their own peer. Weight decay
    does not act on the scalings.

    Where the hidden layers are one stack that all tasks read and nothing but the optimizer acts on the weights, the
    rows of all peers go through one product with the common matrix, which saves time, too. Elsewhere, as with other
    sharing architectures, layers of single tasks, balancing methods or averages of weights, each peer computes with a
    matrix of its own, made anew in each step. A fitted network keeps the matrices of all peers. Training that goes on
    from a fitted network begins with the common matrices and scalings nearest to its weights, which give the same
    weights unless peers were stopped at different epochs.

    References
    ----------
    Wen, Y., Tran, D. and Ba, J. (2020). BatchEnsemble: an alternative approach to efficient ensemble and lifelong
    learning. ICLR.

    Gorishniy, Y., Kotelnikov, A. and Babenko, A. (2025). TabM: advancing tabular deep learning with parameter-efficient
    ensembling. ICLR.
    """

    composes = True

    @property
    def acts(self) -> bool:
        """See :class:`PeerSharing`: always."""
        return True

    def check(self) -> None:
        """See :class:`PeerSharing`: there are no settings."""

    def initialise(self, buffer: ParameterBuffer, n_peers: int, generators: Sequence[np.random.Generator]) -> None:
        """Give peers the first one's weights with random signs of the inputs; see :meth:`PeerSharing.initialise`."""
        super().initialise(buffer, n_peers, generators)
        first = next((spec for spec in buffer.specs if spec.hidden), None)
        if first is None:
            return
        for values, generator in zip(buffer.views[first.name], generators, strict=True):
            signs = generator.choice([-1.0, 1.0], first.shape[-2])
            values.mul_(torch.from_numpy(signs).to(values)[:, None])

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
        return [_ScaledUpdate(optimizer, buffer, n_peers, learning_rate, weight_decay)]


class _ScaledUpdate(ComposedUpdate):
    """Optimises matrices, scalings and all else, and writes the weights to the buffer of the network."""

    def __init__(
        self, optimizer: Optimizer, buffer: ParameterBuffer, n_peers: int, learning_rate: Tensor, weight_decay: Tensor
    ) -> None:
        hidden = [spec for spec in buffer.specs if spec.hidden]
        others = [spec for spec in buffer.specs if spec.owner is not None and not spec.hidden]
        layout = buffer.values.dtype, buffer.values.device
        parts = {
            "matrices": ParameterBuffer(hidden, buffer.members // n_peers, *layout),
            "inputs": ParameterBuffer([_scaling(spec, -1) for spec in hidden], buffer.members, *layout),
            "outputs": ParameterBuffer([_scaling(spec, -2) for spec in hidden], buffer.members, *layout),
            "others": ParameterBuffer(others, buffer.members, *layout),
        }
        super().__init__(buffer, n_peers, {}, parts)
        self._composed: list[str] = [spec.name for spec in hidden]  # matrices that each step makes anew
        for name, factors in self._by_name().items():
            for factor, value in zip(factors, _nearest(by_cohort(buffer.views[name], n_peers)), strict=True):
                factor.copy_(value)
        for name, values in parts["others"].views.items():
            values.copy_(buffer.views[name])
        self.start(optimizer, learning_rate, weight_decay, undecayed=["inputs", "outputs"])

    def _by_name(self, *, gradients: bool = False) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """W ``(cohort, 1, ..., input, output)``, r ``(cohort, peer, ..., input, 1)``, s of each matrix by its name."""
        w, r, s = (
            self.parts[name].gradient_views if gradients else self.parts[name].views
            for name in ("matrices", "inputs", "outputs")
        )
        return {n: (w[n][:, None], by_cohort(r[n], self.n_peers), by_cohort(s[n], self.n_peers)) for n in w}

    def derive(self) -> None:
        factors, derivatives = self._by_name(), self._by_name(gradients=True)
        for name in self._composed:
            w, r, s = factors[name]
            gradient = by_cohort(self.buffer.gradient_views[name], self.n_peers)
            at_w, at_r, at_s = derivatives[name]
            torch.mean(r * gradient * s, 1, keepdim=True, out=at_w)
            torch.sum(gradient * w * s, -1, keepdim=True, out=at_r)
            torch.sum(gradient * w * r, -2, keepdim=True, out=at_s)
        for name, at_own in self.parts["others"].gradient_views.items():
            at_own.copy_(self.buffer.gradient_views[name])

    def compose(self) -> None:
        self._compose(self._composed)
        for name, own in self.parts["others"].views.items():
            self.buffer.views[name].copy_(own)

    def _compose(self, names: Sequence[str]) -> None:
        factors = self._by_name()
        for name in names:
            w, r, s = factors[name]
            torch.mul(r * w, s, out=by_cohort(self.buffer.views[name], self.n_peers))

    def share_products(self, passes: Passes) -> None:
        """See :class:`ComposedUpdate`: where the hidden layers are one stack, without layers of single tasks."""
        stack = passes.layers.body.stack if isinstance(passes, ManualPasses) else None
        if stack is None or {layer.specs[0].name for layer in stack.layers} != set(self._composed):
            return
        stack.layers = [
            CohortLinear(layer, self.buffer, self._of_layer(layer), self._of_layer(layer, gradients=True))
            for layer in stack.layers
        ]
        self._composed = []

    def _of_layer(self, layer: MemberLinear, *, gradients: bool = False) -> ScaledMatrices:
        """Its matrices and scalings, or their gradients."""
        name = layer.specs[0].name
        w, r, s = (
            (self.parts[part].gradient_views if gradients else self.parts[part].views)[name].flatten(0, 1)
            for part in ("matrices", "inputs", "outputs")
        )
        return ScaledMatrices(w, r.transpose(1, 2), s)

    def publish(self) -> None:
        """See :class:`Update`."""
        self._compose([name for name in self.parts["matrices"].views if name not in self._composed])

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`; the members make whole cohorts."""
        chosen = super().select(members, buffer)
        assert isinstance(chosen, _ScaledUpdate)
        chosen._composed = list(chosen.parts["matrices"].views)
        return chosen


def _scaling(spec: ParameterSpec, axis: int) -> ParameterSpec:
    """Scaling along the other of the last two axes of a matrix."""
    shape = list(spec.shape)
    shape[axis] = 1
    return replace(spec, shape=tuple(shape))


N_ROUNDS = 30  # of alternating least squares at most; weights of this form need a few


def _nearest(peers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """W, r and s with r W s nearest to weights ``(cohort, peer, ..., input, output)``, from those of the first peer."""
    w, s = peers[:, :1], torch.ones_like(peers[..., :1, :])
    for _ in range(N_ROUNDS):
        r = _ratio(peers, w * s, -1)
        s = _ratio(peers, w * r, -2)
        w = _ratio(peers, r * s, 1)
        if torch.allclose(w * r * s, peers, rtol=8 * torch.finfo(peers.dtype).eps, atol=0):
            break
    return w, r, s


def _ratio(values: Tensor, units: Tensor, axis: int) -> Tensor:
    """Factor by which units come nearest to values along an axis; 1 for units of 0."""
    square = units.square().sum(axis, keepdim=True)
    return torch.where(square > 0, (values * units).sum(axis, keepdim=True) / square, 1.0)
