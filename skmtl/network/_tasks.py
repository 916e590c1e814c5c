"""Networks of some of the tasks of others, over hidden layers that these share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import MemberLinear, MemberReadout
from skmtl.network._architecture import Architecture
from skmtl.network._layers import Layers
from skmtl.network._network import Network
from skmtl.network._output_layers import PerTaskHead

_FIRST, _OWN = "task_layers.first.", "task_layers.own."


def network_of_tasks(shared: Network, tasks: Sequence[tuple[Network, int]]) -> Network:
    """Return a network of tasks of one or several networks.

    Parameters
    ----------
    shared : Network
        What several tasks use is taken from it.
    tasks : sequence of (Network, int)
        Network and position, in the layout's order, of each task. The networks differ from ``shared`` in their tasks
        alone.

    Returns
    -------
    Network
        With parameters of its own.
    """
    n_outputs = tuple(network.architecture.n_outputs[task] for network, task in tasks)
    networks = {id(network): network for network, _ in tasks}
    biases = {key: _initial_biases(network.architecture) for key, network in networks.items()}
    parameters = {key: _by_task(network) for key, network in networks.items()}
    made = _with_outputs(shared, n_outputs, np.concatenate([biases[id(network)][task] for network, task in tasks]))
    for own, (network, task) in zip(_by_task(made), tasks, strict=True):
        for name, view in own.items():
            view.copy_(parameters[id(network)][task][name])
    return _with_shared(made, shared)


def network_of_new_tasks(
    shared: Network,
    n_outputs: tuple[int, ...],
    initial_bias: np.ndarray,
    generators: Sequence[np.random.Generator],
) -> Network:
    """Return a network of new tasks, over hidden layers that are those of another.

    Parameters
    ----------
    shared : Network
        What several tasks use is taken from it.
    n_outputs : tuple of int
        Number of outputs of each task.
    initial_bias : ndarray of shape (outputs,)
        Bias of the output layer to start from.
    generators : sequence of Generator
        Stream of each member, from which the parameters of the new tasks are drawn.
    """
    made = _with_outputs(shared, n_outputs, initial_bias)
    made.buffer.initialise(generators)
    return _with_shared(made, shared)


def require_shared_layers(architecture: Architecture) -> None:
    """Check that further tasks can read the hidden layers as they are: what tasks share does not depend on the tasks.

    Raises
    ------
    ValueError
        If tasks share nothing, or what they share changes with each task.
    """
    one, two = (
        Layers(replace(architecture, n_outputs=(1,) * n, initial_bias=np.zeros(n)), torch.device("cpu")) for n in (1, 2)
    )
    common, others = ({s.name: s.shape for s in layers.specs if s.owner != "task"} for layers in (one, two))
    if common != others or (one.body.specs and not any(spec.owner == "shared" for spec in one.body.specs)):
        raise ValueError(
            f"add_tasks needs hidden layers that new tasks can read as they are; with sharing={architecture.sharing!r} "
            f"there are none. Fit anew with all tasks, or begin with sharing='hard'."
        )


def _with_outputs(network: Network, n_outputs: tuple[int, ...], initial_bias: np.ndarray) -> Network:
    changed = replace(network.architecture, n_outputs=n_outputs, initial_bias=initial_bias)
    return Network(changed, network.device)


def _with_shared(made: Network, shared: Network) -> Network:
    for spec in made.buffer.specs:
        if spec.owner != "task":
            made.buffer.views[spec.name].copy_(shared.buffer.views[spec.name])
    return made


def _initial_biases(architecture: Architecture) -> list[np.ndarray]:
    return np.split(architecture.initial_bias, np.cumsum(architecture.n_outputs)[:-1])


def _by_task(network: Network) -> list[dict[str, Tensor]]:
    """Parameters of each task: views of the buffer with the names and shapes that they have where there is one task."""
    architecture = network.architecture
    n_outputs, n_tasks = architecture.n_outputs, len(architecture.n_outputs)
    alone = replace(architecture, n_outputs=n_outputs[:1], initial_bias=_initial_biases(architecture)[0])
    shapes = {spec.name: spec.shape for spec in Layers(alone, network.device).specs}
    fused = any(spec.name.startswith(_FIRST) for spec in network.buffer.specs)
    found: list[dict[str, Tensor]] = [{} for _ in n_outputs]
    for spec in network.buffer.specs:
        if spec.owner != "task":
            continue
        view, name = network.buffer.views[spec.name], _name_alone(spec.name, fused)
        if name.startswith("head."):
            parts = _outputs_apart(network.layers.head, view, n_outputs)
        elif n_tasks == 1:
            parts = [view]
        else:  # one after another along the axis that is longer than that of one task
            axis = next(k for k, sizes in enumerate(zip(spec.shape, shapes[name], strict=True)) if sizes[0] != sizes[1])
            parts = list(view.chunk(n_tasks, axis + 1))
        for own, part in zip(found, parts, strict=True):
            own[name] = part
    return found


def _name_alone(name: str, fused: bool) -> str:
    """Name of a parameter in a network of one task, which has no layer that is one for all tasks."""
    if not fused or not name.startswith((_FIRST, _OWN)):
        return name
    if name.startswith(_FIRST):
        return name.replace(_FIRST, _OWN)
    number, _, rest = name.removeprefix(_OWN).partition(".")
    return f"{_OWN}{int(number) + 1}.{rest}"


def _outputs_apart(head: MemberLinear, view: Tensor, n_outputs: tuple[int, ...]) -> list[Tensor]:
    """Weights or biases ``(member, 1, n_outputs, width)`` of each task, from a fused head or from one of each task."""
    by_output = view if isinstance(head, MemberReadout) else view.transpose(2, 3)
    if isinstance(head, PerTaskHead):  # padded to the widest
        return [by_output[:, task : task + 1, :count] for task, count in enumerate(n_outputs)]
    return list(by_output.split(n_outputs, 2))
