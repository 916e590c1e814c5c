"""Data with known properties."""

from skmtl.datasets._related_tasks import make_related_tasks

__all__ = ["make_related_tasks"]
