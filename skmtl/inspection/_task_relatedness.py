"""Which tasks a network has found to be related."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np

from skmtl._sklearn import final_model
from skmtl.inspection._history import fitted_names, indices_of
from skmtl.inspection._matrix import MatrixDisplay


class TaskRelatednessDisplay(MatrixDisplay):
    """Correlations of the tasks as ``sharing="relationship"`` has learned them: blue where tasks are alike.

    Use :meth:`from_estimator`.

    Parameters
    ----------
    relatedness : ndarray of shape (n_tasks, n_tasks)
        Correlation of each pair.
    task_names : sequence of str
        Names of the tasks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the matrix.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The matrix.
    text_ : ndarray of shape (n_tasks, n_tasks), dtype=matplotlib Text, or None
        The numbers in the cells.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.inspection import TaskRelatednessDisplay
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = MultiTaskNetRegressor(sharing="relationship", hidden_layer_sizes=(8,), max_iter=2, effort="fixed")
    >>> display = TaskRelatednessDisplay.from_estimator(net.fit(X, np.column_stack([X, 2 * X])))
    >>> display.relatedness.shape
    (2, 2)
    """

    def __init__(self, *, relatedness: np.ndarray, task_names: Sequence[str]) -> None:
        self.relatedness, self.task_names = relatedness, task_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        tasks: Sequence[str] | None = None,
        call: int | None = None,
        include_values: bool = True,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the correlations of a fitted estimator.

        Parameters
        ----------
        estimator : MultiTaskNet, MultiTaskNetClassifier or MultiTaskNetRegressor
            Fitted with ``sharing="relationship"``.
        tasks : sequence of str, default=None
            Names of the tasks to show, in this order; all by default.
        call : int, default=None
            Index of the call of ``fit`` or ``partial_fit`` after which to show them; the last by default.
        include_values : bool, default=True
            Whether to write the numbers into the cells.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``imshow``.

        Returns
        -------
        TaskRelatednessDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the estimator has learned no relations, a task is unknown, or there was no such call.
        """
        names = fitted_names(estimator)
        indices = indices_of(tasks, names)
        model = final_model(estimator)
        if not hasattr(model, "task_relatedness_"):
            raise ValueError(
                f"The estimator was fitted with sharing={model.sharing!r} and has no task_relatedness_. Fit it with "
                f"sharing='relationship' and at least one hidden layer."
            )
        history = model.relatedness_history_
        if call is not None and not (isinstance(call, Integral) and -len(history) <= call < len(history)):
            raise ValueError(f"call must be the index of one of the {len(history)} calls, or None; got {call!r}.")
        found = model.task_relatedness_ if call is None else history[call]
        display = cls(relatedness=found[np.ix_(indices, indices)], task_names=[names[index] for index in indices])
        return display.plot(include_values=include_values, ax=ax, **kwargs)

    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        return self.relatedness, "Correlation of the tasks", {}
