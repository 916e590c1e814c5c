"""Splitting and searching over label matrices with missing cells."""

from skmtl.model_selection._cross_validation import cross_val_predict, cross_validate
from skmtl.model_selection._pareto_display import ParetoDisplay
from skmtl.model_selection._spaces import Dirichlet, LogUniform, SimplexGrid
from skmtl.model_selection._splitters import MultiTaskKFold, MultiTaskShuffleSplit, MultiTaskStratifiedKFold
from skmtl.model_selection.grouping import ProposedGroup, SubsetGains, TaskGroupingCV, TaskGroups, choose_task_groups
from skmtl.model_selection.search import Halving, MultiTaskSearchCV

__all__ = [
    "Dirichlet",
    "Halving",
    "LogUniform",
    "MultiTaskKFold",
    "MultiTaskSearchCV",
    "MultiTaskShuffleSplit",
    "MultiTaskStratifiedKFold",
    "ParetoDisplay",
    "ProposedGroup",
    "SimplexGrid",
    "SubsetGains",
    "TaskGroupingCV",
    "TaskGroups",
    "choose_task_groups",
    "cross_val_predict",
    "cross_validate",
]
