"""The network: input stages, hidden layers and output layer of all members, with forward and backward."""

from skmtl.layers import ACTIVATIONS, Workspace
from skmtl.network._architecture import Architecture
from skmtl.network._mixed_precision import MixedPrecisionPasses
from skmtl.network._network import Network
from skmtl.network._passes import ManualPasses, Passes, squared_derivatives
from skmtl.network._task_gradients import TaskGradients, task_gradients
from skmtl.network._tasks import network_of_new_tasks, network_of_tasks, require_shared_layers

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "ManualPasses",
    "MixedPrecisionPasses",
    "Network",
    "Passes",
    "TaskGradients",
    "Workspace",
    "network_of_new_tasks",
    "network_of_tasks",
    "require_shared_layers",
    "squared_derivatives",
    "task_gradients",
]
