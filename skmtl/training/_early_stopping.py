"""Early stopping, member by member."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer
from skmtl.training._state import Resumable


class EarlyStopping(Resumable):
    """Patience and a copy of the best parameters, member by member.

    Parameters
    ----------
    buffer : ParameterBuffer
        The members' parameters.
    patience : int or None
        Epochs without an improvement after which a member stops; None: it never does.
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
        patience: int | None,
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
        separate = keep_best or patience is not None  # otherwise the kept parameters are the last ones
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
        ended: np.ndarray = self.active & (self._waited >= (np.inf if self.patience is None else self.patience))
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
