"""The values behind "auto", chosen from the shape of the data.

For tiny data rows are counted as distinct rows, so that a row of weight 2 and the row twice lead to the same choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FULL_BATCH_ROWS = 64
DOUBLE_PRECISION_ROWS = 64
HELD_OUT_ROWS = 64
TINY_STEPS = 60
MOST_COPIES = 3  # rows for each distinct one; where there are more, a held-out row is unlike all that is trained on


@dataclass(frozen=True)
class Recipe:
    """Resolved training parameters.

    Attributes
    ----------
    batch_size, max_iter : int
        Rows a step, greatest number of epochs.
    learning_rate, weight_decay : float
        For every member.
    schedule : str
        Name of the learning-rate schedule.
    holds_out : bool
        Whether members hold out rows.
    patience : int or None
        Epochs without an improvement after which a member stops.
    dtype : str
        Type to compute in.
    """

    batch_size: int
    max_iter: int
    learning_rate: float
    weight_decay: float
    schedule: str
    holds_out: bool
    patience: int | None
    dtype: str


def resolve_recipe(params: dict[str, Any], n_rows: int, n_distinct: int, on_gpu: bool) -> Recipe:
    """Fill in what the parameters leave to the data.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.
    n_rows : int
        Rows with a label and a weight.
    n_distinct : int
        Distinct rows among them, features and labels together.
    on_gpu : bool
        Whether a GPU computes.

    Returns
    -------
    Recipe
        Numbers to train with.
    """
    tiny = n_distinct <= FULL_BATCH_ROWS and n_rows <= FULL_BATCH_ROWS * MOST_COPIES
    batch_size = _batch_size(params["batch_size"], n_rows, tiny)
    max_iter = params["max_iter"]
    if max_iter == "auto":
        max_iter = TINY_STEPS if tiny else _epochs(n_rows, batch_size)
    early_stopping = params["early_stopping"]
    patience = params["n_iter_no_change"]
    schedule = "cosine" if params["learning_rate"] == "auto" else params["learning_rate"]
    if patience == "auto":  # a falling rate ends the run itself; a constant one needs to be told
        patience = None if schedule == "cosine" else 10
    return Recipe(
        batch_size=batch_size,
        max_iter=max_iter,
        learning_rate=_auto(params["learning_rate_init"], 0.004),
        weight_decay=_auto(params["weight_decay"], 0.01),
        schedule=schedule,
        holds_out=_holds_out(n_rows, n_distinct) if early_stopping == "auto" else early_stopping,
        patience=patience,
        dtype=_dtype(params["dtype"], n_distinct, on_gpu),
    )


def _auto(value: Any, default: float) -> float:
    return default if value == "auto" else float(value)


def _holds_out(n_rows: int, n_distinct: int) -> bool:
    return n_distinct >= HELD_OUT_ROWS and n_rows <= MOST_COPIES * n_distinct


def _batch_size(batch_size: Any, n_rows: int, tiny: bool) -> int:
    if batch_size != "auto":
        return min(int(batch_size), n_rows)
    if tiny:
        return n_rows
    return 32 if n_rows < 512 else 64 if n_rows < 2048 else 128 if n_rows < 4096 else 256


def _epochs(n_rows: int, batch_size: int) -> int:
    steps = min(max(min(4 * n_rows, 1000), n_rows // 8), 20000)
    return max(-(-steps * batch_size // n_rows), 10)


def _dtype(dtype: str, n_distinct: int, on_gpu: bool) -> str:
    if dtype != "auto":
        return dtype
    return "float64" if n_distinct <= DOUBLE_PRECISION_ROWS and not on_gpu else "float32"
