"""The picture of what matters to each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from skmtl._params import require_integer
from skmtl.inspection._matrix import MatrixDisplay


class FeatureRelevanceDisplay(MatrixDisplay):
    """How much each column of X, in rows, matters to each task, in columns.

    Use :meth:`from_relevance`, or ``plot`` of the relevances.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_tasks)
        The relevances.
    feature_names : sequence
        Names of the columns of X.
    task_names : sequence
        Names of the tasks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the matrix.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The matrix.
    text_ : ndarray of shape (n_features, n_tasks), dtype=matplotlib Text, or None
        The numbers in the cells.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.inspection import FeatureRelevanceDisplay
    >>> names = {"feature_names": ["age", "bmi"], "task_names": ["stays", "spend"]}
    >>> display = FeatureRelevanceDisplay(matrix=np.array([[0.9, 0.2], [0.1, 0.8]]), **names)
    >>> display.plot().ax_.get_ylabel()
    'column of X'
    """

    axis_labels: ClassVar[dict[str, str]] = {"xlabel": "task", "ylabel": "column of X"}

    def __init__(self, *, matrix: np.ndarray, feature_names: Sequence[Any], task_names: Sequence[Any]) -> None:
        self.matrix, self.task_names = matrix, list(task_names)
        self.feature_names = self.row_names = list(feature_names)

    @classmethod
    def from_relevance(
        cls,
        relevance: Any,
        *,
        max_features: int = 20,
        include_values: bool = True,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw measured relevances.

        Parameters
        ----------
        relevance : FeatureRelevance
            Made by :func:`feature_relevance`.
        max_features : int, default=20
            Greatest number of columns of X that are shown: those that matter most to some task, in their order.
        include_values : bool, default=True
            Whether to write the numbers into the cells.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``imshow``.

        Returns
        -------
        FeatureRelevanceDisplay
            The drawn display.
        """
        require_integer("max_features", max_features, 1)
        shown = np.sort(np.argsort(-relevance.matrix.max(axis=1), kind="stable")[:max_features])
        names = [relevance.feature_names[k] for k in shown]
        display = cls(matrix=relevance.matrix[shown], feature_names=names, task_names=relevance.task_names)
        return display.plot(ax, include_values=include_values, **kwargs)

    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        style = {"cmap": "Blues", "vmin": 0, "vmax": max(1.0, float(self.matrix.max())), "aspect": "auto"}
        return self.matrix, "Part of the variance of the predictions", style
