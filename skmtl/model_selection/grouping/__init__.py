"""Groups of tasks that are learned together, chosen from measured gains."""

from skmtl.model_selection.grouping._choice import TaskGroups, choose_task_groups
from skmtl.model_selection.grouping._grouping import TaskGroupingCV
from skmtl.model_selection.grouping._reports import ProposedGroup, SubsetGains

__all__ = ["ProposedGroup", "SubsetGains", "TaskGroupingCV", "TaskGroups", "choose_task_groups"]
