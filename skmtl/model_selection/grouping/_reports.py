"""What a fitted TaskGroupingCV tells of subsets and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SubsetGains:
    """Measured gains of the tasks by subset.

    Attributes
    ----------
    subsets : list of tuple
        Names of the tasks in each subset.
    task_names : list
        Names of all tasks.
    gains : ndarray of shape (n_subsets, n_tasks)
        1 - E_t(S) / E_t({t}), with the mean errors E of task t over the folds: above 0 the task gains by the others. 0
        for single tasks, NaN outside the subset.
    standard_errors : ndarray of shape (n_subsets, n_tasks)
        Of the gains, over the folds, corrected for what training parts have in common (Nadeau and Bengio, 2003).
    smoothed : ndarray of shape (n_subsets, n_tasks)
        The gains by which groups are chosen: drawn towards gains that add up over the other tasks of the subset, the
        more so the less of what differs from these is beyond the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import SubsetGains
    >>> gains, errors = np.array([[0.1, -0.2]]), np.full((1, 2), 0.05)
    >>> SubsetGains([("stays", "spend")], ["stays", "spend"], gains, errors, gains).frame().round(2)
                 gain          se       smoothed
                stays spend stays spend    stays spend
    subset
    stays+spend   0.1  -0.2  0.05  0.05      0.1  -0.2
    """

    subsets: list[tuple[Any, ...]]
    task_names: list[Any]
    gains: np.ndarray
    standard_errors: np.ndarray
    smoothed: np.ndarray

    def frame(self) -> Any:
        """Gains as a table.

        Returns
        -------
        pandas.DataFrame of shape (n_subsets, 3 * n_tasks)
            Columns ("gain", task), ("se", task) and ("smoothed", task); the index holds the names of the tasks of a
            subset, joined by "+".
        """
        import pandas as pd

        index = pd.Index(["+".join(map(str, subset)) for subset in self.subsets], name="subset")
        parts = {"gain": self.gains, "se": self.standard_errors, "smoothed": self.smoothed}
        frames = {name: pd.DataFrame(part, index, self.task_names) for name, part in parts.items()}
        return pd.concat(frames, axis=1)


@dataclass(frozen=True)
class ProposedGroup:
    """A group of tasks that was chosen from the measured gains, and what other folds say of it.

    Attributes
    ----------
    tasks : list
        Names of the tasks that its network learns.
    serves : list
        Names of those that it would predict.
    gain : float
        Mean gain of these tasks over the nets that serve where no group does, where the choice without a fold is judged
        on that fold.
    low : float
        Lower confidence bound of the gain.
    kept : bool
        Whether ``low`` exceeds ``min_gain``, so that the network serves, apart from tasks that lose by it.

    Examples
    --------
    >>> from skmtl.model_selection import ProposedGroup
    >>> group = ProposedGroup(tasks=["stays", "spend"], serves=["stays"], gain=0.1, low=0.02, kept=True)
    >>> group.gain > group.low > 0
    True
    """

    tasks: list[Any]
    serves: list[Any]
    gain: float
    low: float
    kept: bool
