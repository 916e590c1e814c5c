"""Prediction intervals and sets from the errors of members about rows that they held out."""

from skmtl.conformal._errors import HeldOutErrors
from skmtl.conformal._held_out import Folds, HeldOutScores, gather
from skmtl.conformal._intervals import BandScores, IntervalScores
from skmtl.conformal._sets import SetScores

__all__ = ["BandScores", "Folds", "HeldOutErrors", "HeldOutScores", "IntervalScores", "SetScores", "gather"]
