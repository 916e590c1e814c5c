"""States of fits in files, from which a fit goes on after its process has ended."""

from skmtl.checkpoints._checkpoint import Checkpoint
from skmtl.checkpoints._fingerprint import fingerprint
from skmtl.checkpoints._folder import NO_CHECKPOINTS, Checkpoints, NoCheckpoints, checkpoints_of
from skmtl.checkpoints._stage import Stage

__all__ = [
    "NO_CHECKPOINTS",
    "Checkpoint",
    "Checkpoints",
    "NoCheckpoints",
    "Stage",
    "checkpoints_of",
    "fingerprint",
]
