"""The table of all tasks: how many labels they have, and how well they are predicted."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmtl.metrics._text_table import html_lines, html_table, text_table


class TaskReport:
    """Scores of the tasks of a fitted model; made by :func:`task_report`.

    Parameters
    ----------
    table : dict of ndarray of shape (n_tasks,)
        See below.
    metrics : list of list of str
        Names of the metrics of each task.
    greater_is_better : dict of bool
        Whether greater scores are better, by metric.
    n_rows : int
        Number of rows.
    confidence : float
        Of the intervals.
    n_draws : int
        Number of bootstrap samples.

    Attributes
    ----------
    task_names : list
        Names of the tasks.
    table : dict of ndarray of shape (n_tasks,)
        Columns by name:

        - "task": name of the task.
        - "n_labels", "n_missing": number of rows with and without a label of the task. Labels of weight 0 are missing.
        - "n_positives": number of labels that are the second class; NaN for tasks of more classes and of numbers.
        - the name of a metric: score of the task; NaN where it is not defined or not asked for.
        - "<metric>_low", "<metric>_high": ends of its bootstrap interval; NaN where too few rows or groups have a label
          (see :func:`task_report`).
        - "<metric>_trivial": score of the trivial predictor.
    metrics : list of list of str
        Names of the metrics of each task.
    greater_is_better : dict of bool
        Whether greater scores are better, by metric.
    not_better : list
        Names of the tasks for which these rows do not show that anything was learned: the interval of the first metric
        holds the score of the trivial predictor, lies on its worse side, or is NaN. Empty without intervals.
    unscored : list
        Names of the tasks that no metric is for, or whose first metric is not defined: they have too few labels, or
        labels of one class only.
    n_rows, confidence, n_draws
        As given.
    """

    def __init__(
        self,
        table: dict[str, np.ndarray],
        *,
        metrics: list[list[str]],
        greater_is_better: dict[str, bool],
        n_rows: int,
        confidence: float,
        n_draws: int,
    ) -> None:
        self.table, self.metrics, self.greater_is_better = table, metrics, greater_is_better
        self.n_rows, self.confidence, self.n_draws = n_rows, confidence, n_draws
        self.task_names = table["task"].tolist()
        self.not_better, self.unscored = [], []
        for place, (name, of_task) in enumerate(zip(self.task_names, metrics, strict=True)):
            first = of_task[0] if of_task else None
            if first is None or np.isnan(table[first][place]):
                self.unscored.append(name)
            elif n_draws and not self._is_better(first, place):
                self.not_better.append(name)

    def _is_better(self, metric: str, place: int) -> bool:
        trivial = self.table[f"{metric}_trivial"][place]
        if self.greater_is_better[metric]:
            return bool(self.table[f"{metric}_low"][place] > trivial)
        return bool(self.table[f"{metric}_high"][place] < trivial)

    def frame(self) -> Any:
        """Return the report as a pandas frame.

        Returns
        -------
        pandas.DataFrame of shape (n_tasks, n_columns)
            The ``table``, one row a task.
        """
        import pandas as pd

        return pd.DataFrame(self.table).set_index("task")

    def __repr__(self) -> str:
        return f"TaskReport(n_tasks={len(self.task_names)}, n_rows={self.n_rows})"

    def __str__(self) -> str:
        blocks = (text_table(*self._cells(places)) for places in self._blocks())
        return "\n\n".join(["\n".join(self._summary()), *blocks])

    def _repr_html_(self) -> str:
        blocks = (html_table(*self._cells(places)) for places in self._blocks())
        return f"<div>{html_lines(self._summary())}{''.join(blocks)}</div>"

    def _summary(self) -> list[str]:
        """What the report says, in sentences."""
        n_tasks = len(self.task_names)
        lines = [
            f"{n_tasks} task{'s' * (n_tasks > 1)} on {self.n_rows} rows. "
            f"Below each score is that of the trivial predictor."
        ]
        if self.n_draws:
            lines[0] += f" In brackets are {100 * self.confidence:g}% intervals."
            lines.append(f"No better than the trivial predictor: {', '.join(map(str, self.not_better)) or 'none'}.")
        if self.unscored:
            lines.append(f"Not scored: {', '.join(map(str, self.unscored))}.")
        return lines

    def _blocks(self) -> list[list[int]]:
        """Places of the tasks that have the same metrics, in the order of their first ones."""
        blocks: dict[tuple[str, ...], list[int]] = {}
        for place, metrics in enumerate(self.metrics):
            blocks.setdefault(tuple(metrics), []).append(place)
        return list(blocks.values())

    def _cells(self, places: list[int]) -> tuple[list[str], list[list[str]]]:
        """Head and rows of the table of some tasks as text, two rows a task."""
        metrics = self.metrics[places[0]]
        counts = ["n_labels", "n_missing", *(["n_positives"] if self._has_positives(places) else [])]
        rows = []
        for place in places:
            numbers = [_count(self.table[name][place]) for name in counts]
            rows.append([str(self.task_names[place]), *numbers, *(self._score(name, place) for name in metrics)])
            trivial = (_number(self.table[f"{name}_trivial"][place]) for name in metrics)
            rows.append(["", *[""] * len(counts), *trivial])
        return ["task", *(name.removeprefix("n_") for name in counts), *metrics], rows

    def _has_positives(self, places: list[int]) -> bool:
        return bool(np.isfinite(self.table["n_positives"][places]).any())

    def _score(self, metric: str, place: int) -> str:
        score, low, high = (self.table[metric + end][place] for end in ("", "_low", "_high"))
        return _number(score) + ("" if np.isnan(low) else f" [{_number(low)}, {_number(high)}]")


def _number(value: float) -> str:
    if abs(value) < 1e-12:  # rounding
        return "0.00"
    return f"{value:.0f}" if 100 <= abs(value) < 1e6 else f"{value:#.3g}"


def _count(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.0f}"
