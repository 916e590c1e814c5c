"""What fits have learned that have ended in a network together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from skmtl.fitting._job import FitJob
from skmtl.network import Network
from skmtl.training import History, Training


@dataclass(frozen=True, eq=False)
class Ended:
    """Members that have left a network, as one network: making one for each fit would take longer than their steps.

    Attributes
    ----------
    network : Network
        With the parameters that they ended with.
    history : History
        Of all of them.
    teams : ndarray of shape (member,), int
        Index of the fit that a member belongs to.
    """

    network: Network
    history: History
    teams: np.ndarray

    @classmethod
    def alone(cls, index: int, network: Network, history: History) -> Ended:
        """One fit."""
        return cls(network, history, np.full(network.buffer.members, index))

    @classmethod
    def taken_from(cls, training: Training, indices: Sequence[int], jobs: Mapping[int, FitJob]) -> Ended:
        """Fits of a network as if their training ended now; one alone gets the architecture of its job."""
        members = np.flatnonzero(np.isin(training.stopping.teams, indices))
        architecture = jobs[indices[0]].network.architecture if len(indices) == 1 else None
        chosen = torch.from_numpy(members)
        network = training.network_of(chosen, architecture)
        return cls(network, training.history.select(chosen), training.stopping.teams[members])

    def of(self, index: int, job: FitJob) -> tuple[Network, History]:
        """Network, in the architecture of its job, and history of one of the fits."""
        members = np.flatnonzero(self.teams == index)
        if len(members) == len(self.teams):
            return self.network, self.history
        network = self.network.select(members.tolist(), None, job.network.architecture)
        return network, self.history.select(torch.from_numpy(members))

    def some(self, indices: Sequence[int]) -> Network:
        """Network of some of the fits, one after the other."""
        members = [member for index in indices for member in np.flatnonzero(self.teams == index).tolist()]
        return self.network if members == list(range(len(self.teams))) else self.network.select(members)
