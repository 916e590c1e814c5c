"""Ways in which the peers of a cohort share parameters: one file each."""

from skmtl.training.peer_sharing._peer_sharing import ComposedUpdate, PeerSharing, PeerUpdate, by_cohort
from skmtl.training.peer_sharing.additive_peers import AdditivePeers
from skmtl.training.peer_sharing.averaging import Averaging
from skmtl.training.peer_sharing.batch_ensemble import BatchEnsemble
from skmtl.training.peer_sharing.elastic import Elastic

PEER_SHARINGS: dict[str, type[PeerSharing]] = {
    "averaging": Averaging,
    "elastic": Elastic,
    "additive": AdditivePeers,
    "batch_ensemble": BatchEnsemble,
}

__all__ = [
    "PEER_SHARINGS",
    "AdditivePeers",
    "Averaging",
    "BatchEnsemble",
    "ComposedUpdate",
    "Elastic",
    "PeerSharing",
    "PeerUpdate",
    "by_cohort",
]
