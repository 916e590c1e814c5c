"""Predictions corrected by what the network got wrong about rows alike."""

from skmtl.correction._local import Evidence, LocalCorrection, fit_local_correction

__all__ = ["Evidence", "LocalCorrection", "fit_local_correction"]
