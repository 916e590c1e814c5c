"""Matrices of tasks by tasks as pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from skmtl.inspection._history import make_axes


class MatrixDisplay(ABC):
    """What displays of a number for every two tasks have in common.

    Attributes
    ----------
    task_names : sequence
        Names of the tasks.
    axis_labels : dict of str to str
        "xlabel" and "ylabel", where rows and columns are not alike.
    """

    task_names: Sequence[Any]
    axis_labels: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        """Matrix ``(n_tasks, n_tasks)``, label of its colour bar, and arguments of ``imshow`` that are no default."""

    def plot(self, ax: Any = None, *, include_values: bool = True, **kwargs: Any) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        include_values : bool, default=True
            Whether to write the numbers into the cells.
        **kwargs : dict
            Passed to matplotlib's ``imshow``.

        Returns
        -------
        Self
            This display.
        """
        matrix, label, style = self._drawing()
        self.ax_ = make_axes(ax)
        self.figure_ = self.ax_.figure
        names = [str(name) for name in self.task_names]
        self.im_, self.text_ = _draw_matrix(
            self.ax_, matrix, names, label, include_values=include_values, **{**style, **kwargs}
        )
        self.ax_.set(**self.axis_labels)
        return self


def _draw_matrix(
    ax: Any, matrix: np.ndarray, names: Sequence[str], label: str, *, include_values: bool, **style: Any
) -> tuple[Any, np.ndarray | None]:
    """Draw numbers, by default between -1 and 1, with a colour bar.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    matrix : ndarray of shape (n_tasks, n_tasks)
        The numbers.
    names : sequence of str
        Names of the tasks.
    label : str
        Of the colour bar.
    include_values : bool
        Whether to write the numbers into the cells.
    **style : dict
        Passed to matplotlib's ``imshow``.

    Returns
    -------
    matplotlib AxesImage
        The matrix.
    ndarray of shape (n_tasks, n_tasks), dtype=matplotlib Text, or None
        The numbers in the cells.
    """
    image = ax.imshow(matrix, **{"cmap": "RdBu", "vmin": -1, "vmax": 1, **style})
    ticks = range(len(names))
    ax.set(xticks=ticks, yticks=ticks, xticklabels=names, yticklabels=names)
    ax.tick_params(axis="x", rotation=90)
    ax.figure.colorbar(image, ax=ax, label=label)
    if not include_values:
        return image, None
    text = np.empty(matrix.shape, dtype=object)
    for (row, column), value in np.ndenumerate(matrix):
        color = "white" if abs(image.norm(value) - 0.5) > 0.3 else "black"  # where the cell is dark
        text[row, column] = ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)
    return image, text
