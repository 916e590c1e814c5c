"""Member-wise building blocks over one flat parameter buffer: with a hand-derived backward, or for autograd."""

from skmtl.layers._activations import ACTIVATIONS, Activation, MemberNonlinearity
from skmtl.layers._buffer import Composite, Initializer, Layer, ParameterBuffer, ParameterSpec, alike, constant
from skmtl.layers._cells import CellPattern
from skmtl.layers._cohort_linear import CohortLinear, ScaledMatrices
from skmtl.layers._convolution import MemberConvolution, MemberGroupNorm, channels_as_rows, members_as_channels
from skmtl.layers._embedding import MemberEmbedding
from skmtl.layers._gate import MemberGate
from skmtl.layers._linear import NARROW, WIDE, MemberLinear, MemberReadout, WideReadout
from skmtl.layers._low_rank import MemberLowRank
from skmtl.layers._mixture import MemberMixture
from skmtl.layers._mlp import MemberMLP
from skmtl.layers._packing import Packing, Padding
from skmtl.layers._recurrent import MemberGRU, MemberLSTM, MemberRecurrence
from skmtl.layers._stitch import MemberStitch
from skmtl.layers._task_gramian import LayerGradients, mixture_gramian, task_gramian
from skmtl.layers._workspace import Workspace

__all__ = [
    "ACTIVATIONS",
    "NARROW",
    "WIDE",
    "Activation",
    "CellPattern",
    "CohortLinear",
    "Composite",
    "Initializer",
    "Layer",
    "LayerGradients",
    "MemberConvolution",
    "MemberEmbedding",
    "MemberGRU",
    "MemberGate",
    "MemberGroupNorm",
    "MemberLSTM",
    "MemberLinear",
    "MemberLowRank",
    "MemberMLP",
    "MemberMixture",
    "MemberNonlinearity",
    "MemberReadout",
    "MemberRecurrence",
    "MemberStitch",
    "Packing",
    "Padding",
    "ParameterBuffer",
    "ParameterSpec",
    "ScaledMatrices",
    "WideReadout",
    "Workspace",
    "alike",
    "channels_as_rows",
    "constant",
    "members_as_channels",
    "mixture_gramian",
    "task_gramian",
]
