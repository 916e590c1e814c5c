"""Balancing: how much each task counts in a step, one file for each method.

``docs/balancing.md`` says which method to pick, what the weights mean and what the benchmark showed.
"""

from skmtl.balancing._balancer import Balancer, BalancerInputs, GradientBalancer, Recorded, map_leaves
from skmtl.balancing.aligned_mtl import AlignedMTL
from skmtl.balancing.alternating import Alternating
from skmtl.balancing.cagrad import CAGrad
from skmtl.balancing.dwa import DWA
from skmtl.balancing.fairgrad import FairGrad
from skmtl.balancing.famo import FAMO
from skmtl.balancing.gradnorm import GradNorm
from skmtl.balancing.imtl_g import IMTLG
from skmtl.balancing.log import LogLosses
from skmtl.balancing.mgda import MGDA
from skmtl.balancing.nash_mtl import NashMTL
from skmtl.balancing.pcgrad import PCGrad
from skmtl.balancing.random import RandomWeights
from skmtl.balancing.soft_optimal_uncertainty import SoftOptimalUncertainty
from skmtl.balancing.static import Static, geometric
from skmtl.balancing.stch import STCH
from skmtl.balancing.uncertainty import Uncertainty
from skmtl.balancing.upgrad import UPGrad

BALANCERS: dict[str, type[Balancer]] = {
    "static": Static,
    "log": LogLosses,
    "uncertainty": Uncertainty,
    "soft_optimal_uncertainty": SoftOptimalUncertainty,
    "dwa": DWA,
    "random": RandomWeights,
    "famo": FAMO,
    "stch": STCH,
    "alternating": Alternating,
    "gradnorm": GradNorm,
    "pcgrad": PCGrad,
    "mgda": MGDA,
    "cagrad": CAGrad,
    "imtl_g": IMTLG,
    "nash_mtl": NashMTL,
    "aligned_mtl": AlignedMTL,
    "fairgrad": FairGrad,
    "upgrad": UPGrad,
}

__all__ = [
    "BALANCERS",
    "DWA",
    "FAMO",
    "IMTLG",
    "MGDA",
    "STCH",
    "AlignedMTL",
    "Alternating",
    "Balancer",
    "BalancerInputs",
    "CAGrad",
    "FairGrad",
    "GradNorm",
    "GradientBalancer",
    "LogLosses",
    "NashMTL",
    "PCGrad",
    "RandomWeights",
    "Recorded",
    "SoftOptimalUncertainty",
    "Static",
    "UPGrad",
    "Uncertainty",
    "geometric",
    "map_leaves",
]
