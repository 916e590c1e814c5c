"""How tasks share hidden layers: one file an architecture."""

from skmtl.sharing._sharing import Body, Sharing, Trunk
from skmtl.sharing.hard import Hard
from skmtl.sharing.independent import Independent

SHARINGS: dict[str, type[Sharing]] = {"hard": Hard, "independent": Independent}

__all__ = ["SHARINGS", "Body", "Hard", "Independent", "Sharing", "Trunk"]
