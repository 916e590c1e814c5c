"""Time the searches of one problem in turn."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.search.problems import FOLDS, Problem
from benchmarks.search.rivals import GRID, MLP, OURS, RACE, RIVALS, SKORCH, same_scores
from benchmarks.speed.report import Table, judge, number
from benchmarks.speed.timing import say

CANDIDATES = 32
GOALS = {  # most that the stacked search may take of each rival's time
    "a": {GRID: 0.6, MLP: 0.25, SKORCH: 0.05},
    "b": {GRID: 0.3, MLP: 0.1, SKORCH: 0.05},
    "c": {MLP: 0.25, SKORCH: 0.05},
}
SLOW = {MLP: 1.0, SKORCH: 0.25}  # rivals that run a part of the candidates, and the share of that part
RACE_GOAL = 0.5  # of the time of the search without elimination


@dataclass
class Timing:
    """Wall and processor seconds of all candidates, and the fitted search."""

    wall: float
    cpu: float
    search: Any


def run(problem: Problem, jobs: list[int], candidates: int, part: float, rounds: int) -> Table:
    """Measure all rivals with each number of jobs; the slow ones on a part of the candidates, scaled up."""
    table = Table(
        problem.key,
        problem.title,
        ("n_jobs", "search", "seconds", "processor seconds", "ours of it", "of processor seconds", "goal", "met"),
    )
    for n_jobs in jobs:
        best: dict[str, Timing] = {}
        for _ in range(rounds):
            for name in RIVALS:
                timing = _time(problem, name, n_jobs, candidates, part)
                if name not in best or timing.wall < best[name].wall:
                    best[name] = timing
        _rows(table, problem, n_jobs, best)
    table.notes.append(
        f"{candidates} candidates on {FOLDS} folds; "
        + ", ".join(f"{name} on {_few(candidates, part * share)}" for name, share in SLOW.items())
        + f" of them, its time multiplied accordingly; least of {rounds} rounds in the order of the rows."
    )
    table.notes.append(
        "Processor seconds are those of the main process: with one job, of all the work, and other load on the machine "
        "hardly moves them; goals are judged by them with one job, by seconds with more. In the race's row it is its "
        "time over that of MultiTaskSearchCV."
    )
    return table


def _few(candidates: int, part: float) -> int:
    return max(math.ceil(candidates * part), 1)


def _time(problem: Problem, name: str, n_jobs: int, candidates: int, part: float) -> Timing:
    n = _few(candidates, part * SLOW[name]) if name in SLOW else candidates
    if n_jobs > 1:  # the workers' start and imports are paid once in a session
        RIVALS[name](problem, n_jobs, n_jobs).fit(problem.X, problem.y)
    search = RIVALS[name](problem, n, n_jobs)
    wall, cpu = time.perf_counter(), time.process_time()
    search.fit(problem.X, problem.y)
    scale = candidates / n
    timing = Timing((time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale, search)
    say(f"  ({problem.key}) n_jobs={n_jobs} {name}: {timing.wall:.2f} s, processor {timing.cpu:.2f} s")
    return timing


def _rows(table: Table, problem: Problem, n_jobs: int, timings: dict[str, Timing]) -> None:
    ours = timings[OURS]
    table.add(str(n_jobs), OURS, number(ours.wall), number(ours.cpu), "", "", "", "")
    for name, timing in timings.items():
        if name == OURS:
            continue
        above, below = (timing, ours) if name == RACE else (ours, timing)
        ratio, of_cpu = above.wall / below.wall, above.cpu / below.cpu
        goal = RACE_GOAL if name == RACE else GOALS[problem.key].get(name)
        judged = judge(of_cpu if n_jobs == 1 else ratio, goal)
        shown = number(of_cpu) if n_jobs == 1 else ""
        table.add(str(n_jobs), name, number(timing.wall), number(timing.cpu), number(ratio), shown, *judged)
    full = ours.search.cv_results_["mean_test_score"]
    error = ours.search.cv_results_["std_test_score"][full.argmax()] / FOLDS**0.5
    winner = int(timings[RACE].search.cv_results_["rank_test_score"].argmin())
    table.notes.append(
        f"n_jobs={n_jobs}: mean test scores differ from GridSearchCV's by at most "
        f"{same_scores(ours.search, timings[GRID].search):.1e} in float32; best score of the full search "
        f"{full.max():.5f} (standard error over the folds {error:.5f}), of the race's winner {full[winner]:.5f} there."
    )
