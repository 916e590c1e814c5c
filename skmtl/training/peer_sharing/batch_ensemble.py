"""Peers whose hidden layers are common matrices between scalings of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.layers import ParameterBuffer, ParameterSpec
from skmtl.training._state import join, split
from skmtl.training.optimizers import Optimizer, Update
from skmtl.training.peer_sharing._peer_sharing import PeerSharing, PeerUpdate, by_cohort, part_of


class BatchEnsemble(PeerSharing):
    """Weights W_k = diag(r_k) W diag(s_k) of each peer's hidden layers: common matrices, scaled by inputs and outputs.

    BatchEnsemble (Wen et al., 2020) as in TabM (Gorishniy et al., 2025): the first layer's r_k begin as random signs,
    which set the peers apart, all other scalings as 1. W follows the mean loss of the cohort. The scalings and all
    other parameters, such as biases, outputs and trained encoders, follow the loss of their own peer. Weight decay
    does not act on the scalings.

    This saves parameters to learn, not the arithmetic of a step: each peer computes with a whole matrix, made anew in
    each step, and a fitted network keeps it. Training that goes on from a fitted network begins with the common
    matrices and scalings nearest to its weights, which give the same weights unless peers were stopped at different
    epochs.

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
        self, optimizer: Optimizer, buffer: ParameterBuffer, n_peers: int, learning_rate: Tensor, weight_decay: Tensor
    ) -> list[Update]:
        """See :class:`PeerSharing`."""
        return [_ScaledUpdate(optimizer, buffer, n_peers, learning_rate, weight_decay)]


class _ScaledUpdate(PeerUpdate):
    """Optimises matrices, scalings and all else in buffers of their own, and writes the weights to the network's."""

    def __init__(
        self, optimizer: Optimizer, buffer: ParameterBuffer, n_peers: int, learning_rate: Tensor, weight_decay: Tensor
    ) -> None:
        super().__init__(buffer, n_peers)
        hidden = [spec for spec in buffer.specs if spec.hidden]
        others = [spec for spec in buffer.specs if spec.owner is not None and not spec.hidden]
        of_cohort, layout = slice(None, None, n_peers), (buffer.values.dtype, buffer.values.device)
        self.matrices = ParameterBuffer(hidden, buffer.members // n_peers, *layout)
        self.inputs = ParameterBuffer([_scaling(spec, -1) for spec in hidden], buffer.members, *layout)
        self.outputs = ParameterBuffer([_scaling(spec, -2) for spec in hidden], buffer.members, *layout)
        self.others = ParameterBuffer(others, buffer.members, *layout)
        for name, parts in self._by_name().items():
            for part, value in zip(parts, _nearest(by_cohort(buffer.views[name], n_peers)), strict=True):
                part.copy_(value)
        for name, values in self.others.views.items():
            values.copy_(buffer.views[name])
        rates = {
            "matrices": (learning_rate[of_cohort], weight_decay[of_cohort]),
            "inputs": (learning_rate, torch.zeros_like(weight_decay)),
            "outputs": (learning_rate, torch.zeros_like(weight_decay)),
            "others": (learning_rate, weight_decay),
        }
        self._updates = {n: optimizer.start(b, *rates[n]) for n, b in self._buffers().items() if len(b.learned)}

    def _buffers(self) -> dict[str, ParameterBuffer]:
        return {"matrices": self.matrices, "inputs": self.inputs, "outputs": self.outputs, "others": self.others}

    def _by_name(self, *, gradients: bool = False) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """W ``(cohort, 1, ..., input, output)``, r ``(cohort, peer, ..., input, 1)``, s of each matrix by its name."""
        w, r, s = (
            buffer.gradient_views if gradients else buffer.views
            for buffer in (self.matrices, self.inputs, self.outputs)
        )
        return {n: (w[n][:, None], by_cohort(r[n], self.n_peers), by_cohort(s[n], self.n_peers)) for n in w}

    def step(self, factor: float | Tensor) -> None:
        parts, derivatives = self._by_name(), self._by_name(gradients=True)
        for name, (w, r, s) in parts.items():
            gradient = by_cohort(self.buffer.gradient_views[name], self.n_peers)
            at_w, at_r, at_s = derivatives[name]
            torch.mean(r * gradient * s, 1, keepdim=True, out=at_w)
            torch.sum(gradient * w * s, -1, keepdim=True, out=at_r)
            torch.sum(gradient * w * r, -2, keepdim=True, out=at_s)
        for name, at_own in self.others.gradient_views.items():
            at_own.copy_(self.buffer.gradient_views[name])
        for update in self._updates.values():
            update.step(factor)
        for name, (w, r, s) in parts.items():
            torch.mul(r * w, s, out=by_cohort(self.buffer.views[name], self.n_peers))
        for name, own in self.others.views.items():
            self.buffer.views[name].copy_(own)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        chosen = super().select(members, buffer)
        assert isinstance(chosen, _ScaledUpdate)
        of_parts = {name: members for name in self._buffers()} | {"matrices": members[:: self.n_peers] // self.n_peers}
        for name, part in self._buffers().items():
            setattr(chosen, name, part_of(part, of_parts[name]))
        parts = chosen._buffers()
        chosen._updates = {n: update.select(of_parts[n], parts[n]) for n, update in self._updates.items()}
        return chosen

    def state(self) -> State:
        parts = {name: buffer.arrays() for name, buffer in self._buffers().items()}
        return join({"parts": pack(parts, "parts", {}), **{n: update.state() for n, update in self._updates.items()}})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> None:
        saved = split(state, arrays)
        parts = unpack(*saved["parts"], {}, {})
        for name, buffer in self._buffers().items():
            buffer.load(parts[name])
        for name, update in self._updates.items():
            update.load_state(*saved[name], device)


def _scaling(spec: ParameterSpec, axis: int) -> ParameterSpec:
    """Scaling along the other of the last two axes of a matrix."""
    shape = list(spec.shape)
    shape[axis] = 1
    return replace(spec, shape=tuple(shape))


N_ROUNDS = 30  # of alternating least squares, of which weights of this form need a few


def _nearest(peers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """W, r and s with r W s nearest to weights ``(cohort, peer, ..., input, output)``, from those of the first peer."""
    w, s = peers[:, :1], torch.ones_like(peers[..., :1, :])
    for _ in range(N_ROUNDS):
        r = _ratio(peers, w * s, -1)
        s = _ratio(peers, w * r, -2)
        w = _ratio(peers, r * s, 1)
    return w, r, s


def _ratio(values: Tensor, units: Tensor, axis: int) -> Tensor:
    """Factor by which units come nearest to values along an axis; 1 for units of 0."""
    square = units.square().sum(axis, keepdim=True)
    return torch.where(square > 0, (values * units).sum(axis, keepdim=True) / square, 1.0)
