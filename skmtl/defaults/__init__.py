"""What "auto" stands for: every rule by which a parameter is chosen from the data, with the reason for each choice."""

from skmtl.defaults._choice import Choice
from skmtl.defaults._resolve import Resolved, encoding_dtype, requested, requested_dtype, resolve
from skmtl.defaults._summary import DataSummary
from skmtl.defaults.estimators import loss_weights

__all__ = [
    "Choice",
    "DataSummary",
    "Resolved",
    "encoding_dtype",
    "loss_weights",
    "requested",
    "requested_dtype",
    "resolve",
]
