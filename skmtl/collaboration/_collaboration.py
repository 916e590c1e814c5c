"""The contract of methods by which the peers of a cohort learn from one another's outputs."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skmtl._peer_method import PeerMethod
from skmtl.tasks import Group

Settings = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class PeerOutputs:
    """What the peers of all cohorts say of some rows.

    Attributes
    ----------
    outputs : Tensor of shape (cohort, peer, row, output)
        Network outputs.
    groups : sequence of Group
        Kinds of the tasks, each of neighbouring tasks and outputs.

    Examples
    --------
    >>> import torch
    >>> from skmtl.collaboration import PeerOutputs
    >>> from skmtl.tasks import Group, SquaredError
    >>> one_task = Group(SquaredError(), slice(0, 1), slice(0, 1))
    >>> outputs = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)  # of one cohort, two peers, one row and one output
    >>> peers = PeerOutputs(outputs, [one_task])
    >>> peers.disagreement(peers.beliefs(), outputs.flip(1)).flatten()
    tensor([4., 4.])
    """

    outputs: Tensor
    groups: Sequence[Group]

    def beliefs(self, temperature: float = 1.0) -> Tensor:
        """What peers compare, ``(cohort, peer, row, output)``: probabilities of classes, outputs for numbers."""
        return self._by_group(lambda g, own: g.kind.belief(own, _count(g.tasks), temperature), self.outputs)

    def pull(self, beliefs: Tensor, others: Tensor, temperature: float = 1.0) -> Tensor:
        """Derivative of :meth:`disagreement` by the outputs, ``(cohort, peer, row, output)``; others are constants."""
        factors = [g.kind.pull(temperature) for g in self.groups]
        difference = beliefs - others
        if len(set(factors)) == 1:
            return difference if factors[0] == 1 else difference.mul_(factors[0])
        widths = [_count(g.outputs) for g in self.groups]
        by_output = [factor for factor, width in zip(factors, widths, strict=True) for _ in range(width)]
        return difference.mul_(beliefs.new_tensor(by_output))

    def disagreement(self, beliefs: Tensor, others: Tensor, temperature: float = 1.0) -> Tensor:
        """Distance of beliefs from others, ``(cohort, peer, row, task)``: divergence of classes, squares of numbers."""

        def distance(group: Group, own: Tensor, other: Tensor) -> Tensor:
            return group.kind.disagreement(own, other, _count(group.tasks), temperature)

        return self._by_group(distance, beliefs, others.expand_as(beliefs))

    def hardened(self, belief: Tensor) -> Tensor:
        """The label that a belief ``(..., row, output)`` stands for: all probability on a class, numbers unchanged."""
        return self._by_group(lambda g, own: g.kind.hardened(own, _count(g.tasks)), belief)

    def certainty(self, beliefs: Tensor) -> Tensor:
        """How sure peers ``(cohort, peer, row, output)`` are together, ``(cohort, 1, row, task)``, at most 1.

        Largest mean probability of a class, 1 minus the variance of numbers.
        """
        return self._by_group(lambda g, own: g.kind.certainty(own, _count(g.tasks)), beliefs)

    def _by_group(self, compute: Callable[..., Tensor], *values: Tensor) -> Tensor:
        """Results of the groups side by side, rows last in memory as in the outputs."""
        if len(self.groups) == 1:
            return compute(self.groups[0], *values)
        parts = [compute(g, *(value[..., g.outputs] for value in values)) for g in self.groups]
        return torch.cat([part.transpose(-1, -2) for part in parts], -2).transpose(-1, -2)


@dataclass(frozen=True, eq=False)
class PeerCells(PeerOutputs):
    """What the peers of all cohorts say of the rows of a batch, and how good that is.

    Attributes
    ----------
    losses : Tensor of shape (cohort, peer, row, task)
        Loss of each cell, not weighted; anything finite where a label is missing.
    targets : Tensor of shape (1 or cohort, 1 or peer, row, task)
        Encoded labels; anything finite where one is missing.
    weights : Tensor of shape (1 or cohort, 1 or peer, row, task) or None
        What each cell counts in the loss, 0 where there is no label or the cohort holds the row out; None: all count 1.
    progress : float
        Fraction of the training that is done.
    to_outputs : callable
        Repeats ``(..., task)`` to ``(..., output)``.
    """

    losses: Tensor
    targets: Tensor
    weights: Tensor | None
    progress: float
    to_outputs: Callable[[Tensor], Tensor]

    def constant_correctness(self) -> Tensor:
        """How right the best constant is, ``(cohort, 1, 1, task)``: the rate of a class, 0 for numbers."""
        weights = torch.ones_like(self.losses) if self.weights is None else self.weights.expand_as(self.losses)
        targets = self.targets.expand_as(self.losses)
        parts = [
            g.kind.constant_correctness(targets[:, :1, :, g.tasks], weights[:, :1, :, g.tasks], _count(g.tasks))
            for g in self.groups
        ]
        return torch.cat(parts, -1)

    def correctness(self, belief: Tensor) -> Tensor:
        """How right a belief ``(cohort, 1, row, output)`` is, by task: 1 or 0 for a class, 1 minus a squared error."""
        parts = [
            g.kind.correctness(belief[..., g.outputs], self.targets[:, :1, :, g.tasks], _count(g.tasks))
            for g in self.groups
        ]
        return torch.cat(parts, -1)


def _count(columns: slice) -> int:
    count: int = columns.stop - columns.start
    return count


class Effect(NamedTuple):
    """What a method does to a step.

    Attributes
    ----------
    factors : Tensor that broadcasts with (cohort, peer, row, task) or None
        Factor of each cell's part in the supervised loss: 0 leaves it out. None: 1 everywhere.
    gradient : Tensor of shape (cohort, peer, row, output) or None
        Derivative by the outputs of a term of each cell.
    labeled, unlabeled : float or Tensor that broadcasts with (cohort, peer, row, task)
        What the term counts in cells with a label, which it is weighted by as the loss is, and in cells without one,
        of which each counts one over the number of rows. Times the loss weight of the task.
    """

    factors: Tensor | None = None
    gradient: Tensor | None = None
    labeled: float | Tensor = 1.0
    unlabeled: float | Tensor = 0.0


class Collaboration(PeerMethod):
    """Settings of a method by which the peers of a cohort learn from one another.

    A method sees the outputs and losses of all peers for a batch and tells which labels a peer learns from and where
    its outputs are pulled to. It sees no rows, no networks and no other cohort, and derivatives for rows that a cohort
    holds out are discarded.

    Attributes
    ----------
    acts_by : tuple of str
        Those of the ``strengths`` of which one must differ from 0 for anything to happen; none: something always does.
    judges_labels : bool
        Whether the fitted estimator tells the quality of the given labels.
    follows : bool
        Whether the last peer of a cohort begins as the first and follows it; see :meth:`follower_decay`.
    """

    owner = "collaboration"
    acts_by: ClassVar[tuple[str, ...]] = ()
    judges_labels: ClassVar[bool] = False
    follows: ClassVar[bool] = False

    @property
    def peers(self) -> int:
        """Number of peers of a cohort that ``n_peers="auto"`` stands for."""
        return 2

    def columns_seen(self, n_columns: int, names: Sequence[Any] | None) -> np.ndarray | None:
        """Which columns of X each peer sees, ``(peer, n_columns)``; None: all see all.

        Raises
        ------
        ValueError
            If a setting names columns that are not there.
        """
        return None

    @property
    def uses_unlabeled(self) -> bool:
        """Whether rows without any label are of use."""
        return False

    @property
    def needs_held_out(self) -> bool:
        """Whether something is measured on rows that cohorts hold out."""
        return False

    def students(self, n_peers: int) -> slice | None:
        """Peers that learn more than the others and must prove better, task by task, on held-out rows to be used."""
        return None

    def rounds_begun(self, progress: float) -> int:
        """How many rounds have begun, each with a calibration, once a fraction of the training is done."""
        return 0

    def labelled(self, peers: PeerOutputs, calibrated: Tensor | None) -> Tensor:
        """Which cells, ``(cohort, row, task)``, students learn a label of from the others."""
        raise NotImplementedError

    def calibrate(self, cells: PeerCells, settings: Settings) -> Tensor:
        """Measure on held-out rows what :meth:`effect` finds as ``settings["calibrated"]`` until the next time.

        Returns
        -------
        Tensor of shape (cohort, 1, 1, task)
            For each cohort what its own held-out rows say.
        """
        raise NotImplementedError

    @property
    def shared_settings(self) -> tuple[Any, ...]:
        """See :class:`Params`; rows without any label are of use to all or none."""
        return *super().shared_settings, self.uses_unlabeled

    @abstractmethod
    def effect(self, cells: PeerCells, settings: Settings) -> Effect:
        """What the peers make of a batch.

        Parameters
        ----------
        cells : PeerCells
            Outputs and losses.
        settings : mapping of str to Tensor of shape (cohort, peer, 1, 1)
            The ``strengths`` of each member; "calibrated" is of shape (cohort, 1, 1, task), once it has been.

        Returns
        -------
        Effect
            Which cells count, and a term of their outputs.
        """

    def follower_decay(self, step: int, settings: Settings) -> Tensor:
        """With what weight, ``(cohort,)``, a follower stays what it was after a step; the rest is the first peer."""
        raise NotImplementedError


def ramp_up(progress: float, ramp: float) -> float:
    """Rise from almost 0 to 1 within a fraction ``ramp`` of the training, exp(-5 (1 - t)^2)."""
    return math.exp(-5 * (1 - progress / ramp) ** 2) if progress < ramp else 1.0


def mean_of_peers(beliefs: Tensor) -> Tensor:
    """Mean of a cohort's peers, ``(cohort, 1, ...)``, as the beliefs lie in memory: that is faster."""
    return torch.mean(beliefs, 1, keepdim=True, out=torch.empty_like(beliefs[:, :1]))


def mean_of_others(beliefs: Tensor) -> Tensor:
    """Mean of a cohort's other peers for each, ``(cohort, peer, ...)``."""
    n_peers = beliefs.shape[1]
    if n_peers == 2:
        return beliefs.flip(1)
    return (n_peers * mean_of_peers(beliefs)).sub(beliefs).div_(n_peers - 1)
