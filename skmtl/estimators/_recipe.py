"""The values behind "auto", chosen from the shape of the data.

For tiny data rows are counted as distinct rows, so that a row of weight 2 and the row twice lead to the same choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

FULL_BATCH_ROWS = 64
DOUBLE_PRECISION_ROWS = 64
HELD_OUT_ROWS = 8
TINY_STEPS = 60
MOST_COPIES = 3  # rows for each distinct one; where there are more, a held-out row is unlike all that is trained on
STEPS_A_ROW, MOST_STEPS = 4, 1000
MORE_STEPS_A_ROW, MORE_STEPS = 0.01, 2600  # numbers are learned to the last digit: 4 n + 0.01 n^2 steps, at most 2600
STEPS_TIMES_ROWS = 4_000_000  # of many rows fewer steps, so that time grows no faster than that of boosted trees
LEAST_EPOCHS, EPOCHS_A_TASK, TASKS_WITH_EPOCHS = 10, 3, 8  # several tasks have more to learn
CLASS_STEPS_TIMES_ROWS, CLASS_LEAST_EPOCHS, CLASS_EPOCHS_A_TASK = 1_500_000, 6, 1  # classes are learned sooner
SEEN_ROWS, EPOCHS_OF_MANY = 4_000_000, 10  # passes over very many rows are fewer
MEMBER_WORK = 7.5e10  # multiplications and additions of one member that wide rows may cost
LEAST_STEPS = 500
CLASS_DROPOUT, MIXED_DROPOUT = 0.3, 0.1  # numbers suffer from what keeps classes from being overfitted
LOWERED = "bfloat16"  # a type for products only
SCALED_ROWS, SCALED_INPUTS = 200, 100  # with fewer rows or more inputs it pays to learn which inputs matter
SCOUTING_SHARE = 0.2  # of the epochs, in each round
SCOUTING_WIDTH = 256  # of two layers or more, which find in this time what matters
CORRECTED_ROWS, CORRECTED_CELLS = 20_000, 1 << 23  # that predictions are to be compared with, and numbers in them
CLASS_INPUT_DROPOUT = 0.2  # in mixed tables numbers suffer from it
WIDE_ROWS, WIDE_INPUTS = 1500, 400  # so many rows so wide say the same many times: more inputs can be missed
WIDE_DROPOUT, WIDE_INPUT_DROPOUT = 0.1, 0.4  # of classes, in hidden layers and of the inputs
PATIENT_SHARE = 1 / 3  # of the epochs: a member that was best so long ago won't recover under the falling rate


@dataclass(frozen=True)
class Shape:
    """What the recipe looks at.

    Attributes
    ----------
    n_rows, n_distinct : int
        Rows with a label and a weight, and the distinct ones among them, features and labels together.
    n_inputs, n_tasks, n_of_classes, n_outputs : int
        Width of an encoded row, number of tasks, number of those that are of classes, number of outputs of all.
    on_gpu : bool
        Whether a GPU computes.
    """

    n_rows: int
    n_distinct: int
    n_inputs: int
    n_tasks: int
    n_of_classes: int
    n_outputs: int
    on_gpu: bool

    @property
    def only_classes(self) -> bool:
        """Whether no task is numeric."""
        return self.n_of_classes == self.n_tasks

    @property
    def wide(self) -> bool:
        """Whether there are many inputs, and rows enough to learn from any part of them."""
        return self.n_rows >= WIDE_ROWS and self.n_inputs >= WIDE_INPUTS

    @property
    def tiny(self) -> bool:
        """Whether all rows are one batch, in which rows count exactly by their weights."""
        return self.n_distinct <= FULL_BATCH_ROWS and self.n_rows <= FULL_BATCH_ROWS * MOST_COPIES


@dataclass(frozen=True)
class Recipe:
    """Resolved training parameters.

    Attributes
    ----------
    batch_size, max_iter : int
        Rows a step, greatest number of epochs.
    learning_rate, weight_decay, dropout, input_dropout : float
        For every member.
    schedule : str
        Name of the learning-rate schedule.
    holds_out : bool
        Whether members hold out rows.
    patience : int or None
        Epochs without an improvement after which a member stops.
    tol : float
        Least decrease that counts as an improvement.
    dtype, activation : str
        Type of the parameters, activation of the hidden layers.
    scouting : int
        Epochs of the run ahead that the scale of the inputs is learned from; 0: none.
    local_correction : bool
        Whether predictions are corrected by the held-out errors about rows alike.
    """

    batch_size: int
    max_iter: int
    learning_rate: float
    weight_decay: float
    dropout: float
    input_dropout: float
    schedule: str
    holds_out: bool
    patience: int | None
    tol: float
    dtype: str
    activation: str
    scouting: int
    local_correction: bool


def resolve_recipe(params: dict[str, Any], hidden_layer_sizes: Sequence[int], shape: Shape) -> Recipe:
    """Fill in what the parameters leave to the data.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers.
    shape : Shape
        Of the data.

    Returns
    -------
    Recipe
        Numbers to train with.
    """
    batch_size = _batch_size(params["batch_size"], shape)
    learning_rate, weight_decay = rates(params)
    max_iter = params["max_iter"]
    if max_iter == "auto":
        max_iter = TINY_STEPS if shape.tiny else _epochs(shape, batch_size, hidden_layer_sizes)
    schedule = "cosine" if params["learning_rate"] == "auto" else params["learning_rate"]
    holds_out = _holds_out(shape) if params["early_stopping"] == "auto" else params["early_stopping"]
    patience, tol = params["n_iter_no_change"], params["tol"]
    if patience == "auto":
        patience, tol = _patience(schedule, holds_out, max_iter, tol)
    return Recipe(
        batch_size=batch_size,
        max_iter=max_iter,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        dropout=_auto(params["dropout"], _dropout(shape)),
        input_dropout=_auto(params["input_dropout"], _input_dropout(params["dropout"], shape)),
        schedule=schedule,
        holds_out=holds_out,
        patience=patience,
        tol=tol,
        dtype=_dtype(params["dtype"], shape),
        activation=_activation(params["activation"], shape),
        scouting=_scouting(params["input_scaling"], holds_out, shape, max_iter, hidden_layer_sizes),
        local_correction=_local_correction(params["local_correction"], shape),
    )


def rates(params: dict[str, Any]) -> tuple[float, float]:
    """Learning rate and weight decay, which do not depend on the data."""
    return _auto(params["learning_rate_init"], 0.004), _auto(params["weight_decay"], 0.01)


def _auto(value: Any, default: float) -> float:
    return default if value == "auto" else float(value)


def _activation(activation: str, shape: Shape) -> str:
    """Smooth functions suit numbers, classes beside them too; many classes alone do better with a ReLU."""
    if activation != "auto":
        return activation
    return "relu" if shape.only_classes else "silu"


def _scouting(
    input_scaling: str | bool, holds_out: bool, shape: Shape, max_iter: int, hidden_layer_sizes: Sequence[int]
) -> int:
    """Epochs ahead, for numbers, also beside classes; classes alone lose as often as they gain."""
    scales = input_scaling
    if input_scaling == "auto":
        few_of_many = shape.n_rows < SCALED_ROWS or shape.n_inputs > SCALED_INPUTS
        scales = holds_out and few_of_many and not (shape.tiny or shape.only_classes)
    return max(round(_scouting_share(hidden_layer_sizes) * max_iter), 1) if scales else 0


def _scouting_share(hidden_layer_sizes: Sequence[int]) -> float:
    """Longer runs of networks that learn more slowly, lest inputs that matter late seem not to matter at all."""
    if not hidden_layer_sizes:
        return SCOUTING_SHARE
    slowness = SCOUTING_WIDTH / max(hidden_layer_sizes) * (2 if len(hidden_layer_sizes) == 1 else 1)
    return min(SCOUTING_SHARE * max(slowness, 1.0), 1.0)


def _local_correction(local_correction: str | bool, shape: Shape) -> bool:
    """Not where predictions would have to be compared with very many rows, nor for a handful."""
    if local_correction != "auto":
        return bool(local_correction)
    cells = shape.n_rows * max(shape.n_inputs + shape.n_tasks, shape.n_outputs)
    return not shape.tiny and shape.n_rows <= CORRECTED_ROWS and cells <= CORRECTED_CELLS


def _dropout(shape: Shape) -> float:
    if not shape.n_of_classes or shape.tiny:
        return 0.0
    if not shape.only_classes:
        return MIXED_DROPOUT
    return WIDE_DROPOUT if shape.wide else CLASS_DROPOUT


def _input_dropout(dropout: float | str, shape: Shape) -> float:
    """What keeps a network from resting on a few of many inputs that say the same; not where ``dropout`` is chosen."""
    if dropout != "auto" or not shape.only_classes or shape.tiny:
        return 0.0
    return WIDE_INPUT_DROPOUT if shape.wide else CLASS_INPUT_DROPOUT


def _holds_out(shape: Shape) -> bool:
    return shape.n_distinct >= HELD_OUT_ROWS and shape.n_rows <= MOST_COPIES * shape.n_distinct


def _batch_size(batch_size: Any, shape: Shape) -> int:
    n_rows = shape.n_rows
    if batch_size != "auto":
        return min(int(batch_size), n_rows)
    if shape.tiny:
        return n_rows
    return 32 if n_rows < 512 else 64 if n_rows < 4096 else 128 if n_rows < 32768 else 256


def _epochs(shape: Shape, batch_size: int, hidden_layer_sizes: Sequence[int]) -> int:
    """As many steps as a small table pays for, or as many passes as the tasks ask for."""
    n_rows = shape.n_rows
    layers = pairwise([shape.n_inputs, *hidden_layer_sizes, shape.n_tasks])
    step_work = 6 * batch_size * sum(width * following for width, following in layers)
    affordable = max(int(MEMBER_WORK / step_work), LEAST_STEPS)
    several = min(shape.n_tasks, TASKS_WITH_EPOCHS)
    if shape.n_of_classes:
        wanted = min(STEPS_A_ROW * n_rows, MOST_STEPS, CLASS_STEPS_TIMES_ROWS // n_rows)
        passes = CLASS_LEAST_EPOCHS + CLASS_EPOCHS_A_TASK * several
    else:
        wanted = int((STEPS_A_ROW + MORE_STEPS_A_ROW * n_rows) * n_rows)
        wanted = min(wanted, MORE_STEPS, STEPS_TIMES_ROWS // n_rows)
        passes = LEAST_EPOCHS + EPOCHS_A_TASK * several
    steps = min(wanted, affordable)
    passes = min(passes, max(SEEN_ROWS // n_rows, EPOCHS_OF_MANY))
    return max(-(-steps * batch_size // n_rows), passes)


def _patience(schedule: str, holds_out: bool, max_iter: int, tol: float) -> tuple[int | None, float]:
    """Patience and least improvement; where nothing is held out a falling rate ends the run itself."""
    if schedule != "cosine":
        return 10, tol
    return (max(round(PATIENT_SHARE * max_iter), 5), 0.0) if holds_out else (None, tol)


def _dtype(dtype: str, shape: Shape) -> str:
    if dtype == LOWERED:
        return "float32"  # of the parameters and their updates
    if dtype != "auto":
        return dtype
    return "float64" if shape.n_distinct <= DOUBLE_PRECISION_ROWS and not shape.on_gpu else "float32"
