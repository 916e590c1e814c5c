"""What training together gains over training alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skmtl.inputs import as_mapping, as_numbers, by_task, default_names

_LACKING = object()


def delta_m(scores: Any, reference: Any, *, greater_is_better: Any = True) -> float:
    """Mean relative gain over single-task models, in percent.

    Parameters
    ----------
    scores : dict, Series or array-like of shape (n_tasks,)
        Score of each task in the multi-task model, of any metric; it may differ between tasks.
    reference : dict, Series or array-like of shape (n_tasks,)
        Score of each task in its single-task reference.
    greater_is_better : bool, dict, Series or array-like of bool, default=True
        Whether greater scores are better; one for all or one a task. Tasks that a dict does not name have True.

    Returns
    -------
    float
        Percent; positive where the multi-task model is better. A task whose scores are NaN is left out.

    Raises
    ------
    ValueError
        If the tasks differ, a reference is not positive, or no task has both scores.

    Notes
    -----
    With M and B the scores of the model and of the reference, ``100 / T * sum_t s_t (M_t - B_t) / B_t``, where s is 1
    where greater scores are better and -1 elsewhere [1]_.

    References
    ----------
    .. [1] K.-K. Maninis, I. Radosavovic and I. Kokkinos, "Attentive single-tasking of multiple tasks", CVPR 2019.

    Examples
    --------
    >>> from skmtl.metrics import delta_m
    >>> together, alone = {"sold": 0.88, "price": 9.0}, {"sold": 0.8, "price": 10.0}
    >>> round(delta_m(together, alone, greater_is_better={"price": False}), 6)  # accuracy and RMSE, both 10% better
    10.0
    """
    reference = as_mapping(reference)
    names = list(reference) if isinstance(reference, Mapping) else default_names(len(reference))
    ours, alone = _by_task("scores", scores, names), _by_task("reference", reference, names)
    signs = np.where(_directions(greater_is_better, names), 1.0, -1.0)
    defined = ~(np.isnan(ours) | np.isnan(alone))
    if not defined.any():
        raise ValueError("No task has both a score and a reference that are numbers; score more rows.")
    require_positive(names, np.where(defined, alone, np.nan))
    return float(np.mean(100 * signs * (ours - alone) / np.where(defined, alone, 1), where=defined))


def require_positive(names: list[Any], reference: np.ndarray) -> None:
    """Check that the references of the tasks, which may be NaN, are positive.

    Raises
    ------
    ValueError
        If one is not.
    """
    for name, base in zip(names, reference, strict=True):
        if base <= 0:
            raise ValueError(
                f"Task {name!r}: a relative gain needs a positive reference; got {base}. "
                "Use a metric that is positive, say an error instead of R2."
            )


def _by_task(parameter: str, values: Any, names: list[Any]) -> np.ndarray:
    values = by_task(parameter, values, names, _LACKING)
    lacking = [name for name, value in zip(names, values, strict=False) if value is _LACKING]
    if lacking:
        raise ValueError(f"{parameter} lacks task {lacking[0]!r}, which the reference has.")
    array = as_numbers(values, parameter)
    if array.shape != (len(names),):
        raise ValueError(f"{parameter} must have one value for each of the {len(names)} tasks; got {array.shape}.")
    return array


def _directions(greater_is_better: Any, names: list[Any]) -> np.ndarray:
    given = by_task("greater_is_better", greater_is_better, names, True)
    return np.broadcast_to(np.asarray(given, dtype=bool), (len(names),))
