"""What is kept of the epochs: the history, and the parameters of the best of them, member by member."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl.layers import ParameterBuffer
from skmtl.training._state import Resumable


class History:
    """Collects arrays ``(member, task)``, and what a step recorded, in the order that the network sees the tasks."""

    def __init__(self) -> None:
        self._settled: dict[str, np.ndarray] = {}  # arrays of the epochs before those of the lists
        self._epochs: list[tuple[Tensor, Tensor | None, Tensor, np.ndarray]] = []
        self._records: list[dict[str, Tensor]] = []

    def append(
        self,
        loss: Tensor,
        validation_loss: Tensor | None,
        weight: Tensor,
        active: np.ndarray,
        records: dict[str, Tensor],
    ) -> None:
        """Add an epoch; members that had stopped before it get NaN. The tensors are kept as they are, not copied."""
        self._epochs.append((loss, validation_loss, weight, active))
        self._records.append(records)

    def __len__(self) -> int:
        return self._n_settled + len(self._epochs)

    @property
    def _n_settled(self) -> int:
        return len(self._settled["loss"]) if self._settled else 0

    def state(self) -> State:
        """Arrays of all epochs as data; see :class:`Resumable`."""
        self._settle()
        return pack(self._settled, "history", {})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on after the epochs of a state."""
        self._settled, self._epochs, self._records = unpack(state, arrays, {}, {}), [], []

    def select(self, members: Tensor) -> History:
        """History of some of the members, as long as one of them was training."""
        chosen, index = History(), members.cpu().numpy()
        if len(self):
            arrays = {name: values[:, index] for name, values in self.arrays().items()}
            trained = ~np.isnan(arrays["weight"]).all(axis=(1, 2))
            n_epochs = len(trained) - int(trained[::-1].argmax()) if trained.any() else 0
            chosen._settled = {name: values[:n_epochs] for name, values in arrays.items()}
        return chosen

    def arrays(self, first: int = 0) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task)`` by quantity, from epoch ``first`` on; pairs of tasks have a further axis."""
        if not len(self):
            return dict.fromkeys(("loss", "validation_loss", "weight"), np.empty((0, 0, 0)))
        if first > 0 and first >= self._n_settled:
            return self._read(first - self._n_settled)
        self._settle()
        return {name: values[first:] for name, values in self._settled.items()}

    def _settle(self) -> None:
        """Turn the lists into arrays, once."""
        if self._epochs:
            fresh, past = self._read(0), self._settled
            self._settled = {n: np.concatenate([past[n], fresh[n]]) for n in fresh} if past else fresh
            self._epochs, self._records = [], []

    def _read(self, first: int) -> dict[str, np.ndarray]:
        """Arrays of the epochs in the lists from ``first`` on."""
        epochs = self._epochs[first:]
        losses, held_out, weights, active = zip(*epochs, strict=True)
        stopped = ~np.asarray(active, dtype=bool).reshape(len(losses), -1)
        quantities = {"loss": losses, "validation_loss": held_out, "weight": weights}
        arrays = {name: _stack(values, losses) for name, values in quantities.items()}
        for name in self._records[first]:
            values = [records[name] for records in self._records[first:]]
            arrays[name] = _stack(values, values)
        for array in arrays.values():
            array[stopped] = np.nan
        return arrays


def _stack(values: Sequence[Tensor | None], like: Sequence[Tensor]) -> np.ndarray:
    """Stack epochs as float64; NaN where there is no value."""
    blank = torch.full_like(like[0], np.nan)
    full = [blank if value is None else value.expand_as(blank) for value in values]
    stacked: np.ndarray = torch.stack(full).double().cpu().numpy()
    return stacked


class EarlyStopping(Resumable):
    """Patience and a copy of the best parameters, member by member.

    Parameters
    ----------
    buffer : ParameterBuffer
        The members' parameters.
    patience : float
        Epochs without an improvement after which a member stops; infinite: it never does.
    tol : float
        Least decrease that counts as an improvement for the patience.
    keep_best : bool
        Whether a member ends with the parameters of its best epoch, or with those of its last.
    teams : ndarray of shape (member,), int, optional
        Members with the same number stop together where the loss of one is not finite; by default all are one team.

    Attributes
    ----------
    active : ndarray of shape (member,), bool
        Members still training.
    best_epoch : ndarray of shape (member,), int
        Epoch of the kept weights.
    """

    saved = ("active", "best_epoch", "_best", "_reference", "_waited", "_snapshot")

    def __init__(
        self,
        buffer: ParameterBuffer,
        patience: float,
        tol: float,
        keep_best: bool,
        teams: np.ndarray | None = None,
    ) -> None:
        self.buffer, self.patience, self.tol, self.keep_best = buffer, patience, tol, keep_best
        self.teams = np.zeros(buffer.members, dtype=int) if teams is None else teams
        self.active = np.ones(buffer.members, dtype=bool)
        self.best_epoch = np.zeros(buffer.members, dtype=int)
        self._best = np.full(buffer.members, np.inf)
        self._reference = np.full(buffer.members, np.inf)
        self._waited = np.zeros(buffer.members, dtype=int)
        separate = keep_best or patience < np.inf  # otherwise the kept parameters are the last ones
        self._snapshot = buffer.values.clone() if separate else None

    def update(self, epoch: int, score: np.ndarray) -> None:
        """Add the score of an epoch.

        Parameters
        ----------
        epoch : int
            Index of the epoch.
        score : ndarray of shape (member,)
            Lower is better.
        """
        improved = self.active & (score < self._best)
        self._best[improved] = score[improved]
        self.best_epoch[improved if self.keep_best else self.active] = epoch
        stopped = self._stopped(score)
        self._keep(improved if self.keep_best else stopped)
        self.active = self.active & ~stopped

    def _keep(self, members: np.ndarray) -> None:
        if self._snapshot is None:
            return
        if members.all():
            self._snapshot.copy_(self.buffer.values)
        elif members.any():
            chosen = torch.from_numpy(members).to(self._snapshot.device)
            for kept, current in self.buffer.blocks_of(self._snapshot):
                kept[chosen] = current[chosen]

    def _stopped(self, score: np.ndarray) -> np.ndarray:
        """Members whose patience ends with this epoch."""
        better = score < self._reference - self.tol
        self._reference = np.where(better, score, self._reference)
        self._waited = np.where(better, 0, self._waited + 1)
        ended: np.ndarray = self.active & (self._waited >= self.patience)
        return ended

    def drop_team(self, team: int) -> None:
        """Stop all members of a team, whatever their losses."""
        self.active = self.active & (self.teams != team)

    def kept(self) -> Tensor:
        """Return the weights with which the members would end now, in the layout of the buffer.

        Of each member's best epoch, or of the epoch in which it stopped, else of the last.
        """
        if not self.keep_best:
            self._keep(self.active)
        return self.buffer.values if self._snapshot is None else self._snapshot

    def finish(self) -> None:
        """Put the kept weights back into the buffer."""
        self.buffer.values.copy_(self.kept())

    def select(self, members: Tensor, buffer: ParameterBuffer) -> EarlyStopping:
        """Return the state of some of the members, whose parameters are now in ``buffer``."""
        chosen, index = copy.copy(self), members.cpu().numpy()
        if self._snapshot is not None:
            chosen._snapshot = self.buffer.pick(self._snapshot, members)
        chosen.buffer = buffer
        for name in ("teams", "active", "best_epoch", "_best", "_reference", "_waited"):
            setattr(chosen, name, getattr(self, name)[index])
        return chosen
