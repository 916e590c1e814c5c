"""Calibration: probabilities that agree with frequencies, learned from held-out ones, one method a file."""

from skmtl.postprocess.calibration._calibration import CALIBRATIONS, Calibration
from skmtl.postprocess.calibration._calibrator import Calibrator
from skmtl.postprocess.calibration.isotonic import Isotonic
from skmtl.postprocess.calibration.sigmoid import Sigmoid
from skmtl.postprocess.calibration.temperature import Temperature

__all__ = ["CALIBRATIONS", "Calibration", "Calibrator", "Isotonic", "Sigmoid", "Temperature"]
