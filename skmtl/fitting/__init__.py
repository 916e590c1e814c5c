"""From rows and parameters to fitted networks: a single fit is a stack of one."""

from skmtl.fitting._at_cells import labels_at_cells, predicts_single_cells
from skmtl.fitting._class_weights import class_weight_by_task
from skmtl.fitting._config import count_threads, read_peer_method, read_seed, read_sizes
from skmtl.fitting._data import warn_of_splits_left
from skmtl.fitting._growing import GrowingFits
from skmtl.fitting._job import FitJob
from skmtl.fitting._joined import join_members
from skmtl.fitting._judged import JudgedMembers, choose_members, weights_of
from skmtl.fitting._new_tasks import TasksTogether, joined_network, prepare_new_tasks, tasks_together
from skmtl.fitting._peers import LEARNED
from skmtl.fitting._prediction import (
    Ensemble,
    body_features,
    decode,
    holds_exactly,
    predict_ensembles,
    predict_responses,
    sharing_findings,
    stack_columns,
    task_features,
)
from skmtl.fitting._prepare import MEMBER_PARAMETERS, prepare
from skmtl.fitting._prequential import fixed_share, prequential_losses
from skmtl.fitting._result import (
    MANY_TASKS,
    FitResult,
    OutOfFold,
    out_of_fold,
    progress_line,
    score_columns,
    score_responses,
)
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.fitting._stacking import fit_many, stack_jobs
from skmtl.fitting._time import within
from skmtl.fitting._trainer import Report, StackedTrainer
from skmtl.fitting._trials import decide

__all__ = [
    "LEARNED",
    "MANY_TASKS",
    "MEMBER_PARAMETERS",
    "Ensemble",
    "FitJob",
    "FitResult",
    "GrowingFits",
    "JudgedMembers",
    "OutOfFold",
    "Report",
    "SharedInputs",
    "StackedTrainer",
    "TasksTogether",
    "body_features",
    "choose_members",
    "class_weight_by_task",
    "count_threads",
    "decide",
    "decode",
    "fit_many",
    "fixed_share",
    "holds_exactly",
    "join_members",
    "joined_network",
    "labels_at_cells",
    "out_of_fold",
    "predict_ensembles",
    "predict_responses",
    "predicts_single_cells",
    "prepare",
    "prepare_new_tasks",
    "prequential_losses",
    "progress_line",
    "read_peer_method",
    "read_seed",
    "read_sizes",
    "score_columns",
    "score_responses",
    "sharing_findings",
    "stack_columns",
    "stack_jobs",
    "task_features",
    "tasks_together",
    "warn_of_splits_left",
    "weights_of",
    "within",
]
