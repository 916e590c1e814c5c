"""Matrices of tasks by tasks, or by something else, as pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from skmtl.inspection._history import make_axes


class MatrixDisplay(ABC):
    """What displays of a number for every two tasks, or for a task and something else, have in common.

    Attributes
    ----------
    task_names : sequence
        Names of the tasks.
    row_names : sequence or None
        What the rows are, where they are no tasks.
    axis_labels : dict of str to str
        "xlabel" and "ylabel", where rows and columns are not alike.
    """

    task_names: Sequence[Any]
    row_names: Sequence[Any] | None = None
    axis_labels: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def _drawing(self) -> tuple[np.ndarray, str, dict[str, Any]]:
        """Matrix ``(n_rows, n_tasks)``, label of its colour bar, and arguments of ``imshow`` that are no default."""

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
        columns = [str(name) for name in self.task_names]
        rows = columns if self.row_names is None else [str(name) for name in self.row_names]
        self.ax_ = make_axes(ax)
        self.figure_ = self.ax_.figure
        self.im_ = self.ax_.imshow(matrix, **{"cmap": "RdBu", "vmin": -1, "vmax": 1, **style, **kwargs})
        self.ax_.set(xticks=range(len(columns)), yticks=range(len(rows)), xticklabels=columns, yticklabels=rows)
        self.ax_.set(**self.axis_labels)
        self.ax_.tick_params(axis="x", rotation=90)
        self.figure_.colorbar(self.im_, ax=self.ax_, label=label)
        self.text_ = _write_numbers(self.ax_, self.im_, matrix) if include_values else None
        return self


def _write_numbers(ax: Any, image: Any, matrix: np.ndarray) -> np.ndarray:
    """Write the numbers into the cells, white where these are dark; their texts ``(n_rows, n_columns)``."""
    text = np.empty(matrix.shape, dtype=object)
    for (row, column), value in np.ndenumerate(matrix):
        red, green, blue = image.cmap(image.norm(value))[:3]
        color = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else "black"
        text[row, column] = ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)
    return text
