"""What settings of encoders left at "auto" get, and what encoders prefer for parameters of the estimator.

Docstrings name the constants in braces; the page of the defaults fills them in.
"""

from __future__ import annotations

from skmtl.defaults._summary import Choice

PIECEWISE_ROWS, PIECEWISE_COLUMNS = 200, 500  # the fewest bins of so many columns are 2000 inputs
MAX_BINS, MIN_BINS = 16, 4  # of a column
VALUES_PER_BIN = 2  # a column of no more values than these times the bins has an edge at each
FEW_VALUES = VALUES_PER_BIN * MIN_BINS
ROWS_PER_BIN, MIN_SHARED_BINS, MAX_SHARED_BINS = 10, 96, 256  # bins that the columns share
SCALED_BIN_COLUMNS, LOW_BIN_ROWS = 20, 1000
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


def n_bins(n_columns: int, n_distinct: int) -> Choice:
    """One bin for every {ROWS_PER_BIN} distinct rows, {MIN_SHARED_BINS} to {MAX_SHARED_BINS} in all.

    The columns of more than {FEW_VALUES} values share them, but each of these has {MIN_BINS} to {MAX_BINS}: few in a
    wide table, where other columns say what a coarse one leaves out.
    """
    shared = min(max(n_distinct // ROWS_PER_BIN, MIN_SHARED_BINS), MAX_SHARED_BINS)
    bins = min(max(shared // max(n_columns, 1), MIN_BINS), MAX_BINS)
    return Choice(bins, f"{shared} bins, shared by {n_columns} columns of more than {FEW_VALUES} values")


def low_bins(n_distinct: int) -> bool:
    """Whether bins are half as high and bend a line in place of replacing it: with fewer rows no gain could be told."""
    return n_distinct >= LOW_BIN_ROWS


def stride(longer_side: int) -> Choice:
    """1 where the longer side of an image has at most {WHOLE_SIDE} pixels, twice as much for every 4 times as many.

    At most {LARGEST_STRIDE}.
    """
    step = 1
    while step < LARGEST_STRIDE and longer_side > WHOLE_SIDE * step**2:
        step *= 2
    return Choice(step, f"the longer side has {longer_side} pixels")


def tabular_preferences(n_bin_columns: int | None, low: bool) -> Preferences:
    """Inputs are not scaled where numbers have bins, unless in small tables of many columns.

    That is more than {SCALED_BIN_COLUMNS} columns with bins and fewer than {LOW_BIN_ROWS} distinct rows: a short run
    cannot tell the bins of few columns apart; of more columns, some matter little.
    """
    if n_bin_columns is None or (n_bin_columns > SCALED_BIN_COLUMNS and not low):
        return {}
    rows = f"{'at least' if low else 'fewer than'} {LOW_BIN_ROWS} distinct rows"
    reason = f"{n_bin_columns} columns with bins and {rows}: their bins are hard to rank"
    return {"input_scaling": Choice(False, reason)}


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
