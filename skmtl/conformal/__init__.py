"""Prediction intervals and sets from the errors of members about rows that they held out."""

from skmtl.conformal._held_out import HeldOutScores, Teams, gather, require_enough
from skmtl.conformal._intervals import IntervalScores

__all__ = ["HeldOutScores", "IntervalScores", "Teams", "gather", "require_enough"]
