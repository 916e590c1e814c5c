"""How tasks share hidden layers: one file an architecture."""

from skmtl.sharing._sharing import Body, Finding, Penalty, Sharing, Trunk
from skmtl.sharing.bypass import Bypass
from skmtl.sharing.hard import Hard
from skmtl.sharing.independent import Independent
from skmtl.sharing.low_rank import LowRank

SHARINGS: dict[str, type[Sharing]] = {
    "hard": Hard,
    "independent": Independent,
    "low_rank": LowRank,
    "bypass": Bypass,
}

__all__ = [
    "SHARINGS",
    "Body",
    "Bypass",
    "Finding",
    "Hard",
    "Independent",
    "LowRank",
    "Penalty",
    "Sharing",
    "Trunk",
]
