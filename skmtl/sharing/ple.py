"""Shared and private experts, extracted level by level."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skmtl._params import require_integer, require_number
from skmtl.layers import MemberMixture, MemberMLP, Workspace, mixture_gramian
from skmtl.sharing._sharing import (
    Body,
    BodySpec,
    Sharing,
    SharingStatistic,
    for_each_copy,
    require_hidden_layers,
)


class PLE(Sharing):
    """Progressive layered extraction (Tang et al., 2020).

    A level has experts that all tasks read and private experts of each task. The gate of a task mixes the shared
    experts and its own; a further gate mixes all experts of the level into what the next level's shared experts read.
    The hidden layers are dealt to the levels from the first to the last, so that there is at most one level a layer.
    With one level and no private expert it is :class:`MMoE`.

    Parameters
    ----------
    n_shared : int, default=2
        Number of shared experts in a level.
    n_private : int, default=1
        Number of private experts of each task in a level.
    n_levels : int, default=2
        Number of levels.
    gate_dropout : float, default=0.0
        Probability with which an expert is shut off for a gate and a row in training, in [0, 1).

    References
    ----------
    Tang, H., Liu, J., Zhao, M. and Gong, X. (2020). Progressive layered extraction (PLE): a novel multi-task learning
    model for personalized recommendations. RecSys.
    """

    def __init__(self, n_shared: int = 2, n_private: int = 1, n_levels: int = 2, gate_dropout: float = 0.0) -> None:
        self.n_shared, self.n_private, self.n_levels = n_shared, n_private, n_levels
        self.gate_dropout = gate_dropout

    def build(self, spec: BodySpec) -> Body:
        """Make the levels; see :meth:`Sharing.build`."""
        require_integer(self.label("n_levels"), self.n_levels, 1)
        return _build(self, spec, self.n_shared, self.n_private, self.n_levels, self.gate_dropout)


class CGC(Sharing):
    """Customised gate control (Tang et al., 2020): :class:`PLE` with all hidden layers in one level.

    Parameters
    ----------
    n_shared : int, default=2
        Number of shared experts.
    n_private : int, default=1
        Number of private experts of each task.
    gate_dropout : float, default=0.0
        Probability with which an expert is shut off for a task and a row in training, in [0, 1).

    References
    ----------
    Tang, H., Liu, J., Zhao, M. and Gong, X. (2020). Progressive layered extraction (PLE): a novel multi-task learning
    model for personalized recommendations. RecSys.
    """

    def __init__(self, n_shared: int = 2, n_private: int = 1, gate_dropout: float = 0.0) -> None:
        self.n_shared, self.n_private, self.gate_dropout = n_shared, n_private, gate_dropout

    def build(self, spec: BodySpec) -> Body:
        """Make the level; see :meth:`Sharing.build`."""
        return _build(self, spec, self.n_shared, self.n_private, 1, self.gate_dropout)


def _build(
    sharing: Sharing, spec: BodySpec, n_shared: int, n_private: int, n_levels: int, gate_dropout: float
) -> _PLEBody:
    require_integer(sharing.label("n_shared"), n_shared, 1)
    require_integer(sharing.label("n_private"), n_private, 0)
    require_number(sharing.label("gate_dropout"), gate_dropout, below=1)
    require_hidden_layers(sharing, spec)
    sizes = np.array_split(spec.hidden_layer_sizes, min(n_levels, len(spec.hidden_layer_sizes)))
    levels: list[_Level] = []
    for below, widths in enumerate(sizes):
        n_inputs = levels[-1].width if levels else spec.n_inputs
        of_level = replace(spec, n_inputs=n_inputs, hidden_layer_sizes=tuple(widths.tolist()))
        levels.append(_Level(of_level, below, len(sizes) - 1 - below, n_shared, n_private, gate_dropout))
    return _PLEBody(levels, spec.n_tasks)


class _Level:
    """A level with ``below`` and ``above`` levels under and over it."""

    def __init__(
        self, spec: BodySpec, below: int, above: int, n_shared: int, n_private: int, gate_dropout: float
    ) -> None:
        self.members, self.n_tasks, self.n_shared, self.n_private = spec.members, spec.n_tasks, n_shared, n_private
        self.first, self.above, self.width = below == 0, above, spec.hidden_layer_sizes[-1]
        name, n_all = f"level{below}", n_shared + spec.n_tasks * n_private
        self.shared = spec.mlp(f"{name}.shared", copies=n_shared)
        # The shared gate gives private experts to all tasks, but in the last level.
        owner: Literal["shared", "task"] = "shared" if above else "task"
        self.private = spec.mlp(f"{name}.private", copies=spec.n_tasks * n_private, owner=owner)
        # What a task's gate mixes reaches other tasks through the shared gate of the level above, if that has one.
        self.task_gates = MemberMixture(
            f"{name}.tasks",
            spec.n_inputs,
            torch.from_numpy(_own_experts(spec.n_tasks, n_shared, n_private)),
            n_all,
            copies=1 if self.first else spec.n_tasks,
            gate_dropout=gate_dropout,
            owner="task" if above < 2 else "shared",
        )
        every = torch.arange(n_all)[None]
        self.shared_gate = (
            MemberMixture(f"{name}.all", spec.n_inputs, every, n_all, gate_dropout=gate_dropout, owner="shared")
            if above
            else None
        )

    @property
    def parts(self) -> list[MemberMLP | MemberMixture]:
        parts: list[MemberMLP | MemberMixture] = [self.shared, self.private, self.task_gates]
        return parts if self.shared_gate is None else [*parts, self.shared_gate]

    def forward(self, own: Tensor, common: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor]:
        """Inputs of the tasks and of the shared experts to those of the next level."""
        shared = self.shared.forward(for_each_copy(common, self.n_shared), workspace)
        copies = self.n_private * (self.n_tasks if self.first else 1)
        private = self.private.forward(for_each_copy(own, copies), workspace)
        by_member = [stack.unflatten(0, (self.members, -1)) for stack in (shared, private) if len(stack)]
        experts = torch.cat(by_member, 1).transpose(1, 2).contiguous()  # (member, row, expert, width)
        tasks = self.task_gates.forward(own, experts, workspace)
        return tasks, tasks if self.shared_gate is None else self.shared_gate.forward(common, experts, workspace)

    def backward(
        self, at_own: Tensor, at_common: Tensor | None, weights: Tensor | None, workspace: Workspace
    ) -> tuple[Tensor, Tensor] | None:
        """Write the parameters' gradients; the gradients at what the level reads, but in the first level.

        With ``weights``, shared parameters follow weighted losses: ``at_own`` then comes without them, ``at_common``
        with them. What the tasks get back has them unless the gates of the level below are the tasks' own.
        """
        factors = None if weights is None else self._factors(weights)
        at_experts, own_logits = self.task_gates.backward(at_own, workspace, factors)
        if self.shared_gate is not None and at_common is not None:
            more, common_logits = self.shared_gate.backward(at_common, workspace)
            at_experts += more
        n_all = (self.n_shared, at_experts.shape[2] - self.n_shared)
        at_shared, at_private = (part.transpose(1, 2).flatten(0, 1) for part in at_experts.split(n_all, 2))
        shared_below, private_below = (
            self.shared.backward(at_shared, workspace),
            self.private.backward(at_private, workspace),
        )
        if self.first:
            return None
        at_own = self.task_gates.input_gradient(own_logits, workspace)
        if weights is not None and self.above:
            at_own = at_own * weights.flatten()[:, None, None]
        at_own = at_own + _sum_copies(self.private.input_gradient(private_below, workspace), self.n_private)
        at_common = _sum_copies(self.shared.input_gradient(shared_below, workspace), self.n_shared)
        if self.shared_gate is not None:
            at_common = at_common + self.shared_gate.input_gradient(common_logits, workspace)
        return at_own, at_common

    def _factors(self, weights: Tensor) -> Tensor:
        """Weight of each task, but 1 for experts that are its own: ``(member, 1, task, 1 or expert)``."""
        by_task = weights[:, None, :, None]
        if self.above:
            return by_task
        n_own = self.n_tasks * self.n_private
        ones = by_task.new_ones(1, 1, 1, 1).expand(*by_task.shape[:3], n_own)
        return torch.cat([by_task.expand(-1, -1, -1, self.n_shared), ones], 3)


def _own_experts(n_tasks: int, n_shared: int, n_private: int) -> np.ndarray:
    """Experts that each task reads, ``(task, shared + private)``: the shared, then its private ones."""
    shared = np.tile(np.arange(n_shared), (n_tasks, 1))
    return np.hstack([shared, n_shared + np.arange(n_tasks * n_private).reshape(n_tasks, n_private)])


def _sum_copies(gradient: Tensor, copies: int) -> Tensor:
    """Gradient at rows that were read ``copies`` times."""
    return gradient.view(-1, copies, *gradient.shape[1:]).sum(1) if copies else gradient.new_zeros(())


class _PLEBody(Body):
    common_features = True

    def __init__(self, levels: list[_Level], n_tasks: int) -> None:
        self.levels, self.copies, self.width = levels, n_tasks, levels[-1].width
        self.parts = [part for level in levels for part in level.parts]
        self.draws = levels[0].task_gates.gate_dropout > 0

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        own = common = x
        for level in self.levels:
            own, common = level.forward(own, common, workspace)
        return own

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        self._backward(gradient, None, workspace)

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, workspace: Workspace) -> None:
        self._backward(gradient, weights, workspace)

    def _backward(self, gradient: Tensor, weights: Tensor | None, workspace: Workspace) -> None:
        at_own, at_common = gradient, None
        for level in reversed(self.levels):
            below = level.backward(at_own, at_common, weights if level.above < 2 else None, workspace)
            at_own, at_common = below or (at_own, at_common)

    def features_gramian(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """With respect to the outputs of the last level's shared experts, which come first in every gate."""
        last = self.levels[-1]
        return mixture_gramian(last.task_gates.gates_of_last(workspace)[..., : last.n_shared], gradient)

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Mean gate of each task in the last level: on the shared experts, then on its own."""
        workspace, own, common = Workspace(), x, x
        for level in self.levels[:-1]:
            own, common = level.forward(own, common, workspace)
        gates = self.levels[-1].task_gates.weights(own, workspace)
        return {"gate_utilisation": SharingStatistic(gates.mean(1), ("member", "task", "expert"))}
