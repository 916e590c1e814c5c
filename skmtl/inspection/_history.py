"""What the displays have in common: reading the history of a fit and drawing a line a task."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmtl._params import as_list
from skmtl._sklearn import final_model


def fitted_names(estimator: Any) -> list[str]:
    """Task names of a fitted estimator.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    estimator = final_model(estimator)
    check_is_fitted(estimator, "history_")
    return [str(name) for name in estimator.task_names_]


def member_means(estimator: Any, quantity: str) -> np.ndarray:
    """Mean over the members of a quantity of ``history_``, ``(epoch, task, ...)``; NaN where no member has a value.

    A member that has stopped counts with its last values, lest the means jump.

    Raises
    ------
    ValueError
        If the quantity was not recorded.
    """
    estimator = final_model(estimator)
    if quantity not in estimator.history_:
        raise ValueError(
            f"The estimator's history_ has no {quantity!r}, only {', '.join(map(repr, estimator.history_))}. "
            f"Fit it with balancing=Recorded(quantities=[{quantity!r}])."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
        means: np.ndarray = np.nanmean(_continued(estimator.history_[quantity]), axis=1)
    return means


def best_epochs(estimator: Any) -> np.ndarray:
    """Epoch, from 1 on, whose weights each member has kept, ``(member,)``; none where nothing was held out."""
    model = final_model(estimator)
    loss, held_out = (_continued(model.history_[name]) for name in ("loss", "validation_loss"))
    if np.isnan(held_out).all():
        return np.zeros(0, dtype=int)
    watched = np.where(np.isnan(held_out), loss, held_out)  # a task without held-out labels counts by its training loss
    best: np.ndarray = np.nansum(watched * model.loss_weights_, axis=2).argmin(axis=0) + 1
    return best


def _continued(values: np.ndarray) -> np.ndarray:
    """Values by epoch, with the last one in place of NaN at the end."""
    epochs = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    last = np.where(np.isnan(values), 0, epochs).max(axis=0)
    return np.take_along_axis(values, np.minimum(epochs, last), axis=0)


def indices_of(tasks: Any, names: Sequence[Any]) -> list[int]:
    """Indices of the tasks to show, a name or several; all by default.

    Raises
    ------
    ValueError
        If a name is unknown, or there is none.
    """
    names = list(names)
    chosen = names if tasks is None else [str(task) for task in as_list(tasks)]
    if not chosen:
        raise ValueError("tasks is empty; name at least one task, or leave it out to show all.")
    unknown = [name for name in chosen if name not in names]
    if unknown:
        known = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
        raise ValueError(f"tasks names {unknown[0]!r}, which the estimator does not know; its tasks: {known}.")
    return [names.index(name) for name in chosen]


def make_axes(ax: Any) -> Any:
    """Return ``ax``, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def draw_lines(ax: Any, values: np.ndarray, labels: Sequence[str], **style: Any) -> list[Any]:
    """Draw one line a column of ``(epoch, task)``, in the colours of the axes' cycle."""
    epochs = np.arange(1, len(values) + 1)
    return [ax.plot(epochs, column, label=label, **style)[0] for column, label in zip(values.T, labels, strict=True)]
