"""Postprocessing: what is learned from held-out responses and applied to the responses of a fitted network."""

from skmtl.postprocess._base import HeldOutResponses, HeldOutRows, Postprocessor
from skmtl.postprocess._kernel import relevance
from skmtl.postprocess._kernel_blend import KernelBlend
from skmtl.postprocess._local_correction import LocalCorrection
from skmtl.postprocess._thresholds import Score, Threshold, choose_thresholds, thresholded
from skmtl.postprocess._tree_blend import TreeBlend
from skmtl.postprocess.calibration import CALIBRATIONS, Calibration

__all__ = [
    "CALIBRATIONS",
    "Calibration",
    "HeldOutResponses",
    "HeldOutRows",
    "KernelBlend",
    "LocalCorrection",
    "Postprocessor",
    "Score",
    "Threshold",
    "TreeBlend",
    "choose_thresholds",
    "relevance",
    "thresholded",
]
