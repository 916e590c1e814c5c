"""Classes and functions that a file may name, each by a key: what is not here cannot come out of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import Pipeline

from skmtl import metrics
from skmtl._params import Params
from skmtl._state import Stateful
from skmtl.balancing import BALANCERS, Recorded
from skmtl.balancing.static import GeometricWeights
from skmtl.checkpoints import Checkpoint
from skmtl.collaboration import COLLABORATIONS
from skmtl.conformal import BandScores, HeldOutScores, IntervalScores, SetScores
from skmtl.conformal._errors import HeldOutCells
from skmtl.defaults import Choice
from skmtl.encoders import ENCODERS, ModuleEncoder, TokenSequencer
from skmtl.encoders._categories import Categories
from skmtl.encoders._dates import Dates
from skmtl.encoders._module_probe import Traits
from skmtl.encoders._piecewise import PiecewiseLinear
from skmtl.estimators import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.estimators._compact import Compaction
from skmtl.estimators._fit_inputs import COLUMNS
from skmtl.estimators._target_transforms import OfTransformer
from skmtl.fitting import LEARNED, OutOfFold
from skmtl.inputs._labels import Categories as LabelCategories
from skmtl.model_selection import MultiTaskKFold, MultiTaskShuffleSplit, MultiTaskStratifiedKFold
from skmtl.network import Architecture, Network
from skmtl.postprocess import CALIBRATIONS, Calibration, KernelBlend, LocalCorrection, TreeBlend
from skmtl.postprocess._kernel import SelfTuningKernel
from skmtl.postprocess._kernel_blend import TaskBlend
from skmtl.postprocess._kernel_ridge import RowKernels
from skmtl.postprocess._local_correction import TaskCorrection
from skmtl.postprocess._tree_blend import TaskTrees
from skmtl.postprocess._trees import Trees
from skmtl.sharing import SHARINGS
from skmtl.tasks import KINDS, TARGET_TRANSFORMS, Task, TaskLayout
from skmtl.training import AVERAGES, OPTIMIZERS, PEER_SHARINGS, Device

ESTIMATORS: dict[str, type] = {
    "MultiTaskNet": MultiTaskNet,
    "MultiTaskNetClassifier": MultiTaskNetClassifier,
    "MultiTaskNetRegressor": MultiTaskNetRegressor,
}
USERS_BASES = (*ESTIMATORS.values(), Params, Stateful)  # of classes of the user's that files may name
AROUND: dict[str, type] = {  # estimators of scikit-learn's that hold others
    "Pipeline": Pipeline,
    "FrozenEstimator": FrozenEstimator,
    "TransformedTargetRegressor": TransformedTargetRegressor,
}
_FAMILIES: dict[str, Mapping[str, type]] = {
    "average": AVERAGES,
    "balancing": BALANCERS,
    "calibration": CALIBRATIONS,
    "collaboration": COLLABORATIONS,
    "encoder": ENCODERS,
    "kind": KINDS,
    "optimizer": OPTIMIZERS,
    "peer_sharing": PEER_SHARINGS,
    "sharing": SHARINGS,
    "target_transform": TARGET_TRANSFORMS,
}
_PARTS: dict[str, type] = {
    "architecture": Architecture,
    "balancing/geometric": GeometricWeights,
    "balancing/recorded": Recorded,
    "calibration": Calibration,
    "checkpoint": Checkpoint,
    "choice": Choice,
    "compaction": Compaction,
    "conformal": HeldOutScores,
    "conformal/bands": BandScores,
    "conformal/cells": HeldOutCells,
    "conformal/intervals": IntervalScores,
    "conformal/sets": SetScores,
    "device": Device,
    "encoder/categories": Categories,
    "encoder/dates": Dates,
    "encoder/module": ModuleEncoder,
    "encoder/piecewise": PiecewiseLinear,
    "encoder/traits": Traits,
    "encoder/tokens": TokenSequencer,
    "kernel_blend": KernelBlend,
    "kernel_blend/kernels": RowKernels,
    "kernel_blend/task": TaskBlend,
    "label_categories": LabelCategories,
    "layout": TaskLayout,
    "local_correction": LocalCorrection,
    "local_correction/kernel": SelfTuningKernel,
    "local_correction/task": TaskCorrection,
    "network": Network,
    "out_of_fold": OutOfFold,
    "target_transform/transformer": OfTransformer,
    "task": Task,
    "tree_blend": TreeBlend,
    "tree_blend/task": TaskTrees,
    "tree_blend/trees": Trees,
}
_SPLITTERS: tuple[type, ...] = (  # that ``cv`` takes; skops trusts none of them
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    MultiTaskKFold,
    MultiTaskShuffleSplit,
    MultiTaskStratifiedKFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
CLASSES: dict[str, type] = {
    **ESTIMATORS,
    **AROUND,
    **{f"splitter/{cls.__name__}": cls for cls in _SPLITTERS},
    **{f"{family}/{name}": cls for family, classes in _FAMILIES.items() for name, cls in classes.items()},
    **_PARTS,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(metrics, name) for name in metrics.__all__ if not isinstance(getattr(metrics, name), type)
}
FITTED = frozenset(  # attributes of estimators beside their parameters
    {
        *COLUMNS,
        *LEARNED,
        "_added_at",
        "_begun_with",
        "_categories",
        "_layout",
        "_member_weights",
        "_one_dimensional",
        "_out_of_fold",
        "_postprocessors",
        "_sklearn_output_config",
        "auto_params_",
        "calibration_",
        "classes_",
        "compaction_",
        "encoder_",
        "history_",
        "loss_weights_",
        "n_iter_",
        "n_peers_",
        "n_unlabeled_rows_",
        "network_",
        "prequential_loss_",
        "relatedness_history_",
        "task_names_",
        "task_relatedness_",
        "tasks_",
        "thresholds_",
        "trials_",
    }
)
OF_ROWS = ("label_quality_", "labeled_iter_", "transduction_")  # fitted attributes with a value of each training row
