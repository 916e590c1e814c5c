"""What all methods that couple the peers of a cohort have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from skmtl._params import Params


class PeerMethod(Params, ABC):
    """Settings of a method that couples the peers of a cohort.

    Attributes
    ----------
    strengths : tuple of str
        Settings that each member of a network carries, so that a search over them trains one network.
    """

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
            If it is not one that the method can couple: by default, if it is 1.
        """
        if n_peers < 2:
            raise ValueError(
                f"{self.owner}={type(self).__name__} needs two peers or more; got n_peers={n_peers}. Set n_peers to 2 "
                f"or leave it 'auto'."
            )
