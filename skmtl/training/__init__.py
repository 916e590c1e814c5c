"""The training loop and all that it passes around."""

from skmtl.training._config import FitConfig
from skmtl.training._data import Batch, Data, DenseRows, Rows, SparseRows, TrainingData, as_tensor
from skmtl.training._device import Device, as_device, choose_device, threads_for
from skmtl.training._early_stopping import EarlyStopping
from skmtl.training._history import History
from skmtl.training._input_relevance import learn_input_scale
from skmtl.training._joined import JoinedData
from skmtl.training._loop import DivergenceError, Training
from skmtl.training._objective import Objective
from skmtl.training._run import Run
from skmtl.training._schedule import SCHEDULES
from skmtl.training._streams import Streams
from skmtl.training._validation import Validation
from skmtl.training.optimizers import OPTIMIZERS, SGD, AdamW, Optimizer

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "AdamW",
    "Batch",
    "Data",
    "DenseRows",
    "Device",
    "DivergenceError",
    "EarlyStopping",
    "FitConfig",
    "History",
    "JoinedData",
    "Objective",
    "Optimizer",
    "Rows",
    "Run",
    "SparseRows",
    "Streams",
    "Training",
    "TrainingData",
    "Validation",
    "as_device",
    "as_tensor",
    "choose_device",
    "learn_input_scale",
    "threads_for",
]
