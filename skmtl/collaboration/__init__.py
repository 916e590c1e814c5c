"""Ways in which the peers of a cohort learn from one another's outputs: one file each."""

from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, PeerOutputs, Settings
from skmtl.collaboration.co_teaching import CoTeaching
from skmtl.collaboration.co_training import CoTraining
from skmtl.collaboration.mean_teacher import MeanTeacher
from skmtl.collaboration.mutual_learning import MutualLearning
from skmtl.collaboration.pseudo_labeling import PseudoLabeling

COLLABORATIONS: dict[str, type[Collaboration]] = {
    "mutual": MutualLearning,
    "co_teaching": CoTeaching,
    "co_training": CoTraining,
    "mean_teacher": MeanTeacher,
    "pseudo_labels": PseudoLabeling,
}

__all__ = [
    "COLLABORATIONS",
    "CoTeaching",
    "CoTraining",
    "Collaboration",
    "Effect",
    "MeanTeacher",
    "MutualLearning",
    "PeerCells",
    "PeerOutputs",
    "PseudoLabeling",
    "Settings",
]
