"""One function for each parameter that may be "auto".

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from skmtl.defaults._choice import Choice
from skmtl.defaults._summary import FULL_BATCH_ROWS, MAX_COPIES, TINY_ROWS, WIDE_INPUTS, WIDE_ROWS, DataSummary

__all__ = ["FULL_BATCH_ROWS", "MAX_COPIES", "TINY_ROWS", "WIDE_INPUTS", "WIDE_ROWS"]  # that docstrings name

CLASSIFICATION_DROPOUT, MIXED_DROPOUT, WIDE_DROPOUT = 0.3, 0.1, 0.1
CLASSIFICATION_INPUT_DROPOUT, WIDE_INPUT_DROPOUT = 0.2, 0.4
SCALED_ROWS, SCALED_INPUTS = 200, 100
CORRECTED_ROWS, CORRECTED_CELLS = 20_000, 1 << 23
MIN_HELD_OUT_ROWS, FOLDS = 8, 8
LEARNING_RATE, WEIGHT_DECAY = 0.004, 0.01
BATCH_SIZES = ((512, 32), (4096, 64), (32768, 128))  # fewer rows than the first number: the second
LARGEST_BATCH = 256
TINY_STEPS = 60
STEPS_PER_ROW, MAX_STEPS_CLASSIFICATION = 4, 1000
MORE_STEPS_PER_ROW, MAX_STEPS_REGRESSION = 0.01, 2600
STEPS_TIMES_ROWS_CLASSIFICATION, STEPS_TIMES_ROWS_REGRESSION = 1_500_000, 4_000_000
EPOCHS_CLASSIFICATION, EPOCHS_PER_TASK_CLASSIFICATION = 6, 1
EPOCHS_REGRESSION, EPOCHS_PER_TASK_REGRESSION = 10, 3
MAX_TASKS_COUNTED = 8
MAX_ROW_VISITS, MIN_EPOCHS = 4_000_000, 10
MEMBER_OPERATIONS, MIN_STEPS = 7.5e10, 500
PATIENCE, PATIENCE_FRACTION, MIN_PATIENCE = 10, 1 / 3, 5
DOUBLE_PRECISION_ROWS = 64
REGRESSION_WEIGHT = 10.0


def activation(summary: DataSummary) -> Choice:
    """A smooth function, "silu", for regression; "relu" if all tasks are classification tasks."""
    if summary.only_classification:
        return Choice("relu", f"{summary.tasks} and no regression task")
    return Choice("silu", f"{summary.tasks}: smooth functions suit regression")


def dropout(summary: DataSummary) -> Choice:
    """{CLASSIFICATION_DROPOUT} if all tasks are classification tasks, {MIXED_DROPOUT} if some are, 0 if none is.

    {WIDE_DROPOUT} for classification tasks alone with {WIDE_ROWS} rows or more of {WIDE_INPUTS} encoded inputs or more,
    where dropping inputs does more. 0 where all rows are one batch.
    """
    if not summary.n_classification:
        return Choice(0.0, f"{summary.tasks}: dropout raises the error of regression")
    if summary.tiny:
        return Choice(0.0, _one_batch(summary))
    if not summary.only_classification:
        return Choice(MIXED_DROPOUT, f"{summary.tasks}: a compromise, since dropout helps only classification")
    if summary.wide:
        return Choice(WIDE_DROPOUT, f"{_wide(summary)}, where dropping inputs does more")
    return Choice(CLASSIFICATION_DROPOUT, f"{summary.tasks}: dropout keeps classes from being overfitted")


def input_dropout(summary: DataSummary, dropout_given: bool) -> Choice:
    """{CLASSIFICATION_INPUT_DROPOUT} if all tasks are classification tasks, else 0.

    {WIDE_INPUT_DROPOUT} for {WIDE_ROWS} rows or more of {WIDE_INPUTS} encoded inputs or more: wide tables with many
    rows are redundant. 0 where all rows are one batch, where ``dropout`` is not "auto", and in front of an encoder that
    is trained with the network.
    """
    if dropout_given:
        return Choice(0.0, "dropout is given")
    if not summary.only_classification:
        return Choice(0.0, f"{summary.tasks}: regression suffers from missing inputs")
    if summary.tiny:
        return Choice(0.0, _one_batch(summary))
    if summary.wide:
        return Choice(WIDE_INPUT_DROPOUT, f"{_wide(summary)}: such tables are redundant")
    return Choice(CLASSIFICATION_INPUT_DROPOUT, f"{summary.tasks}: no network may rest on a few of the inputs")


def input_scaling(summary: DataSummary, holds_out: bool) -> Choice:
    """True if a task is a regression task, rows are held out, and the table is small or wide.

    That means fewer than {SCALED_ROWS} rows or more than {SCALED_INPUTS} encoded inputs, but not so few rows that all
    are one batch. Never where the encoder prefers otherwise, in front of an encoder that is trained with the network,
    or where training goes on.
    """
    few_of_many = summary.n_rows < SCALED_ROWS or summary.n_inputs > SCALED_INPUTS
    if summary.only_classification:
        return Choice(False, f"{summary.tasks}: classification loses by it as often as it gains")
    if summary.tiny:
        return Choice(False, _one_batch(summary))
    if not holds_out:
        return Choice(False, "no rows are held out, by which a run that overfits could be told")
    size = f"{summary.n_rows} rows of {summary.n_inputs} encoded inputs"
    if few_of_many:
        return Choice(True, f"{size}: fewer than {SCALED_ROWS} rows or more than {SCALED_INPUTS} inputs")
    return Choice(False, f"{size}: at least {SCALED_ROWS} rows and at most {SCALED_INPUTS} inputs")


def local_correction(summary: DataSummary, n_folds: int | None, n_estimators: int) -> Choice:
    """True where every row is held out by a member and there are not too many rows to compare with.

    That takes as many members as folds, and rows that are more than one batch, at most {CORRECTED_ROWS:,} and of at
    most {CORRECTED_CELLS:,} numbers in all. Never behind an encoder that is trained with the network, or where
    training goes on.
    """
    n_rows = summary.n_rows
    cells = n_rows * max(summary.n_inputs + summary.n_tasks, summary.n_outputs)
    if summary.tiny:
        return Choice(False, _one_batch(summary))
    if n_rows > CORRECTED_ROWS:
        return Choice(False, f"{n_rows} rows: more than {CORRECTED_ROWS} to compare with")
    if cells > CORRECTED_CELLS:
        return Choice(False, f"{n_rows} rows with {cells} numbers: more than {CORRECTED_CELLS} to compare with")
    if n_folds is None:
        return Choice(False, "no training rows are held out")
    if n_estimators < n_folds:
        return Choice(False, f"{n_estimators} members hold out {n_estimators} of {n_folds} folds, not all rows")
    return Choice(True, f"{n_rows} rows, each held out by a member; at most {CORRECTED_ROWS} to compare with")


def n_peers() -> Choice:
    """1: each member learns on its own."""
    return Choice(1, "each member learns on its own")


def loss_weights(summary: DataSummary) -> Choice:
    """Equal weights, but {REGRESSION_WEIGHT:g} for a regression task beside classification tasks.

    As a regression task is learned, its squared error falls far below the cross-entropy of a classification task, whose
    noise would then rule what they share. Not with a balancing method, which sees to that itself, nor with an encoder
    that is trained with the network, which has to learn what classes need, too.
    """
    equal = [1.0] * summary.n_tasks
    if summary.only_classification or not summary.n_classification:
        return Choice(equal, f"{summary.tasks}: all of one kind")
    if not summary.static_weights:
        return Choice(equal, "the balancing method weighs the tasks")
    if summary.learned_encoding:
        return Choice(equal, "the encoder is trained with the network and has to learn what classes need")
    weights = [1.0 if classes else REGRESSION_WEIGHT for classes in summary.classification]
    return Choice(weights, f"{summary.tasks}: squared errors fall far below the noise of cross-entropies")


def learning_rate() -> Choice:
    """The schedule "cosine": a short rise, then a fall to 0 at ``max_iter``."""
    return Choice("cosine", "a rate that falls to 0 lets the weights settle")


def learning_rate_init() -> Choice:
    """{LEARNING_RATE}, unless the encoder prefers another."""
    return Choice(LEARNING_RATE, "the same for all data")


def weight_decay() -> Choice:
    """{WEIGHT_DECAY}, unless the encoder prefers another."""
    return Choice(WEIGHT_DECAY, "the same for all data")


def batch_size(summary: DataSummary) -> Choice:
    """{BATCH_SIZES[0][1]} below {BATCH_SIZES[0][0]} rows, {BATCH_SIZES[1][1]} below {BATCH_SIZES[1][0]},
    {BATCH_SIZES[2][1]} below {BATCH_SIZES[2][0]}, else {LARGEST_BATCH}.

    Tiny data are one batch, in which rows count exactly by their weights: at most {FULL_BATCH_ROWS} distinct rows, and
    at most {TINY_ROWS} in all.
    """
    n_rows = summary.n_rows
    if summary.tiny:
        return Choice(n_rows, f"{summary.n_distinct} distinct rows, at most {FULL_BATCH_ROWS}")
    for bound, size in BATCH_SIZES:
        if n_rows < bound:
            return Choice(size, f"{n_rows} rows, fewer than {bound}")
    return Choice(LARGEST_BATCH, f"{n_rows} rows, at least {BATCH_SIZES[-1][0]}")


def max_iter(summary: DataSummary, batch_size: int, hidden_layer_sizes: Sequence[int]) -> Choice:
    """As many epochs as give the number of steps that n rows pay for, or a smallest number of epochs if that is more.

    Steps: ``{STEPS_PER_ROW} n + {MORE_STEPS_PER_ROW} n**2`` for regression alone, at most {MAX_STEPS_REGRESSION} and at
    most {STEPS_TIMES_ROWS_REGRESSION:,} / n, so that time does not grow faster than that of boosted trees. With a
    classification task ``{STEPS_PER_ROW} n``, at most {MAX_STEPS_CLASSIFICATION} and at most
    {STEPS_TIMES_ROWS_CLASSIFICATION:,} / n: classes are learned sooner. Where inputs and layers are so wide that a
    member would take more than {MEMBER_OPERATIONS:g} operations, there are fewer steps, but at least {MIN_STEPS}.

    Smallest number of epochs: {EPOCHS_REGRESSION} and {EPOCHS_PER_TASK_REGRESSION} a task for regression alone;
    {EPOCHS_CLASSIFICATION} and {EPOCHS_PER_TASK_CLASSIFICATION} a task with a classification task; up to
    {MAX_TASKS_COUNTED} tasks count. If more than {MAX_ROW_VISITS:,} rows would be visited in them, it is
    {MAX_ROW_VISITS:,} / n, but at least {MIN_EPOCHS}.

    Where all rows are one batch there are {TINY_STEPS} epochs of one step each.
    """
    if summary.tiny:
        return Choice(TINY_STEPS, _one_batch(summary))
    n_rows, steps, epochs = summary.n_rows, _steps(summary, batch_size, hidden_layer_sizes), _least_epochs(summary)
    by_steps = -(-steps * batch_size // n_rows)
    if by_steps >= epochs:
        return Choice(by_steps, f"{steps} steps of {batch_size} of {n_rows} rows")
    return Choice(epochs, f"{n_rows} rows and {summary.tasks}: {epochs} epochs are more than {steps} steps")


def _steps(summary: DataSummary, batch_size: int, hidden_layer_sizes: Sequence[int]) -> int:
    """Number of steps that the rows pay for."""
    n_rows = summary.n_rows
    layers = pairwise([summary.n_inputs, *hidden_layer_sizes, summary.n_tasks])
    operations = 6 * batch_size * sum(width * following for width, following in layers)
    affordable = max(int(MEMBER_OPERATIONS / operations), MIN_STEPS)
    if summary.n_classification:
        bounds = STEPS_PER_ROW * n_rows, MAX_STEPS_CLASSIFICATION, STEPS_TIMES_ROWS_CLASSIFICATION // n_rows
    else:
        wanted = int((STEPS_PER_ROW + MORE_STEPS_PER_ROW * n_rows) * n_rows)
        bounds = wanted, MAX_STEPS_REGRESSION, STEPS_TIMES_ROWS_REGRESSION // n_rows
    return min(*bounds, affordable)


def _least_epochs(summary: DataSummary) -> int:
    """Number of epochs that the tasks need: several tasks have more to learn."""
    n_tasks = min(summary.n_tasks, MAX_TASKS_COUNTED)
    if summary.n_classification:
        epochs = EPOCHS_CLASSIFICATION + EPOCHS_PER_TASK_CLASSIFICATION * n_tasks
    else:
        epochs = EPOCHS_REGRESSION + EPOCHS_PER_TASK_REGRESSION * n_tasks
    return min(epochs, max(MAX_ROW_VISITS // summary.n_rows, MIN_EPOCHS))


def early_stopping(summary: DataSummary) -> Choice:
    """True where there are {MIN_HELD_OUT_ROWS} distinct rows or more, each at most {MAX_COPIES} times on average.

    There are {FOLDS} folds, and copies of a row are in one of them. Where rows repeat more often, a held-out row is
    unlike all others.
    """
    n_rows, n_distinct = summary.n_rows, summary.n_distinct
    if n_distinct < MIN_HELD_OUT_ROWS:
        return Choice(False, f"{n_distinct} distinct rows, fewer than {MIN_HELD_OUT_ROWS}")
    if n_rows > MAX_COPIES * n_distinct:
        return Choice(False, f"{n_rows} rows with {n_distinct} distinct ones: more than {MAX_COPIES} copies of each")
    return Choice(True, f"{n_rows} rows, {n_distinct} of them distinct")


def n_iter_no_change(schedule: str, holds_out: bool, max_iter: int) -> Choice:
    """A third of ``max_iter``, at least {MIN_PATIENCE}, where rows are held out, and then ``tol`` is 0.

    A member that was best so long ago does not recover under the falling rate. Infinite where no rows are held out: the
    falling rate ends the run itself. {PATIENCE} with a constant learning rate.
    """
    if schedule != "cosine":
        return Choice(PATIENCE, f"the learning rate is {schedule}")
    if not holds_out:
        return Choice(math.inf, "no rows are held out, and the falling learning rate ends the run")
    patience = max(round(PATIENCE_FRACTION * max_iter), MIN_PATIENCE)
    return Choice(patience, f"a third of {max_iter} epochs, at least {MIN_PATIENCE}, without any improvement")


def dtype(summary: DataSummary) -> Choice:
    """Double precision on a CPU for at most {DOUBLE_PRECISION_ROWS} distinct rows, else "float32"."""
    if summary.on_gpu:
        return Choice("float32", "a GPU computes")
    if summary.n_distinct <= DOUBLE_PRECISION_ROWS:
        return Choice("float64", f"{summary.n_distinct} distinct rows, at most {DOUBLE_PRECISION_ROWS}")
    return Choice("float32", f"{summary.n_distinct} distinct rows, more than {DOUBLE_PRECISION_ROWS}")


def device(cuda: bool) -> Choice:
    """A CUDA GPU if there is one, else the CPU."""
    return Choice("cuda", "there is a CUDA GPU") if cuda else Choice("cpu", "there is no CUDA GPU")


def encoder() -> Choice:
    """X is read as a table: "tabular"."""
    return Choice("tabular", "X is read as a table; images and text need an encoder by name")


def _one_batch(summary: DataSummary) -> str:
    return f"all {summary.n_rows} rows are one batch"


def _wide(summary: DataSummary) -> str:
    return f"{summary.n_rows} rows of {summary.n_inputs} encoded inputs, at least {WIDE_ROWS} of {WIDE_INPUTS}"
