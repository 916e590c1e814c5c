"""The contract of methods by which the peers of a cohort share parameters."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from skmtl._params import Params
from skmtl.layers import ParameterBuffer
from skmtl.training.optimizers import Optimizer, Update


class PeerSharing(Params, ABC):
    """Settings of a method by which the peers of a cohort share parameters.

    Such peers begin with the same weights, as the mean of networks that began apart is worth little, and divide the
    rows of each batch among them, so that a cohort costs about as much as one network. Where they also collaborate,
    which compares what they say of the same rows, each has all rows of the batch.

    Attributes
    ----------
    peers : int
        Number of peers of a cohort that ``n_peers="auto"`` stands for.
    """

    owner = "peer_sharing"
    peers: ClassVar[int] = 4

    @property
    @abstractmethod
    def acts(self) -> bool:
        """Whether the settings couple the peers at all; else they are members as without the method."""

    @abstractmethod
    def check(self) -> None:
        """Check the settings.

        Raises
        ------
        ValueError
            If one is not usable.
        """

    def check_peers(self, n_peers: int) -> None:
        """Check the number of peers of a cohort.

        Raises
        ------
        ValueError
            If it is 1.
        """
        if n_peers < 2:
            raise ValueError(
                f"peer_sharing={type(self).__name__} needs two peers or more; got n_peers={n_peers}. Set n_peers to 2 "
                f"or leave it 'auto'."
            )

    @abstractmethod
    def updates(
        self, optimizer: Optimizer, buffer: ParameterBuffer, n_peers: int, learning_rate: Tensor, weight_decay: Tensor
    ) -> list[Update]:
        """Chain from the gradients to new values: the optimizer's update and what couples the peers.

        Parameters
        ----------
        optimizer : Optimizer
            Rule by which gradients change values.
        buffer : ParameterBuffer
            Values and gradients of all peers; those of a cohort are neighbours.
        n_peers : int
            Peers of a cohort.
        learning_rate, weight_decay : Tensor of shape (member,)
            Of each peer.

        Returns
        -------
        list of Update
            In the order of their steps.
        """


class PeerUpdate(Update):
    """An update of the values or gradients of all peers together.

    Parameters
    ----------
    buffer : ParameterBuffer
        Values and gradients of all peers.
    n_peers : int
        Peers of a cohort.
    """

    def __init__(self, buffer: ParameterBuffer, n_peers: int) -> None:
        self.buffer, self.n_peers = buffer, n_peers

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`; the members make whole cohorts."""
        chosen = copy.copy(self)
        chosen.buffer = buffer
        return chosen


def by_cohort(block: Tensor, n_peers: int) -> Tensor:
    """``(member, ...)`` as ``(cohort, peer, ...)``."""
    peers: Tensor = block.unflatten(0, (-1, n_peers))
    return peers
