"""Data with known properties, and several data sets as one."""

from skmtl.datasets._related_tasks import make_related_tasks
from skmtl.datasets._stacked import StackedDatasets, stack_datasets

__all__ = ["StackedDatasets", "make_related_tasks", "stack_datasets"]
