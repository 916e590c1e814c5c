"""Encoder, shared layers and the fused output layer as one network with a forward and a backward."""

from skmtl.layers import ACTIVATIONS, Scratch
from skmtl.network._architecture import Architecture
from skmtl.network._backward import Differentiation, input_gradient, signed_derivatives
from skmtl.network._lowered import Lowered
from skmtl.network._network import Network
from skmtl.network._task_gradients import TaskGradients, task_gradients

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "Differentiation",
    "Lowered",
    "Network",
    "Scratch",
    "TaskGradients",
    "input_gradient",
    "signed_derivatives",
    "task_gradients",
]
