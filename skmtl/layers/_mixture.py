"""Softmax gates that mix the outputs of experts."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from skmtl.layers._buffer import Composite, ParameterBuffer
from skmtl.layers._linear import MemberLinear
from skmtl.layers._workspace import Workspace


class MemberMixture(Composite):
    """f_k = sum_e g_ke E_e with gates g_k = softmax(x V_k + c_k) over the experts that mixture k reads.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_inputs : int
        Width of what the gates read.
    reads : Tensor of shape (mixture, read), int
        Indices of the experts that each mixture reads.
    n_experts : int
        Number of experts of a member.
    copies : int, default=1
        1 if all gates read the same rows, else the number of mixtures: each reads rows of its own.
    gate_dropout : float, default=0.0
        Probability with which a gate of a row is shut in training. The open gates of a mixture sum to 1 all the same;
        where none is left, all are open (Zhao et al., 2019).
    owner : {"shared", "task"}, default="task"
        Who the gates belong to.

    References
    ----------
    Zhao, Z. et al. (2019). Recommending what video to watch next: a multitask ranking system. RecSys.
    """

    def __init__(
        self,
        name: str,
        n_inputs: int,
        reads: Tensor,
        n_experts: int,
        *,
        copies: int = 1,
        gate_dropout: float = 0.0,
        owner: Literal["shared", "task"] = "task",
    ) -> None:
        self.name, self.n_experts, self.copies, self.gate_dropout = name, n_experts, copies, gate_dropout
        self.n_mixtures, self.n_read = reads.shape
        self.reads = None if self.n_read == n_experts else reads
        self.gates = MemberLinear(
            f"{name}.gates", n_inputs, self.n_mixtures // copies * self.n_read, copies=copies, owner=owner
        )
        self.parts = [self.gates]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``."""
        super().bind(buffer, leaves)
        if self.reads is not None:
            self.reads = self.reads.to(buffer.values.device)

    def weights(self, x: Tensor, workspace: Workspace) -> Tensor:
        """Gates from ``(1 or member * copies, row, n_inputs)``: ``(member, row, mixture, read)``."""
        logits = self.gates.forward(x, workspace).unflatten(0, (-1, self.copies)).transpose(1, 2)
        logits = logits.reshape(*logits.shape[:2], self.n_mixtures, self.n_read)
        if self.gate_dropout and workspace.training:
            logits = logits.masked_fill(self._shut(logits, workspace), -torch.inf)
        return torch.softmax(logits, -1)

    def _shut(self, logits: Tensor, workspace: Workspace) -> Tensor:
        rate = logits.new_full((logits.shape[0],), self.gate_dropout)
        flat = (*logits.shape[:2], self.n_mixtures * self.n_read)
        shut = workspace.keep_mask(self.gates.name, flat, rate, logits).view_as(logits) == 0
        return shut & ~shut.all(-1, keepdim=True)

    def forward(self, x: Tensor, experts: Tensor, workspace: Workspace) -> Tensor:
        """Mix experts.

        Parameters
        ----------
        x : Tensor of shape (1 or member * copies, row, n_inputs)
            What the gates read.
        experts : Tensor of shape (member, row, expert, width)
            Contiguous outputs of the experts.
        workspace : Workspace
            Run state.

        Returns
        -------
        Tensor of shape (member * mixture, row, width)
            The mixtures.
        """
        gates = self.weights(x, workspace)
        workspace.saved[self.name + ".softmax"], workspace.saved[self.name + ".experts"] = gates, experts
        full = self._over_all_experts(gates)
        mixed = torch.bmm(full.flatten(0, 1), experts.flatten(0, 1)).unflatten(0, full.shape[:2])
        stacked: Tensor = mixed.transpose(1, 2).flatten(0, 1)
        return stacked

    def gates_of_last(self, workspace: Workspace) -> Tensor:
        """Gates of the last forward, ``(member, row, mixture, read)``."""
        return workspace.saved[self.name + ".softmax"].detach()

    def _over_all_experts(self, gates: Tensor) -> Tensor:
        """Gates with a zero for every expert that a mixture does not read: ``(member, row, mixture, expert)``."""
        if self.reads is None:
            return gates
        index = self.reads.expand(gates.shape)
        return gates.new_zeros(*gates.shape[:3], self.n_experts).scatter(-1, index, gates)

    def backward(self, gradient: Tensor, workspace: Workspace, factors: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Write the gates' gradients.

        Parameters
        ----------
        gradient : Tensor of shape (member * mixture, row, width)
            Gradient at the mixtures.
        workspace : Workspace
            Run state.
        factors : Tensor, optional
            Broadcasts to ``(member, row, mixture, expert)``: how much a mixture's gradient counts for an expert.

        Returns
        -------
        experts : Tensor of shape (member, row, expert, width)
            Gradient at the outputs of the experts.
        logits : Tensor
            What :meth:`input_gradient` takes.
        """
        gates, experts = workspace.saved[self.name + ".softmax"], workspace.saved[self.name + ".experts"]
        by_row = gradient.unflatten(0, (-1, self.n_mixtures)).transpose(1, 2).flatten(0, 1)  # (.., mixture, width)
        full = self._over_all_experts(gates)
        full = (full if factors is None else full * factors).flatten(0, 1)
        at_experts = torch.bmm(full.transpose(1, 2), by_row).view_as(experts)
        at_gates = torch.bmm(by_row, experts.flatten(0, 1).transpose(1, 2)).unflatten(0, gates.shape[:2])
        if self.reads is not None:
            at_gates = at_gates.gather(-1, self.reads.expand(gates.shape))
        at_logits = gates * (at_gates - (gates * at_gates).sum(-1, keepdim=True))
        flat = at_logits.reshape(*gates.shape[:2], self.copies, -1).transpose(1, 2).flatten(0, 1)
        self.gates.backward(flat, workspace)
        return at_experts, flat

    def input_gradient(self, logits: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at what the gates read, from what :meth:`backward` returned."""
        return self.gates.input_gradient(logits, workspace)
