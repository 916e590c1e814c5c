"""Spaces of loss weights to search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from scipy.special import gammaincinv
from sklearn.utils import check_random_state

from skmtl._params import Params


class SimplexGrid(Params, Sequence[list[float]]):
    """Grid of all loss weights that are multiples of ``1 / resolution`` and sum to 1.

    The simplex-lattice design of Scheffé [1]_. It is a sequence of lists of weights, for ``param_grid``:
    ``{"loss_weights": SimplexGrid(3, 5)}``.

    Parameters
    ----------
    n_tasks : int
        Number of tasks, at least 1.
    resolution : int
        Number of steps from a weight of 0 to a weight of 1, at least 1.
    interior : bool, default=False
        Whether to leave out weights of 0; ``resolution`` must then be at least ``n_tasks``.

    References
    ----------
    .. [1] H. Scheffé, "Experiments with mixtures", Journal of the Royal Statistical Society B 20, 1958.

    Examples
    --------
    >>> from skmtl.model_selection import SimplexGrid
    >>> list(SimplexGrid(2, 4))
    [[0.0, 1.0], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [1.0, 0.0]]
    >>> len(SimplexGrid(3, 10)), len(SimplexGrid(3, 10, interior=True))
    (66, 36)
    """

    def __init__(self, n_tasks: int, resolution: int, interior: bool = False) -> None:
        self.n_tasks, self.resolution, self.interior = n_tasks, resolution, interior

    def _check(self) -> None:
        minimum = self.n_tasks if self.interior else 1
        if self.n_tasks < 1 or self.resolution < minimum:
            raise ValueError(
                f"SimplexGrid needs at least 1 task and a resolution of at least {max(minimum, 1)}"
                f"{' (that of the tasks, where interior=True)' if self.interior else ''}; got {self!r}."
            )

    def __len__(self) -> int:
        self._check()
        if self.interior:
            return comb(self.resolution - 1, self.n_tasks - 1)
        return comb(self.resolution + self.n_tasks - 1, self.n_tasks - 1)

    def __iter__(self) -> Iterator[list[float]]:
        self._check()
        # Stars and bars: the stars between neighbouring bars are the steps of a weight. A bar takes a position, unless
        # each weight has at least one step, for which the position of its bar then counts.
        n_positions = self.resolution - 1 if self.interior else self.resolution + self.n_tasks - 1
        for bars in combinations(range(n_positions), self.n_tasks - 1):
            steps = np.diff([-1, *bars, n_positions]) - (0 if self.interior else 1)
            yield (steps / self.resolution).tolist()

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


class Dirichlet(Params):
    """Random loss weights from a Dirichlet distribution; they sum to 1.

    Use it as a value of ``param_distributions``: ``{"loss_weights": Dirichlet(1.0, n_tasks=3)}``.

    Parameters
    ----------
    alpha : float or sequence of float
        Concentration, the same for all tasks or one for each. 1 makes all weights equally likely, greater values prefer
        equal weights, smaller ones prefer weights near 0 and 1.
    n_tasks : int, default=None
        Number of tasks; may be left out where ``alpha`` has one number a task.

    Examples
    --------
    >>> from skmtl.model_selection import Dirichlet
    >>> weights = Dirichlet(1.0, n_tasks=3).rvs(random_state=0)
    >>> len(weights), round(sum(weights), 9)
    (3, 1.0)
    """

    def __init__(self, alpha: Any, n_tasks: int | None = None) -> None:
        self.alpha, self.n_tasks = alpha, n_tasks

    def _concentrations(self) -> np.ndarray:
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim == 0 and self.n_tasks is not None:
            alpha = np.full(self.n_tasks, alpha)
        if alpha.ndim != 1 or (self.n_tasks is not None and len(alpha) != self.n_tasks):
            raise ValueError(f"Dirichlet needs n_tasks or one alpha for each of the n_tasks tasks; got {self!r}.")
        if not (np.isfinite(alpha) & (alpha > 0)).all():
            raise ValueError(f"The alpha of Dirichlet must be positive and finite; got {self.alpha!r}.")
        return alpha

    def rvs(self, random_state: Any = None) -> list[float]:
        """Draw weights.

        Parameters
        ----------
        random_state : int, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        list of float
            One weight a task; they sum to 1.
        """
        weights: list[float] = check_random_state(random_state).dirichlet(self._concentrations()).tolist()
        return weights

    def suggest(self, trial: Any, name: str = "loss_weights") -> list[float]:
        """Let an optuna trial choose weights.

        Parameters
        ----------
        trial : optuna.Trial
            Asked for one number in (0, 1) a task, ``<name>_0``, ``<name>_1`` and so on.
        name : str, default="loss_weights"
            Prefix of the numbers' names.

        Returns
        -------
        list of float
            One weight a task; they sum to 1, and uniform numbers make them Dirichlet distributed.
        """
        alpha = self._concentrations()
        uniform = [trial.suggest_float(f"{name}_{task}", 1e-9, 1 - 1e-9) for task in range(len(alpha))]
        gamma = gammaincinv(alpha, uniform)  # independent gamma variables over their sum are Dirichlet distributed
        weights: list[float] = (gamma / gamma.sum()).tolist()
        return weights


class LogUniform(Params):
    """Random loss weights, independent and log-uniform between two bounds.

    Parameters
    ----------
    n_tasks : int
        Number of tasks.
    low, high : float, default=0.01, 100
        Bounds of each weight before they are normalised.

    Examples
    --------
    >>> from skmtl.model_selection import LogUniform
    >>> weights = LogUniform(3, 0.1, 10).rvs(random_state=0)
    >>> all(0.1 <= weight <= 10 for weight in weights)
    True
    """

    def __init__(self, n_tasks: int, low: float = 0.01, high: float = 100.0) -> None:
        self.n_tasks, self.low, self.high = n_tasks, low, high

    def _bounds(self) -> tuple[float, float]:
        if self.n_tasks < 1 or not 0 < self.low <= self.high < np.inf:
            raise ValueError(f"LogUniform needs at least 1 task and 0 < low <= high < inf; got {self!r}.")
        return self.low, self.high

    def rvs(self, random_state: Any = None) -> list[float]:
        """Draw weights.

        Parameters
        ----------
        random_state : int, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        list of float
            One weight a task.
        """
        low, high = np.log(self._bounds())
        drawn = check_random_state(random_state).uniform(low, high, self.n_tasks)
        weights: list[float] = np.exp(drawn).clip(self.low, self.high).tolist()
        return weights

    def suggest(self, trial: Any, name: str = "loss_weights") -> list[float]:
        """Let an optuna trial choose weights.

        Parameters
        ----------
        trial : optuna.Trial
            Asked for ``<name>_0``, ``<name>_1`` and so on.
        name : str, default="loss_weights"
            Prefix of the weights' names.

        Returns
        -------
        list of float
            One weight a task.
        """
        low, high = self._bounds()
        return [trial.suggest_float(f"{name}_{task}", low, high, log=True) for task in range(self.n_tasks)]
