"""Splitting and searching over label matrices with missing cells."""

from skmtl.model_selection._splitters import MultiTaskKFold

__all__ = ["MultiTaskKFold"]
