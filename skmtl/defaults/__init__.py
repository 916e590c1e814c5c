"""What "auto" stands for: every rule by which a parameter is chosen from the data, with the reason for each choice."""

from skmtl.defaults._resolve import LEARN_FROM_HELD_OUT_ROWS, REDUCED, encoding_dtype, is_auto, requested, resolve
from skmtl.defaults._summary import Choice, DataSummary
from skmtl.defaults.estimators import n_inputs_read, relevance_epochs
from skmtl.defaults.held_out import FOLDS, MIN_UNITS, ROW_CORRECTIONS, n_held_out_folds

__all__ = [
    "FOLDS",
    "LEARN_FROM_HELD_OUT_ROWS",
    "MIN_UNITS",
    "REDUCED",
    "ROW_CORRECTIONS",
    "Choice",
    "DataSummary",
    "encoding_dtype",
    "is_auto",
    "n_held_out_folds",
    "n_inputs_read",
    "relevance_epochs",
    "requested",
    "resolve",
]
