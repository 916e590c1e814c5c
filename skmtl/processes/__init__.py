"""Groups of processes that fit together: what is summed, shared and gathered among them, and how they watch another."""

from skmtl.processes._axes import Axes, part_of
from skmtl.processes._collective import ALONE, Collective
from skmtl.processes._distributed import Processes, alone, current, distributed, fitting_together
from skmtl.processes._watch import DistributedError

__all__ = [
    "ALONE",
    "Axes",
    "Collective",
    "DistributedError",
    "Processes",
    "alone",
    "current",
    "distributed",
    "fitting_together",
    "part_of",
]
