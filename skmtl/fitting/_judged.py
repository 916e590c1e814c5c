"""What single members say of rows that they did not learn from, and which of them are best there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from skmtl.encoders import Encoder
from skmtl.fitting._job import FitJob
from skmtl.fitting._prediction import encoded_chunks
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.tasks import TaskLayout
from skmtl.training import Objective


@dataclass(frozen=True, eq=False)
class JudgedMembers:
    """Outputs of each member for rows that judge it.

    Attributes
    ----------
    observed : LabelledRows
        The n rows with their labels, without X.
    targets, cell_weights : ndarray of shape (n, n_tasks)
        Encoded labels, and what each counts in the loss, in the layout's order of tasks.
    rows : ndarray of shape (member, n_judging), int
        Which rows judge each member.
    real : ndarray of shape (member, n_judging), bool
        False where a row only fills up the list of a member that has fewer.
    outputs : ndarray of shape (member, n_judging, output)
        Of the network.
    units : ndarray of shape (n,) or None
        Equal for training rows that tell of one another; None where the rows are new.
    groups : ndarray of shape (n,) or None
        Numbers of the user's groups; None where there are none, or the rows are new.
    """

    observed: LabelledRows
    targets: np.ndarray
    cell_weights: np.ndarray
    rows: np.ndarray
    real: np.ndarray
    outputs: np.ndarray
    units: np.ndarray | None = None
    groups: np.ndarray | None = None

    @classmethod
    def by_held_out_rows(cls, job: FitJob, network: Network) -> Self:
        """Members judged by the training rows that each holds out."""
        assert job.validation is not None
        pieces = zip(*job.validation.outputs(network), strict=True)
        rows, real, outputs = (torch.cat(piece, 1).cpu().numpy() for piece in pieces)
        observed = replace(job.inputs.rows, X=None)
        cells = job.encoded.targets, job.encoded.weights
        return cls(observed, *cells, rows, real > 0, outputs, job.units, job.inputs.groups)

    @classmethod
    def by_new_rows(cls, observed: LabelledRows, network: Network, layout: TaskLayout, encoder: Encoder) -> Self:
        """Members all judged by rows that none has learned from."""
        outputs = np.concatenate([own.copy() for _, own in encoded_chunks(network, encoder, observed.X)], axis=1)
        targets = layout.encode(observed.labels.columns, observed.weights > 0, outputs.dtype)
        rows = np.broadcast_to(np.arange(len(targets)), outputs.shape[:2])
        real = np.ones(rows.shape, dtype=bool)
        return cls(replace(observed, X=None), targets, layout.arrange(observed.weights), rows, real, outputs)

    def select(self, members: Sequence[int]) -> Self:
        """Some of the members."""
        index = list(members)
        return replace(self, rows=self.rows[index], real=self.real[index], outputs=self.outputs[index])

    def halves(self) -> tuple[Self, Self]:
        """Every second row of each member, and the others; peers, which have the same rows, are cut alike.

        Rows of a unit stay together where a member has several units.
        """
        even = np.broadcast_to(np.arange(self.rows.shape[1]) % 2 == 0, self.rows.shape)
        if self.units is not None:
            even = even.copy()
            for own, rows, real in zip(even, self.rows, self.real, strict=True):
                units = np.unique(self.units[rows[real]], return_inverse=True)[1]
                if units.any():
                    own[real] = units % 2 == 0
        return replace(self, real=self.real & even), replace(self, real=self.real & ~even)

    def losses(self, layout: TaskLayout) -> np.ndarray:
        """Mean loss, ``(member, n_tasks)`` in the order of the label matrix; NaN where a member has no label."""
        targets = torch.from_numpy(self.targets[self.rows].astype(self.outputs.dtype))
        objective = Objective(layout.groups, layout.n_outputs, torch.device("cpu"))
        cells = objective.cells(torch.from_numpy(self.outputs), targets)[0].double().numpy()
        weights = self.cell_weights[self.rows] * self.real[:, :, None]
        totals = weights.sum(axis=1)
        sums = np.where(weights > 0, cells * weights, 0.0).sum(axis=1)
        return layout.restore(np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0))

    def responses(self, layout: TaskLayout, member_weights: np.ndarray | None = None) -> list[np.ndarray]:
        """Mean response of the members that a row judges, one array ``(n, n_classes or 1)`` a task; NaN where none.

        In the order of the label matrix. ``member_weights`` are those of :class:`FitJob`; None: all count alike.
        """
        if member_weights is None:
            member_weights = np.ones((len(self.rows), len(layout.tasks)))
        weights = layout.arrange(member_weights)
        of_members = layout.member_responses(self.outputs)
        sums = [np.zeros((len(self.targets), *response.shape[2:])) for response in of_members]
        totals = np.zeros((len(self.targets), weights.shape[1]))
        for member, (rows, real) in enumerate(zip(self.rows, self.real, strict=True)):
            totals[rows[real]] += weights[member]  # a member's rows are distinct
            for group, total, response in zip(layout.groups, sums, of_members, strict=True):
                serves = np.flatnonzero(weights[member, group.tasks])  # what it says of other tasks may be anything
                own = weights[member, group.tasks][serves, None]
                total[rows[real][:, None], serves] += own * response[member, real][:, serves]
        totals[totals == 0] = np.nan
        return layout.by_task(
            [total / totals[:, group.tasks, None] for group, total in zip(layout.groups, sums, strict=True)]
        )


def choose_members(teams: Sequence[np.ndarray], losses: np.ndarray, importance: np.ndarray) -> list[int]:
    """The member of least loss of each team, in rising order.

    Parameters
    ----------
    teams : sequence of ndarray of int
        Members of which one is chosen.
    losses : ndarray of shape (member, n_tasks)
        NaN where a member has no label.
    importance : ndarray of shape (member, n_tasks)
        Weight of each task in the loss of a member; tasks that it does not serve have none.
    """
    known = np.where(np.isnan(losses), 0.0, importance)
    sums = np.where(known > 0, losses * known, 0.0).sum(axis=1)
    mean = np.divide(sums, known.sum(axis=1), out=np.full(len(sums), np.inf), where=known.sum(axis=1) > 0)
    return sorted(int(team[mean[team].argmin()]) for team in teams)


def weights_of(members: Sequence[int], member_weights: np.ndarray | None) -> Any:
    """Weights of some of the members, whose columns sum to 1 again; see :class:`FitJob`."""
    if member_weights is None:
        return None
    chosen = member_weights[list(members)]
    return chosen / chosen.sum(axis=0)
