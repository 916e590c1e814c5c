"""The result of a transfer report."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skmtl._params import require_choice
from skmtl.inputs import object_array
from skmtl.inspection._bootstrap import bootstrap_mean_gain
from skmtl.inspection._paired_tests import PairedTest, holm, paired_test
from skmtl.inspection._row_noise import NO_ROW_NOISE, RowNoise, row_noise
from skmtl.inspection._transfer_display import TransferDisplay
from skmtl.metrics import delta_m
from skmtl.metrics._text_table import html_lines, html_table, text_table
from skmtl.model_selection._subset_measurements import SubsetMeasurements, mean_of_known

N_DRAWS = 1000  # of the bootstrap
_FORMATS = {"gain": "+.1f", "low": "+.1f", "high": "+.1f", "n_labels": "d"} | dict.fromkeys(
    ("p_holm", "p_worse", "p_same", "p_better"), ".2f"
)
_SHOWN = ("single", "single_own", "joint", "gain", "low", "high", "p_holm", "p_worse", "p_same", "p_better", "n_labels")


class TransferReport:
    """Gains of tasks by being learned together; made by :func:`transfer_report`.

    Parameters
    ----------
    measured : SubsetMeasurements
        Of each task alone, in their order, of all tasks, and of further subsets.
    rope : float
        Fraction of the score of the single task up to which a gain counts as none.
    level : float
        Level of the tests.
    by_losses : bool
        Whether the scores are errors of the losses.
    rng : RandomState
        Generator of the bootstrap.

    Attributes
    ----------
    task_names : list
        Names of the tasks.
    table : dict of ndarray of shape (n_tasks,)
        Columns by name:

        - "task": name of the task.
        - "single", "joint": mean score over the splits of the networks of the task alone and of all tasks.
        - "single_own": of networks of the task in its own right; NaN without ``own_recipe``.
        - "gain": percent by which the score is better together than alone.
        - "low", "high": ends of the confidence interval of the gain, by the corrected resampled t-test.
        - "p_value", "p_holm": two-sided p-value of no gain or loss; adjusted for all tasks by Holm's method.
        - "p_worse", "p_same", "p_better": probabilities of a loss, of no difference that matters, and of a gain, by the
          correlated Bayesian t-test.
        - "n_labels": number of labels.
    delta_m : float
        Mean gain of the tasks in percent.
    delta_m_interval : tuple of two float
        Its confidence interval. With errors of the losses test rows (or groups) are drawn anew, those of all tasks
        together; this is the noise of the test rows alone, to which the random numbers of training add some. With
        another ``scoring`` it is that of the corrected resampled t-test.
    positive, negative : list
        Names of the tasks that gain and that lose, at the level of the tests after Holm's correction.
    unscored : list
        Names of the tasks that could not be scored in any split; NaN in the table.
    subsets : list of tuple
        Names of the tasks in each network that was trained.
    subset_gains : ndarray of shape (n_subsets, n_tasks)
        Gain in percent of each task in each of these networks over the task alone; NaN outside.
    greater_is_better : ndarray of shape (n_tasks,), bool
        Whether greater scores of a task are better.
    rope, level : float
        As given.
    """

    def __init__(
        self, measured: SubsetMeasurements, *, rope: float, level: float, by_losses: bool, rng: np.random.RandomState
    ) -> None:
        self.rope, self.level = rope, level
        self.task_names, self.greater_is_better = list(measured.task_names), measured.greater_is_better
        n_tasks = len(self.task_names)
        tasks = np.arange(n_tasks)
        alone = measured.scores[tasks, :, tasks].T  # (split, task)
        reference = mean_of_known(alone)
        if np.isnan(reference).all():
            raise ValueError(
                "No task can be scored: its metric must suit its kind, and some fold of cv must test labels of it that "
                "are not all the same in its training rows."
            )
        self.subsets = [tuple(self.task_names[k] for k in subset) for subset in measured.subsets]
        self.delta_m = self._delta_m(mean_of_known(measured.scores[n_tasks]), reference)
        self.subset_gains = measured.gains()
        ratios = measured.n_test / np.maximum(measured.n_train, 1)
        relative = np.where(self.greater_is_better, 1.0, -1.0) * _relative(measured.scores[n_tasks], alone, reference)
        noises = [NO_ROW_NOISE] * n_tasks
        if by_losses:
            noises = [row_noise(measured, k, k, n_tasks) for k in range(n_tasks)]
        tests = [_test(relative[:, k], ratios[:, k], rope, level, noises[k]) for k in tasks]
        self.table = self._columns(measured, alone, tests)
        self.unscored = [name for name, test in zip(self.task_names, tests, strict=True) if np.isnan(test.mean)]
        self.positive, self.negative = self._named(1), self._named(-1)
        if by_losses:
            draws = 100 * bootstrap_mean_gain(measured, tasks, n_tasks, N_DRAWS, rng)
            low, high = np.nanquantile(draws, [level / 2, 1 - level / 2])
        else:
            scored = ~np.isnan(relative).all(axis=0)
            test = _test(mean_of_known(relative[:, scored].T), ratios[:, scored].mean(axis=1), rope, level)
            low, high = 100 * test.low, 100 * test.high
        self.delta_m_interval = float(low), float(high)

    def _delta_m(self, scores: np.ndarray, reference: np.ndarray) -> float:
        by_name = (dict(zip(self.task_names, of.tolist(), strict=True)) for of in (scores, reference))
        return delta_m(*by_name, greater_is_better=dict(zip(self.task_names, self.greater_is_better, strict=True)))

    def _columns(
        self, measured: SubsetMeasurements, alone: np.ndarray, tests: list[PairedTest]
    ) -> dict[str, np.ndarray]:
        n_tasks = len(self.task_names)
        own = measured.own_scores
        found = {name: np.array([getattr(test, name) for test in tests]) for name in PairedTest._fields}
        return {
            "task": object_array(self.task_names),
            "single": mean_of_known(alone),
            "single_own": np.full(n_tasks, np.nan) if own is None else mean_of_known(own),
            "joint": mean_of_known(measured.scores[n_tasks]),
            "gain": 100 * found["mean"],
            "low": 100 * found["low"],
            "high": 100 * found["high"],
            "p_value": found["p_value"],
            "p_holm": holm(found["p_value"]),
            "p_worse": found["p_worse"],
            "p_same": found["p_same"],
            "p_better": found["p_better"],
            "n_labels": np.bincount(measured.cells[1], minlength=n_tasks),
        }

    def _named(self, sign: int) -> list[Any]:
        """Tasks whose gain has this sign and is significant."""
        found = (self.table["p_holm"] <= self.level) & (sign * self.table["gain"] > 0)
        return [name for name, is_found in zip(self.task_names, found, strict=True) if is_found]

    def frame(self, what: Literal["tasks", "subsets"] = "tasks") -> Any:
        """Return the report as a pandas frame.

        Parameters
        ----------
        what : {"tasks", "subsets"}, default="tasks"
            The ``table``, or ``subset_gains``.

        Returns
        -------
        pandas.DataFrame of shape (n_tasks, 12) or (n_subsets, n_tasks)
            One row a task, or one a network.

        Raises
        ------
        ValueError
            If ``what`` is neither.
        """
        require_choice("what", what, ("tasks", "subsets"))
        import pandas as pd

        if what == "subsets":
            index = pd.Index([", ".join(map(str, subset)) for subset in self.subsets], name="subset")
            return pd.DataFrame(self.subset_gains, index=index, columns=self.task_names)
        return pd.DataFrame(self.table).set_index("task")

    def plot(self, *, ax: Any = None, **kwargs: Any) -> TransferDisplay:
        """Draw the gains.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        TransferDisplay
            The drawn display.
        """
        return TransferDisplay.from_report(self, ax=ax, **kwargs)

    def __repr__(self) -> str:
        return f"TransferReport(n_tasks={len(self.task_names)}, delta_m={self.delta_m:.2f})"

    def __str__(self) -> str:
        return "\n".join([*self._summary(), "", text_table(*self._cells())])

    def _repr_html_(self) -> str:
        return f"<div>{html_lines(self._summary())}{html_table(*self._cells())}</div>"

    def _summary(self) -> list[str]:
        """What the report says, in sentences."""
        low, high = self.delta_m_interval
        confidence = f"{100 * (1 - self.level):g}%"
        lines = [
            f"Mean gain of the {len(self.task_names)} tasks by being learned together: {self.delta_m:+.1f}% "
            f"({confidence} interval {low:+.1f}% to {high:+.1f}%)."
        ]
        for verb, names in (("Gaining", self.positive), ("Losing", self.negative), ("Not scored", self.unscored)):
            if names or verb != "Not scored":
                lines.append(f"{verb}: {', '.join(map(str, names)) or 'none'}.")
        return lines

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows of the table as text, without columns that are empty."""
        names = [name for name in _SHOWN if not np.isnan(self.table[name]).all()]
        columns = [
            [
                "nan" if np.isnan(value) else f"{value:{_FORMATS.get(name, '.3g')}}"
                for value in self.table[name].tolist()
            ]
            for name in names
        ]
        rows = [list(row) for row in zip(map(str, self.task_names), *columns, strict=True)]
        return ["task", *(f"{name} %" if name in ("gain", "low", "high") else name for name in names)], rows


def _relative(scores: np.ndarray, alone: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Relative differences of the splits, whose mean is that of the mean scores.

    Where a split's rows are hard, both scores are bad. So the variance of a ratio of means, linearised, is that of
    ``scores - ratio * alone`` and not that of ``scores - alone`` (Cochran, 1977, section 6).
    """
    ratio = mean_of_known(scores) / reference
    linearised: np.ndarray = ratio - 1 + (scores - ratio * alone) / reference
    return linearised


def _test(
    differences: np.ndarray, ratios: np.ndarray, rope: float, level: float, noise: RowNoise = NO_ROW_NOISE
) -> PairedTest:
    """Test of the differences in splits that could be scored."""
    known = ~np.isnan(differences)
    return paired_test(differences[known], float(ratios[known].mean()) if known.any() else np.nan, rope, level, noise)
