"""How tasks share hidden layers: one file for each architecture."""

from skmtl.sharing._penalty import Penalty
from skmtl.sharing._sharing import Body, BodySpec, Sharing, SharingStatistic
from skmtl.sharing.additive import Additive
from skmtl.sharing.attention import Attention
from skmtl.sharing.bypass import Bypass
from skmtl.sharing.cross_stitch import CrossStitch
from skmtl.sharing.hard import Hard
from skmtl.sharing.independent import Independent
from skmtl.sharing.latent_tasks import LatentTasks
from skmtl.sharing.low_rank import LowRank
from skmtl.sharing.mmoe import MMoE
from skmtl.sharing.ple import CGC, PLE
from skmtl.sharing.relationship import Relationship
from skmtl.sharing.soft import Soft

SHARINGS: dict[str, type[Sharing]] = {
    "hard": Hard,
    "independent": Independent,
    "soft": Soft,
    "additive": Additive,
    "relationship": Relationship,
    "low_rank": LowRank,
    "latent_tasks": LatentTasks,
    "attention": Attention,
    "bypass": Bypass,
    "mmoe": MMoE,
    "ple": PLE,
    "cgc": CGC,
    "cross_stitch": CrossStitch,
}

__all__ = [
    "CGC",
    "PLE",
    "SHARINGS",
    "Additive",
    "Attention",
    "Body",
    "BodySpec",
    "Bypass",
    "CrossStitch",
    "Hard",
    "Independent",
    "LatentTasks",
    "LowRank",
    "MMoE",
    "Penalty",
    "Relationship",
    "Sharing",
    "SharingStatistic",
    "Soft",
]
