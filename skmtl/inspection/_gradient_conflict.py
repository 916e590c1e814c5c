"""Which tasks' gradients oppose each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skmtl.inspection._history import fitted_names, indices_of, member_means
from skmtl.inspection._matrix import MatrixDisplay


class GradientConflictDisplay(MatrixDisplay):
    """Cosines between the tasks' gradients: blue where tasks pull together, red where they oppose each other.

    Use :meth:`from_estimator` on a model that was fitted with ``balancing=Recorded(...)``. Conflict tells about
    the optimisation; it does not predict whether tasks do better apart.

    Parameters
    ----------
    cosines : ndarray of shape (n_tasks, n_tasks)
        Mean cosine of each pair; NaN where two tasks never met in a batch.
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
    >>> from skmtl.balancing import Recorded
    >>> from skmtl.inspection import GradientConflictDisplay
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = MultiTaskNetRegressor(balancing=Recorded(), hidden_layer_sizes=(8,), max_iter=2, effort="fixed")
    >>> display = GradientConflictDisplay.from_estimator(net.fit(X, np.column_stack([X, -X])))
    >>> display.cosines.shape
    (2, 2)
    """

    def __init__(self, *, cosines: np.ndarray, task_names: Sequence[str]) -> None:
        self.cosines, self.task_names = cosines, task_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        tasks: Sequence[str] | None = None,
        epoch: int | None = None,
        include_values: bool = True,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the cosines of a fitted estimator.

        Parameters
        ----------
        estimator : MultiTaskNet, MultiTaskNetClassifier or MultiTaskNetRegressor
            Fitted with ``balancing=Recorded(...)``.
        tasks : sequence of str, default=None
            Names of the tasks to show; all by default.
        epoch : int, default=None
            Epoch to show, -1 for the last; the mean over all by default.
        include_values : bool, default=True
            Whether to write the numbers into the cells.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``imshow``.

        Returns
        -------
        GradientConflictDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If cosines were not recorded, or a task is unknown.
        """
        names = fitted_names(estimator)
        indices = indices_of(tasks, names)
        by_epoch = member_means(estimator, "gradient_cosines")
        chosen = by_epoch if epoch is None else by_epoch[[epoch]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
            cosines = np.nanmean(chosen, axis=0)[np.ix_(indices, indices)]
        display = cls(cosines=cosines, task_names=[names[index] for index in indices])
        return display.plot(include_values=include_values, ax=ax, **kwargs)

    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        return self.cosines, "Mean cosine of the gradients", {}
