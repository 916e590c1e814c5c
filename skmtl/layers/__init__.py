"""Member-wise building blocks with a forward and a hand-derived backward, over one flat parameter buffer."""

from skmtl.layers._activations import ACTIVATIONS, Activation
from skmtl.layers._buffer import Initializer, ParameterBuffer, ParameterSpec
from skmtl.layers._gate import MemberGate
from skmtl.layers._initial import alike, constant
from skmtl.layers._linear import MemberLinear
from skmtl.layers._low_rank import MemberLowRank
from skmtl.layers._mixture import MemberMixture
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._nonlinearity import MemberNonlinearity
from skmtl.layers._readout import MemberReadout
from skmtl.layers._scratch import Scratch
from skmtl.layers._stitch import MemberStitch

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Initializer",
    "MemberGate",
    "MemberLinear",
    "MemberLowRank",
    "MemberMLP",
    "MemberMixture",
    "MemberNonlinearity",
    "MemberReadout",
    "MemberStitch",
    "ParameterBuffer",
    "ParameterSpec",
    "Scratch",
    "alike",
    "constant",
]
