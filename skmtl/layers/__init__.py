"""Member-wise building blocks with a forward and a hand-derived backward, over one flat parameter buffer."""

from skmtl.layers._activations import ACTIVATIONS, Activation
from skmtl.layers._buffer import Initializer, ParameterBuffer, ParameterSpec
from skmtl.layers._linear import MemberLinear
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._readout import NARROW, MemberReadout
from skmtl.layers._scratch import Scratch
from skmtl.layers._task_gramian import task_gramian

__all__ = [
    "ACTIVATIONS",
    "NARROW",
    "Activation",
    "Initializer",
    "MemberLinear",
    "MemberMLP",
    "MemberReadout",
    "ParameterBuffer",
    "ParameterSpec",
    "Scratch",
    "task_gramian",
]
