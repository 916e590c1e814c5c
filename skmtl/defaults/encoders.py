"""What settings of encoders left at "auto" get, and what encoders prefer for parameters of the estimator.

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

from skmtl.defaults._summary import Choice

PIECEWISE_ROWS, PIECEWISE_COLUMNS = 200, 500  # the fewest bins of so many columns are 2000 inputs
SHARED_BINS, MAX_BINS, MIN_BINS = 256, 32, 4  # of all columns together, and of a column
VALUES_PER_BIN = 2  # a column of no more values than these times the bins has an edge at each
FEW_VALUES = VALUES_PER_BIN * MIN_BINS
WHOLE_SIDE, LARGEST_STRIDE = 16, 4  # longer side of an image that is read pixel by pixel
SEQUENCE_LEARNING_RATE, CONVOLUTION_LEARNING_RATE, MODULE_LEARNING_RATE = 0.005, 0.002, 0.001
ROW_VISITS = 120_000
MANY_ROWS, MANY_ROWS_BATCH, MIN_PASSES, MAX_PASSES = 2048, 64, 5, 40
HELD_OUT_IMAGES = 64

Preferences = dict[str, Choice]


def numeric(n_columns: int, n_distinct: int | None = None) -> Choice:
    """Piecewise linear for {PIECEWISE_ROWS} distinct rows of numbers or more, in at most {PIECEWISE_COLUMNS} columns.

    Bins need rows to be placed by, and multiply the columns. Only of dense tables.
    """
    if n_columns > PIECEWISE_COLUMNS:
        return Choice("scaled", f"{n_columns} numeric columns, more than {PIECEWISE_COLUMNS}")
    if n_distinct is not None and n_distinct < PIECEWISE_ROWS:
        return Choice("scaled", f"{n_distinct} distinct rows, fewer than {PIECEWISE_ROWS}")
    return Choice("piecewise", f"{n_columns} numeric columns, at most {PIECEWISE_COLUMNS}, and rows enough")


def n_bins(n_columns: int) -> Choice:
    """{SHARED_BINS} bins, shared by the columns of more than {FEW_VALUES} values, of which each has {MIN_BINS} to
    {MAX_BINS}: few in a wide table, where other columns say what a coarse one leaves out.
    """
    bins = min(max(SHARED_BINS // max(n_columns, 1), MIN_BINS), MAX_BINS)
    return Choice(bins, f"{SHARED_BINS} bins, shared by {n_columns} columns of more than {FEW_VALUES} values")


def stride(longer_side: int) -> Choice:
    """1 where the longer side of an image has at most {WHOLE_SIDE} pixels, twice as much for every 4 times as many.

    At most {LARGEST_STRIDE}.
    """
    step = 1
    while step < LARGEST_STRIDE and longer_side > WHOLE_SIDE * step**2:
        step *= 2
    return Choice(step, f"the longer side has {longer_side} pixels")


def sequence_preferences(n_rows: int) -> Preferences:
    """Hidden layers with ReLU and no dropout, and a learning rate of {SEQUENCE_LEARNING_RATE}.

    From {MANY_ROWS} rows on, batches of {MANY_ROWS_BATCH} and as many epochs as make {ROW_VISITS:,} visits
    of rows, but {MIN_PASSES} to {MAX_PASSES}; and no early stopping, since the held-out log loss is lowest before
    accuracy is highest.
    """
    preferred = _learned(SEQUENCE_LEARNING_RATE) | _passes(n_rows)
    if "max_iter" in preferred:
        preferred["early_stopping"] = Choice(False, "the held-out log loss is lowest before accuracy is highest")
    return preferred


def convolution_preferences(n_rows: int) -> Preferences:
    """Hidden layers with ReLU and no dropout, and a learning rate of {CONVOLUTION_LEARNING_RATE}.

    From {MANY_ROWS} rows on, batches of {MANY_ROWS_BATCH} and as many epochs as make {ROW_VISITS:,} visits
    of rows, but {MIN_PASSES} to {MAX_PASSES}. No early stopping for fewer than {HELD_OUT_IMAGES} images: rows are told
    apart by their encoding, and the last digits of its means are not those of an image of weight 2 where the image
    comes twice.
    """
    preferred = _learned(CONVOLUTION_LEARNING_RATE) | _passes(n_rows)
    if n_rows < HELD_OUT_IMAGES:
        preferred["early_stopping"] = Choice(False, f"{n_rows} images, fewer than {HELD_OUT_IMAGES}")
    return preferred


def module_preferences() -> Preferences:
    """Hidden layers with ReLU and no dropout, and a learning rate of {MODULE_LEARNING_RATE}: most modules bear it."""
    return _learned(MODULE_LEARNING_RATE)


def _learned(learning_rate: float) -> Preferences:
    """Of every encoder that is trained with the network; the rules for tables were chosen on tables."""
    reason = "behind an encoder that is trained with the network"
    rate = Choice(learning_rate, "a step size that suits the encoder")
    return {"activation": Choice("relu", reason), "dropout": Choice(0.0, reason), "learning_rate_init": rate}


def _passes(n_rows: int) -> Preferences:
    """Length of training where steps are expensive; nothing for few rows, which the general rule serves."""
    if n_rows < MANY_ROWS:
        return {}
    passes = min(max(round(ROW_VISITS / n_rows), MIN_PASSES), MAX_PASSES)
    reason = f"{n_rows} rows, about {ROW_VISITS} visits of rows in {MIN_PASSES} to {MAX_PASSES} epochs"
    return {
        "max_iter": Choice(passes, reason),
        "batch_size": Choice(MANY_ROWS_BATCH, f"{n_rows} rows, at least {MANY_ROWS}"),
    }
