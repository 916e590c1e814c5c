"""A matrix of tasks by tasks as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def draw_matrix(
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
