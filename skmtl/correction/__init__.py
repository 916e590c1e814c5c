"""Predictions corrected by what the network got wrong about rows alike."""

from skmtl.correction._local import Evidence, LocalCorrection, fit_local_correction
from skmtl.correction._relevance import relevance

__all__ = ["Evidence", "LocalCorrection", "fit_local_correction", "relevance"]
