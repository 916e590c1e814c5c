"""How processes divide the work of fits among them: members first, then the rows of each batch, or the tasks."""

from __future__ import annotations

from typing import NamedTuple

from skmtl.processes._collective import ALONE, Collective

WORTH_DIVIDING = 2e8  # operations of a step below which summing gradients takes longer than it saves


class Axes(NamedTuple):
    """Place of a process.

    Attributes
    ----------
    part, n_parts : int
        Which part of the members is its own, and how many parts there are.
    data : Collective
        Those that train the same members, each on its slice of every batch.
    tasks : Collective
        Those that train the same members, each with the output layer of some tasks.
    """

    part: int = 0
    n_parts: int = 1
    data: Collective = ALONE
    tasks: Collective = ALONE


def part_of(n: int, part: int, n_parts: int) -> slice:
    """Which of n things are in a part, of as many parts of neighbours as equal as can be."""
    return slice(n * part // n_parts, n * (part + 1) // n_parts)


def choose_axes(size: int, cohorts: int, work: float, members: int | None, data: int | None) -> tuple[int, int]:
    """Numbers of parts of the members and of slices of the rows.

    Parameters
    ----------
    size : int
        Number of processes.
    cohorts : int
        Number of members, or of cohorts of peers, that can be divided.
    work : float
        Operations of a step of all of them.
    members, data : int or None
        What the user asks for.
    """
    if members is not None:
        return members, size // members
    if data is not None:
        return size // data, data
    if cohorts >= size or work < WORTH_DIVIDING:
        return size, 1
    most = max(n for n in range(1, cohorts + 1) if size % n == 0)
    return most, size // most
