"""The training loop and all that it passes around."""

from skmtl.training._batch import Batch
from skmtl.training._columns import ColumnData, ColumnValidation, with_tasks
from skmtl.training._config import SCHEDULES, FitConfig
from skmtl.training._data import Data, DenseRows, IndexedData, Rows, SparseRows, TrainingData, as_tensor
from skmtl.training._device import Device, as_device, choose_device, threads_for
from skmtl.training._divergence import DivergenceError
from skmtl.training._epochs import EarlyStopping, History
from skmtl.training._input_relevance import learn_input_scale
from skmtl.training._joined import JoinedData
from skmtl.training._loop import Training, n_steps
from skmtl.training._objective import Objective, Validation
from skmtl.training._peer_rows import PeerRows
from skmtl.training._peers import as_followed, held_out_cells, settings_by_name
from skmtl.training._slices import as_slice, slice_of, sliced
from skmtl.training._state import join, split
from skmtl.training._stored import StoredData, StoredValidation
from skmtl.training._streams import Streams, pass_after, shuffled
from skmtl.training.optimizers import AVERAGES, EMA, OPTIMIZERS, SGD, SWA, AdamW, Optimizer, WeightAverage
from skmtl.training.peer_sharing import (
    PEER_SHARINGS,
    AdditivePeers,
    Averaging,
    BatchEnsemble,
    Elastic,
    PeerSharing,
    by_cohort,
)

__all__ = [
    "AVERAGES",
    "EMA",
    "OPTIMIZERS",
    "PEER_SHARINGS",
    "SCHEDULES",
    "SGD",
    "SWA",
    "AdamW",
    "AdditivePeers",
    "Averaging",
    "Batch",
    "BatchEnsemble",
    "ColumnData",
    "ColumnValidation",
    "Data",
    "DenseRows",
    "Device",
    "DivergenceError",
    "EarlyStopping",
    "Elastic",
    "FitConfig",
    "History",
    "IndexedData",
    "JoinedData",
    "Objective",
    "Optimizer",
    "PeerRows",
    "PeerSharing",
    "Rows",
    "SparseRows",
    "StoredData",
    "StoredValidation",
    "Streams",
    "Training",
    "TrainingData",
    "Validation",
    "WeightAverage",
    "as_device",
    "as_followed",
    "as_slice",
    "as_tensor",
    "by_cohort",
    "choose_device",
    "held_out_cells",
    "join",
    "learn_input_scale",
    "n_steps",
    "pass_after",
    "settings_by_name",
    "shuffled",
    "slice_of",
    "sliced",
    "split",
    "threads_for",
    "with_tasks",
]
