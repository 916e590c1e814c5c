"""Recurrent layers of every member at once, for autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec, uniform
from skmtl.layers._packing import Packing


class MemberRecurrence:
    """Base of the recurrent layers: maps of all members and directions as batched products.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs, n_units : int
        Widths.
    copies : int
        Independent layers within a member: one a direction.
    """

    n_gates: int

    def __init__(self, name: str, n_inputs: int, n_units: int, copies: int) -> None:
        self.n_units, self.copies = n_units, copies
        wide, initial = self.n_gates * n_units, uniform(n_units**-0.5)
        self.specs = (
            ParameterSpec(f"{name}.input", (copies, n_inputs, wide), uniform((3 / n_inputs) ** 0.5)),
            ParameterSpec(f"{name}.recurrent", (copies, n_units, wide), initial),
            ParameterSpec(f"{name}.bias", (copies, 1, wide), initial),
        )

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        self._parameters = [buffer.views[s.name] if leaves is None else leaves[s.name] for s in self.specs]

    def forward(self, x: Tensor, packing: Packing, members: slice) -> tuple[Tensor, Tensor]:
        """Run over packed tokens.

        Parameters
        ----------
        x : Tensor of shape (member * copies, token, n_inputs)
            Packed inputs.
        packing : Packing
            Their order.
        members : slice
            Members to compute.

        Returns
        -------
        states : Tensor of shape (member * copies, token, n_units)
            Output at each token.
        last : Tensor of shape (member * copies, row, n_units)
            Output at the last token of each row, rows in packed order.
        """
        weight, recurrent, bias = (p[members].flatten(0, 1) for p in self._parameters)
        gates = torch.baddbmm(bias, x, weight)
        state = self._start(gates, packing.order.shape[0])
        outputs, ended = [], []
        for now, still in zip(packing.by_time(gates), packing.running, strict=True):
            if still < state[0].shape[1]:
                parts = [s.split([still, s.shape[1] - still], 1) for s in state]
                ended.append(parts[0][1])
                state = tuple(running for running, _ in parts)
            state = self._step(now, state, recurrent)
            outputs.append(state[0])
        ended.append(state[0])
        states = torch.cat(outputs, 1) if outputs else gates.new_zeros(len(gates), 0, self.n_units)
        return states, torch.cat(ended[::-1], 1)

    def _start(self, like: Tensor, rows: int) -> tuple[Tensor, ...]:
        return (like.new_zeros(len(like), rows, self.n_units),)

    def _step(self, gates: Tensor, state: tuple[Tensor, ...], recurrent: Tensor) -> tuple[Tensor, ...]:
        """New state, its output first, from the inputs' part of the gates."""
        raise NotImplementedError


class MemberLSTM(MemberRecurrence):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with a forget gate."""

    n_gates = 4

    def _start(self, like: Tensor, rows: int) -> tuple[Tensor, ...]:
        return super()._start(like, rows) * 2

    def _step(self, gates: Tensor, state: tuple[Tensor, ...], recurrent: Tensor) -> tuple[Tensor, ...]:
        output, cell = state
        total = torch.baddbmm(gates, output, recurrent)
        doors, candidate = total.split([3 * self.n_units, self.n_units], -1)
        let_in, keep, show = doors.sigmoid().chunk(3, -1)
        cell = torch.addcmul(let_in * candidate.tanh(), keep, cell)
        return show * cell.tanh(), cell


class MemberGRU(MemberRecurrence):
    """Gated recurrent unit (Cho et al., 2014), its reset applied before the recurrent map of the candidate."""

    n_gates = 3

    def _step(self, gates: Tensor, state: tuple[Tensor, ...], recurrent: Tensor) -> tuple[Tensor, ...]:
        (output,) = state
        sizes = [2 * self.n_units, self.n_units]
        (doors, candidate), (own_doors, own_candidate) = (g.split(sizes, -1) for g in (gates, output.bmm(recurrent)))
        reset, keep = (doors + own_doors).sigmoid().chunk(2, -1)
        candidate = torch.addcmul(candidate, reset, own_candidate).tanh()
        return (torch.lerp(candidate, output, keep),)
