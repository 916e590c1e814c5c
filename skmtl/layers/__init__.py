"""Member-wise building blocks over one flat parameter buffer: with a hand-derived backward, or for autograd."""

from skmtl.layers._activations import ACTIVATIONS, Activation
from skmtl.layers._buffer import Initializer, ParameterBuffer, ParameterSpec
from skmtl.layers._convolution import MemberConvolution, MemberGroupNorm, channels_as_rows, members_as_channels
from skmtl.layers._embedding import MemberEmbedding
from skmtl.layers._linear import MemberLinear
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._packing import Packing
from skmtl.layers._readout import NARROW, MemberReadout
from skmtl.layers._recurrent import MemberGRU, MemberLSTM, MemberRecurrence
from skmtl.layers._scratch import Scratch
from skmtl.layers._task_gramian import task_gramian

__all__ = [
    "ACTIVATIONS",
    "NARROW",
    "Activation",
    "Initializer",
    "MemberConvolution",
    "MemberEmbedding",
    "MemberGRU",
    "MemberGroupNorm",
    "MemberLSTM",
    "MemberLinear",
    "MemberMLP",
    "MemberReadout",
    "MemberRecurrence",
    "Packing",
    "ParameterBuffer",
    "ParameterSpec",
    "Scratch",
    "channels_as_rows",
    "members_as_channels",
    "task_gramian",
]
