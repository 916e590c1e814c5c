"""Which networks to keep, and which of them serves each task: an exact choice from a table of losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from skmtl._params import require_number
from skmtl.inputs import as_numbers

INFEASIBLE = 2  # status of a programme without solution


@dataclass(frozen=True)
class TaskGroups:
    """Networks that were chosen, and the one that serves each task.

    Attributes
    ----------
    chosen : ndarray of int
        Rows of the table whose networks serve a task, ascending.
    serving : ndarray of shape (n_tasks,), int
        Row of the network that serves each task.
    loss : float
        Sum over the tasks of the loss of the serving network.

    Examples
    --------
    >>> from skmtl.model_selection import choose_task_groups
    >>> groups = choose_task_groups([[1.0, 1.0, 9.0], [9.0, 0.5, 0.5], [0.8, 9.0, 9.0]], budget=2)
    >>> groups.chosen, groups.serving, groups.loss
    (array([1, 2]), array([2, 1, 1]), 1.8)
    """

    chosen: np.ndarray
    serving: np.ndarray
    loss: float


def choose_task_groups(losses: Any, budget: float, costs: Any = None) -> TaskGroups:
    """Choose networks of task subsets within a budget, so that the tasks' least losses under them sum to the least.

    The choice is exact: with z_S for "the network of subset S is kept" and x_St for "it serves task t", the integer
    programme min sum_St L_St x_St under x_St <= z_S, sum_S x_St = 1 and sum_S cost_S z_S <= budget is solved by
    :func:`scipy.optimize.milp`. Subsets may overlap, and a network may learn tasks that it does not serve.

    Parameters
    ----------
    losses : array-like of shape (n_subsets, n_tasks)
        Loss of each task under the network of each subset, measured or predicted; lower is better. NaN where the
        network does not predict the task.
    budget : float
        Most that the chosen networks may cost together; with the default costs their number.
    costs : array-like of shape (n_subsets,), default=None
        Cost of each network, at least 0; None is 1 for all.

    Returns
    -------
    TaskGroups
        The choice; where several are equally good, one of them.

    Raises
    ------
    ValueError
        If a task has no loss at all, a cost is negative, or the budget does not suffice to serve every task.

    References
    ----------
    Standley, T., Zamir, A., Chen, D., Guibas, L., Malik, J. and Savarese, S. (2020). Which tasks should be learned
    together in multi-task learning? ICML, 9120-9132.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import choose_task_groups
    >>> losses = [[0.9, 0.5, np.nan], [np.nan, 0.7, 0.6], [0.8, 0.8, 0.8]]  # of subsets {0, 1}, {1, 2}, {0, 1, 2}
    >>> choose_task_groups(losses, budget=2).serving
    array([0, 0, 1])
    >>> choose_task_groups(losses, budget=1).serving
    array([2, 2, 2])
    """
    table, cost = _read(losses, costs)
    require_number("budget", budget)
    kept = _keep(table, cost, float(budget))
    serving = np.where(kept[:, None] & ~np.isnan(table), table, np.inf).argmin(axis=0)
    return TaskGroups(np.unique(serving), serving, float(table[serving, np.arange(len(serving))].sum()))


def _read(losses: Any, costs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Losses ``(n_subsets, n_tasks)`` and costs ``(n_subsets,)``, checked."""
    table = as_numbers(losses, "losses")
    if table.ndim != 2 or np.isinf(table).any():
        raise ValueError(
            f"losses must have shape (n_subsets, n_tasks) and hold finite numbers, or NaN where a network does not "
            f"predict a task; got shape {table.shape}{' with infinite ones' if np.isinf(table).any() else ''}."
        )
    unserved = np.isnan(table).all(axis=0)
    if unserved.any():
        raise ValueError(
            f"losses has no number for the task in column {np.flatnonzero(unserved)[0]}; add a subset with it."
        )
    cost = np.ones(len(table)) if costs is None else as_numbers(costs, "costs")
    if cost.shape != (len(table),) or not (cost >= 0).all():
        raise ValueError(f"costs must be {len(table)} numbers of at least 0, one a subset; got {costs!r}.")
    return table, cost


def _keep(table: np.ndarray, cost: np.ndarray, budget: float) -> np.ndarray:
    """Solve the programme: the networks to keep, ``(n_subsets,)`` bool."""
    n_subsets, n_tasks = table.shape
    free = np.nanmin(np.where((cost == 0)[:, None], table, np.inf), axis=0, initial=np.inf)
    subset, task = np.nonzero((table < free) | ((cost == 0)[:, None] & (table == free)))  # others need not serve
    n_pairs = len(subset)
    of_subset = sparse.csr_array((np.ones(n_pairs), (np.arange(n_pairs), subset)), (n_pairs, n_subsets))
    of_task = sparse.csr_array((np.ones(n_pairs), (task, np.arange(n_pairs))), (n_tasks, n_pairs))
    nothing = sparse.csr_array((n_tasks, n_subsets))
    solution = milp(
        np.concatenate([np.zeros(n_subsets), table[subset, task]]),
        integrality=np.concatenate([np.ones(n_subsets), np.zeros(n_pairs)]),  # given z, the best x needs no fractions
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(sparse.hstack([-of_subset, sparse.eye_array(n_pairs)], format="csr"), ub=0),
            LinearConstraint(sparse.hstack([nothing, of_task], format="csr"), 1, 1),
            LinearConstraint(np.concatenate([cost, np.zeros(n_pairs)])[None], ub=budget),
        ],
        options={"mip_rel_gap": 0.0},
    )
    if solution.status == INFEASIBLE:
        raise ValueError(f"budget={budget:g} does not suffice for networks that serve every task; raise it.")
    if solution.x is None:
        raise RuntimeError(f"scipy.optimize.milp chose no groups: {solution.message}")
    kept: np.ndarray = solution.x[:n_subsets] > 0.5
    return kept
