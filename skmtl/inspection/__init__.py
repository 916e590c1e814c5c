"""Pictures of how tasks were learned together."""

from skmtl.inspection._gradient_conflict import GradientConflictDisplay
from skmtl.inspection._learning_curve import LearningCurveDisplay
from skmtl.inspection._loss_weights import LossWeightDisplay

__all__ = ["GradientConflictDisplay", "LearningCurveDisplay", "LossWeightDisplay"]
