"""A rule for each parameter that may be "auto".

A rule looks at the data and at the parameters, of which those that ``RULES`` names before it are decided. Docstrings
name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from skmtl.defaults._summary import FULL_BATCH_ROWS, MAX_COPIES, TINY_ROWS, WIDE_INPUTS, Choice, DataSummary
from skmtl.defaults.held_out import FOLDS, kernel_blend, local_correction, one_batch, tree_blend

__all__ = ["FOLDS", "FULL_BATCH_ROWS", "MAX_COPIES", "TINY_ROWS", "WIDE_INPUTS"]  # that docstrings name

HIDDEN_LAYERS, NARROW_LAYERS = (256, 256), (64, 64)
LEARNING_RATE, NARROW_RATE = 0.004, 0.012
DROPOUT, INPUT_DROPOUT, WIDE_INPUT_DROPOUT = 0.3, 0.2, 0.5
SCALED_ROWS = 200
LARGEST_BATCH, BATCH_BY_CUBE_ROOT = 256, 8
TINY_STEPS = 60
STEPS_PER_ROW, MAX_STEPS_CLASSIFICATION, MAX_STEPS_REGRESSION = 4, 700, 1300
EPOCHS, MAX_ROW_VISITS = 20, 1_000_000
MEMBER_OPERATIONS = 7.5e10
PATIENCE, PATIENCE_FRACTION, MIN_PATIENCE = 10, 1 / 3, 5
REGRESSION_WEIGHT = 10.0
RELEVANCE_STEPS = 150
READ_FRACTION, MIN_READ = 0.25, 100

_NARROW = "narrow layers learn fastest from all of their inputs and units"

Params = Mapping[str, Any]


def hidden_layer_sizes(data: DataSummary, params: Params) -> Choice:
    """{HIDDEN_LAYERS}, or {NARROW_LAYERS} with ``effort="fast"``."""
    if params["effort"] == "fast":
        return Choice(NARROW_LAYERS, "narrow layers are fast")
    return Choice(HIDDEN_LAYERS, "two layers, wide enough for most tables")


def learning_rate_init(data: DataSummary, params: Params) -> Choice:
    """{LEARNING_RATE}, or {NARROW_RATE} with ``effort="fast"``, whose narrow layers take larger steps."""
    if params["effort"] == "fast":
        return Choice(NARROW_RATE, "narrow layers take larger steps")
    return Choice(LEARNING_RATE, "the same for all data")


def activation(data: DataSummary, params: Params) -> Choice:
    """A smooth function, "silu", for regression; "relu" if all tasks are classification tasks."""
    if data.only_classification:
        return Choice("relu", f"{data.kinds} and no regression task")
    return Choice("silu", f"{data.kinds}: smooth functions suit regression")


def dropout(data: DataSummary, params: Params) -> Choice:
    """{DROPOUT} if all tasks are classification tasks, else 0.

    0 where all rows are one batch, and with ``effort="fast"``.
    """
    if params["effort"] == "fast":
        return Choice(0.0, _NARROW)
    if not data.only_classification:
        return Choice(0.0, f"{data.kinds}: dropout raises the error of regression")
    if data.tiny:
        return Choice(0.0, one_batch(data))
    return Choice(DROPOUT, f"{data.kinds}: dropout keeps classes from being overfitted")


def input_dropout(data: DataSummary, params: Params) -> Choice:
    """{INPUT_DROPOUT} if all tasks are classification tasks, else 0.

    {WIDE_INPUT_DROPOUT} for {WIDE_INPUTS} encoded inputs or more. 0 where all rows are one batch, where ``dropout``
    is not "auto", with ``effort="fast"``, and in front of an encoder that is trained with the network.
    """
    if params["effort"] == "fast":
        return Choice(0.0, _NARROW)
    if params["dropout"] != "auto":
        return Choice(0.0, "dropout is given")
    if not data.only_classification:
        return Choice(0.0, f"{data.kinds}: regression suffers from missing inputs")
    if data.tiny:
        return Choice(0.0, one_batch(data))
    if data.wide:
        return Choice(WIDE_INPUT_DROPOUT, f"{data.n_inputs} encoded inputs, at least {WIDE_INPUTS}: many say the same")
    return Choice(INPUT_DROPOUT, f"{data.kinds}: no network may rest on a few of the inputs")


def input_scaling(data: DataSummary, params: Params) -> Choice:
    """True if a task is a regression task, rows are held out, and the table is small or wide.

    That means fewer than {SCALED_ROWS} rows, or {WIDE_INPUTS} encoded inputs or more. Not where there are so few rows
    that all are one batch, in front of an encoder that is trained with the network, or where training goes on.
    """
    if data.only_classification:
        return Choice(False, f"{data.kinds}: classification loses by it as often as it gains")
    if data.tiny:
        return Choice(False, one_batch(data))
    if not params["early_stopping"]:
        return Choice(False, "no rows are held out, by which a run that overfits could be told")
    size = f"{data.n_rows} rows of {data.n_inputs} encoded inputs"
    if data.wide or data.n_rows < SCALED_ROWS:
        return Choice(True, f"{size}: fewer than {SCALED_ROWS} rows or at least {WIDE_INPUTS} inputs")
    return Choice(False, f"{size}: at least {SCALED_ROWS} rows and fewer than {WIDE_INPUTS} inputs")


def loss_weights(data: DataSummary, params: Params) -> Choice:
    """Equal weights, but {REGRESSION_WEIGHT:g} for a regression task beside classification tasks.

    As a regression task is learned, its squared error falls far below the cross-entropy of a classification task, whose
    noise would then rule what they share. Not with a balancing method, which sees to that itself, nor with an encoder
    that is trained with the network, which has to learn what classes need, too.
    """
    equal = [1.0] * data.n_tasks
    if data.only_classification or not data.n_classification:
        return Choice(equal, f"{data.kinds}: all of one kind")
    if not data.static_weights:
        return Choice(equal, "the balancing method weighs the tasks")
    if data.learned_encoding:
        return Choice(equal, "the encoder is trained with the network and has to learn what classes need")
    weights = [1.0 if classes else REGRESSION_WEIGHT for classes in data.classification]
    return Choice(weights, f"{data.kinds}: squared errors fall far below the noise of cross-entropies")


def batch_size(data: DataSummary, params: Params) -> Choice:
    """{BATCH_BY_CUBE_ROOT} times the cube root of the number of rows, at most {LARGEST_BATCH}.

    It is rounded down to a power of two, so that 8 times as many rows double it. Tiny data are one batch, in which rows
    count exactly by their weights: at most {FULL_BATCH_ROWS} distinct rows, and at most {TINY_ROWS} in all.
    """
    n_rows = data.n_rows
    if data.tiny:
        return Choice(n_rows, f"{data.n_distinct} distinct rows, at most {FULL_BATCH_ROWS}")
    doublings = (n_rows.bit_length() - 1) // 3  # whole part of the logarithm of n_rows to base 8
    size = min(BATCH_BY_CUBE_ROOT << doublings, LARGEST_BATCH)
    return Choice(size, f"{n_rows} rows, by their cube root and at most {LARGEST_BATCH}")


def max_iter(data: DataSummary, params: Params) -> Choice:
    """As many epochs as make {STEPS_PER_ROW} steps a row, up to a number of steps, or {EPOCHS} if that is more.

    The number of steps is {MAX_STEPS_REGRESSION} for regression alone and {MAX_STEPS_CLASSIFICATION} with a
    classification task: classes are learned sooner. It is less where inputs and layers are so wide that a member would
    take more than {MEMBER_OPERATIONS:g} operations. No more than {MAX_ROW_VISITS:,} rows are visited by a member,
    unless that is less than half of the {EPOCHS} epochs.

    Where all rows are one batch there are {TINY_STEPS} epochs of one step each.
    """
    if data.tiny:
        return Choice(TINY_STEPS, one_batch(data))
    n_rows, batch_size = data.n_rows, min(params["batch_size"], data.n_rows)
    layers = pairwise([data.n_inputs, *params["hidden_layer_sizes"], *params["task_layer_sizes"], data.n_tasks])
    operations = 6 * batch_size * sum(width * following for width, following in layers)
    most = MAX_STEPS_CLASSIFICATION if data.n_classification else MAX_STEPS_REGRESSION
    steps = min(STEPS_PER_ROW * n_rows, most, int(MEMBER_OPERATIONS / operations))
    epochs = min(EPOCHS, max(MAX_ROW_VISITS // n_rows, EPOCHS // 2))
    by_steps = -(-steps * batch_size // n_rows)
    if by_steps >= epochs:
        return Choice(by_steps, f"{steps} steps of {batch_size} of {n_rows} rows")
    return Choice(epochs, f"{n_rows} rows and {data.kinds}: {epochs} epochs are more than {steps} steps")


def early_stopping(data: DataSummary, params: Params) -> Choice:
    """True where there are {FOLDS} distinct rows or more, each at most {MAX_COPIES} times on average.

    There are {FOLDS} folds. Copies of a row are in one fold, and so are rows of the same features with labels of
    different tasks. Where rows repeat more often, a held-out row is unlike all others. True also where ``cv`` or groups
    are given.
    """
    n_rows, n_distinct = data.n_rows, data.n_distinct
    if data.n_apart < FOLDS:
        return Choice(False, f"{data.n_apart} distinct rows, fewer than {FOLDS}")
    if n_rows > MAX_COPIES * n_distinct:
        return Choice(False, f"{n_rows} rows with {n_distinct} distinct ones: more than {MAX_COPIES} copies of each")
    return Choice(True, f"{n_rows} rows, {n_distinct} of them distinct")


def n_iter_no_change(data: DataSummary, params: Params) -> Choice:
    """A third of ``max_iter``, at least {MIN_PATIENCE}, where rows are held out, and then ``tol`` is 0.

    A member that was best so long ago does not recover under the falling rate. Infinite where no rows are held out: the
    falling rate ends the run itself. {PATIENCE} with a constant learning rate.
    """
    if params["learning_rate"] != "cosine":
        return Choice(PATIENCE, f"the learning rate is {params['learning_rate']}")
    if not params["early_stopping"]:
        return Choice(math.inf, "no rows are held out, and the falling learning rate ends the run")
    patience = max(round(PATIENCE_FRACTION * params["max_iter"]), MIN_PATIENCE)
    return Choice(patience, f"a third of {params['max_iter']} epochs, at least {MIN_PATIENCE}, without any improvement")


def dtype(data: DataSummary, params: Params) -> Choice:
    """Double precision on a CPU for at most {FULL_BATCH_ROWS} distinct rows, else "float32"."""
    if data.on_gpu:
        return Choice("float32", "a GPU computes")
    if data.n_distinct <= FULL_BATCH_ROWS:
        return Choice("float64", f"{data.n_distinct} distinct rows, at most {FULL_BATCH_ROWS}")
    return Choice("float32", f"{data.n_distinct} distinct rows, more than {FULL_BATCH_ROWS}")


def device(data: DataSummary, params: Params) -> Choice:
    """A CUDA GPU if there is one, else the CPU."""
    return Choice("cuda", "there is a CUDA GPU") if data.on_gpu else Choice("cpu", "there is no CUDA GPU")


def relevance_epochs(max_iter: int, steps_of_epoch: int) -> int:
    """The scale is learned in two runs of {RELEVANCE_STEPS} steps ahead of the real one, and no longer than that."""
    return min(math.ceil(RELEVANCE_STEPS / steps_of_epoch), max_iter)


def n_inputs_read(n_inputs: int) -> int | None:
    """Then each member reads {READ_FRACTION} of its encoded inputs, those that matter most, but at least {MIN_READ}.

    All members read as many, so that a member is what it would be alone.
    """
    n_read = max(round(READ_FRACTION * n_inputs), MIN_READ)
    return n_read if n_read < n_inputs else None


RULES: dict[str, Choice | Callable[[DataSummary, Params], Choice]] = {
    "encoder": Choice("tabular", "X is read as a table; images and text need an encoder by name"),
    "input_dropout": input_dropout,  # before dropout: it looks at whether that is given
    "hidden_layer_sizes": hidden_layer_sizes,
    "activation": activation,
    "dropout": dropout,
    "loss_weights": loss_weights,
    "learning_rate": Choice("cosine", "after a short rise the rate falls to 0, which lets the weights settle"),
    "learning_rate_init": learning_rate_init,
    "weight_decay": Choice(0.01, "the same for all data"),
    "batch_size": batch_size,
    "max_iter": max_iter,
    "early_stopping": early_stopping,
    "n_iter_no_change": n_iter_no_change,
    "n_peers": Choice(1, "each member learns on its own"),
    "input_scaling": input_scaling,
    "kernel_blend": kernel_blend,  # before local_correction: it looks at whether that is given
    "tree_blend": tree_blend,  # as the one before
    "local_correction": local_correction,
    "device": device,
    "dtype": dtype,
}
