"""Ways in which the peers of a cohort learn from one another's outputs: one file each."""

from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, Settings
from skmtl.collaboration.co_teaching import CoTeaching
from skmtl.collaboration.mutual_learning import MutualLearning

COLLABORATIONS: dict[str, type[Collaboration]] = {"mutual": MutualLearning, "co_teaching": CoTeaching}

__all__ = ["COLLABORATIONS", "CoTeaching", "Collaboration", "Effect", "MutualLearning", "PeerCells", "Settings"]
