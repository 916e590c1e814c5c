"""Which subsets of the tasks are measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np

from skmtl.model_selection._subset_measurements import Subset, read_subsets
from skmtl.model_selection.grouping._choice import choose_task_groups
from skmtl.model_selection.grouping._gains import FoldGains
from skmtl.model_selection.grouping._surrogate import AdditiveGains

ALL_UP_TO, PAIRS_UP_TO = 7, 30  # tasks: 127 subsets, 435 pairs
N_RANDOM = 200
MOST_TASKS_FOR_ALL = 12  # 4095 subsets
N_STARTS, N_ROUNDS = 20, 20  # of the descent to groups that were not measured


def first_subsets(subsets: Any, names: Sequence[Any], random: np.random.RandomState) -> tuple[list[Subset], bool]:
    """Subsets to measure first, and whether others may be chosen by what these tell.

    Every single task and the set of all tasks are among them.

    Raises
    ------
    ValueError
        If ``subsets`` is none of its forms, names an unknown task, or asks for all subsets of too many tasks.
    """
    n_tasks = len(names)
    more: list[Subset] = []
    always: list[Subset] = [*combinations(range(n_tasks), 1), tuple(range(n_tasks))]
    if isinstance(subsets, str) and subsets == "auto":
        subsets = "all" if n_tasks <= ALL_UP_TO else N_RANDOM
        more = list(combinations(range(n_tasks), 2)) if ALL_UP_TO < n_tasks <= PAIRS_UP_TO else []
    if isinstance(subsets, str) and subsets == "all":
        if n_tasks > MOST_TASKS_FOR_ALL:
            raise ValueError(
                f"subsets='all' would be {2**n_tasks - 1} subsets of {n_tasks} tasks; use 'auto', 'pairs' or a number."
            )
        more = [subset for size in range(2, n_tasks) for subset in combinations(range(n_tasks), size)]
    elif isinstance(subsets, str):  # "pairs"
        more = list(combinations(range(n_tasks), 2))
    elif isinstance(subsets, Integral):
        more += _random_subsets(n_tasks, int(subsets), random)
    else:
        return _distinct([*always, *read_subsets(subsets, names)]), False
    return _distinct([*always, *more]), True


def _distinct(subsets: Iterable[Subset]) -> list[Subset]:
    return list(dict.fromkeys(subsets))


def _random_subsets(n_tasks: int, number: int, random: np.random.RandomState) -> list[Subset]:
    """Subsets of 2 to n_tasks - 1 tasks, each size equally often."""
    sizes = random.randint(2, max(n_tasks, 3), size=number)
    return [tuple(np.sort(random.permutation(n_tasks)[:size]).tolist()) for size in sizes]


def propose(table: FoldGains, n_networks: int, random: np.random.RandomState) -> list[Subset]:
    """Groups that would gain most by the additive model of the measured gains.

    Alternates between the members of a group, which are the tasks that it serves and those that these gain by, and
    the group that serves a task, from random starts; the choice among all groups on the way is exact.

    Parameters
    ----------
    table : FoldGains
        What was measured.
    n_networks : int
        Most groups, beside networks of single tasks and of all tasks.
    random : RandomState
        Of the starts.

    Returns
    -------
    list of tuple of int
        Subsets of 2 to n_tasks - 1 tasks.
    """
    gains = table.mean()
    model = AdditiveGains.fit(table.members, gains)
    visited = {tuple(row) for row in _descend(model, n_networks, random)}
    n_tasks = table.members.shape[1]
    candidates = np.array([row for row in sorted(visited) if 1 < sum(row) < n_tasks], dtype=bool).reshape(-1, n_tasks)
    n_free = int(table.is_reference.sum())
    losses = -np.concatenate([gains[table.is_reference], model.predict(candidates)])
    chosen = choose_task_groups(losses, n_networks, np.repeat([0.0, 1.0], [n_free, len(candidates)])).chosen - n_free
    return [tuple(np.flatnonzero(candidates[row]).tolist()) for row in chosen[chosen >= 0]]


def _descend(model: AdditiveGains, n_networks: int, random: np.random.RandomState) -> Iterable[np.ndarray]:
    """Yield the members of all groups on the way, ``(n_tasks,)`` bool each."""
    n_tasks = len(model.intercepts)
    for _ in range(N_STARTS):
        serving = random.randint(n_networks + 1, size=n_tasks)  # the last serves no one: tasks that stay alone
        for _ in range(N_ROUNDS):
            served = serving == np.arange(n_networks)[:, None]  # (group, task)
            members = served | (served @ model.effects > 0)
            yield from members
            joined = np.where(members.any(axis=1, keepdims=True), model.intercepts + members @ model.effects.T, -np.inf)
            before, serving = serving, np.concatenate([joined, np.zeros((1, n_tasks))]).argmax(axis=0)
            if (serving == before).all():
                break
