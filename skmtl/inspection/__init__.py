"""How tasks were learned, together and alone, and how well: pictures and reports."""

from skmtl.inspection._affinity import TaskAffinity
from skmtl.inspection._affinity_display import TaskAffinityDisplay
from skmtl.inspection._feature_relevance import FeatureRelevance, feature_relevance
from skmtl.inspection._feature_relevance_display import FeatureRelevanceDisplay
from skmtl.inspection._gradient_conflict import GradientConflictDisplay
from skmtl.inspection._learning_curve import LearningCurveDisplay
from skmtl.inspection._loss_weights import LossWeightDisplay
from skmtl.inspection._performance import PerformanceDisplay
from skmtl.inspection._task_affinity import task_affinity
from skmtl.inspection._task_relatedness import TaskRelatednessDisplay
from skmtl.inspection._transfer import TransferReport
from skmtl.inspection._transfer_display import TransferDisplay
from skmtl.inspection._transfer_report import transfer_report

__all__ = [
    "FeatureRelevance",
    "FeatureRelevanceDisplay",
    "GradientConflictDisplay",
    "LearningCurveDisplay",
    "LossWeightDisplay",
    "PerformanceDisplay",
    "TaskAffinity",
    "TaskAffinityDisplay",
    "TaskRelatednessDisplay",
    "TransferDisplay",
    "TransferReport",
    "feature_relevance",
    "task_affinity",
    "transfer_report",
]
