"""Postprocessing: what is learned from held-out responses and applied to the responses of a fitted network."""

from skmtl.postprocess._base import HeldOutRows, Postprocessor
from skmtl.postprocess._kernel import relevance
from skmtl.postprocess._local_correction import LocalCorrection

__all__ = ["HeldOutRows", "LocalCorrection", "Postprocessor", "relevance"]
