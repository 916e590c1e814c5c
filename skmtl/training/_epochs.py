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

MOST_TASKS = 4096  # beyond this the history would soon be larger than the network


class History:
    """Arrays ``(member, task)`` of each epoch by quantity, in the order in which the network sees the tasks.

    Parameters
    ----------
    epochs : sequence of dict of str to ndarray, default=()
        Quantities of epochs that are done; pairs of tasks have a further axis. Of more than ``MOST_TASKS`` tasks only
        the mean is kept, ``(member, 1)``.
    """

    def __init__(self, epochs: Sequence[dict[str, np.ndarray]] = ()) -> None:
        self.epochs = list(epochs)

    def append(
        self,
        loss: Tensor,
        validation_loss: Tensor | None,
        weight: Tensor,
        active: np.ndarray,
        records: dict[str, Tensor],
    ) -> None:
        """Add an epoch; members that had stopped before it get NaN."""
        quantities = {"loss": loss, "validation_loss": validation_loss, "weight": weight.expand_as(loss), **records}
        if loss.shape[1] > MOST_TASKS:
            quantities = {n: None if v is None else v.nanmean(1, keepdim=True) for n, v in quantities.items()}
        blank = np.full(tuple(loss.shape) if loss.shape[1] <= MOST_TASKS else (len(loss), 1), np.nan)
        epoch = {
            n: blank if v is None else v.to("cpu", torch.float64, copy=True).numpy() for n, v in quantities.items()
        }
        if not active.all():
            for values in epoch.values():
                values[~active] = np.nan
        self.epochs.append(epoch)

    @classmethod
    def join(cls, parts: Sequence[History]) -> History:
        """History of members that trained apart, side by side; NaN after the end of a part."""
        epochs = []
        for epoch in range(max(map(len, parts))):
            own = [part.epochs[epoch] if epoch < len(part) else _blank(part.epochs[0]) for part in parts]
            epochs.append({name: np.concatenate([values[name] for values in own]) for name in own[0]})
        return cls(epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def state(self) -> State:
        """Arrays of all epochs as data; see :class:`Resumable`."""
        return pack(self.arrays(), "history", {})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on after the epochs of a state."""
        saved = unpack(state, arrays, {}, {})
        self.epochs = [dict(zip(saved, values, strict=True)) for values in zip(*saved.values(), strict=True)]

    def select(self, members: Tensor) -> History:
        """History of some of the members, as long as one of them was training."""
        index = members.cpu().numpy()
        epochs = [{name: values[index] for name, values in epoch.items()} for epoch in self.epochs]
        while epochs and np.isnan(epochs[-1]["weight"]).all():
            epochs.pop()
        return History(epochs)

    def arrays(self, first: int = 0) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task)`` by quantity, from epoch ``first`` on; pairs of tasks have a further axis."""
        if not self.epochs:
            return dict.fromkeys(("loss", "validation_loss", "weight"), np.empty((0, 0, 0)))
        return {name: np.stack([epoch[name] for epoch in self.epochs[first:]]) for name in self.epochs[0]}


def _blank(epoch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.full_like(values, np.nan) for name, values in epoch.items()}


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
        better = score < self._reference - self.tol
        self._reference = np.where(better, score, self._reference)
        self._waited = np.where(better, 0, self._waited + 1)
        stopped = self.active & (self._waited >= self.patience)
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
