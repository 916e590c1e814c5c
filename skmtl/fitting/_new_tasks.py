"""Tasks that a fitted network gets later: how they train, and how all are predicted from then on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skmtl.defaults import ROW_CORRECTIONS
from skmtl.fitting._class_weights import cell_weights
from skmtl.fitting._config import Params, read_seed
from skmtl.fitting._job import FitJob
from skmtl.fitting._prepare import prepare
from skmtl.fitting._shared_inputs import SharedInputs
from skmtl.fitting._time import within
from skmtl.network import Network, network_of_new_tasks, network_of_tasks
from skmtl.postprocess import Postprocessor
from skmtl.tasks import TaskLayout
from skmtl.training import Streams

# Members have learned from any row with other labels, so that nothing is learned from rows that they hold out.
_OF_NEW_TASKS = {
    "input_scaling": False,
    **dict.fromkeys(ROW_CORRECTIONS, False),
    "calibration": None,
    "threshold_metric": None,
    "collaboration": None,
    "peer_sharing": None,
}


class TasksTogether(NamedTuple):
    """Tasks that were fitted together, as a network of their own, and what their predictions are made of.

    Attributes
    ----------
    network : Network
        Of these tasks.
    layout : TaskLayout
        Of these tasks.
    postprocessors : sequence of Postprocessor
        Of their responses.
    member_weights : ndarray of shape (member, n_tasks) or None
        As in :class:`FitJob`.
    """

    network: Network
    layout: TaskLayout
    postprocessors: Sequence[Postprocessor]
    member_weights: np.ndarray | None


def tasks_together(fitted: TasksTogether, added_at: Sequence[int]) -> list[TasksTogether]:
    """Parts of a fitted network whose later tasks begin at the columns ``added_at``; postprocessors are of the first.

    Each computes as it did before others were added, so that its predictions keep their bits.
    """
    if not added_at:
        return [fitted]
    network, layout, postprocessors, weights = fitted
    positions = np.argsort(layout.order)
    tasks, parts = [layout.tasks[position] for position in positions], []
    for first, last in pairwise([0, *added_at, len(tasks)]):
        own = TaskLayout(tasks[first:last])
        chosen = [(network, int(positions[first + column])) for column in own.order]
        of_part = None if weights is None else weights[:, first:last]
        parts.append(TasksTogether(network_of_tasks(network, chosen), own, () if first else postprocessors, of_part))
    return parts


def prepare_new_tasks(
    params: Params, inputs: SharedInputs, network: Network, *, freeze: bool, deadline: float | None = math.inf
) -> FitJob:
    """Prepare the fit of new tasks over the hidden layers of a fitted network.

    Parameters
    ----------
    params : dict
        Parameters of the estimator, as far as they are by task those of the new ones.
    inputs : SharedInputs
        Rows with labels of the new tasks.
    network : Network
        Fitted.
    freeze : bool
        Whether what several tasks use stays as it is.
    deadline : float or None
        When the fit is to end, in seconds of :func:`time.perf_counter`; None: when it is done.

    Returns
    -------
    FitJob
        Of a network of the new tasks alone.

    Raises
    ------
    ValueError
        If a parameter is not usable.
    """
    seed = read_seed(params["random_state"])
    params = {**params, **_OF_NEW_TASKS, "random_state": seed}
    weights = cell_weights(params.get("class_weight"), inputs, inputs.rows)
    encoded = inputs.encode(inputs.rows, weights, network.architecture.dtype)
    bias = inputs.layout.initial_bias(encoded.targets, encoded.weights)
    generators = Streams.from_seed(seed, network.architecture.members).initial
    begun = network_of_new_tasks(network, inputs.layout.n_outputs, bias, generators)
    job = prepare(params, inputs, network=begun)
    if deadline is not None:
        job = within(job, params, deadline, begun)
    return replace(job, config=replace(job.config, frozen=freeze))


def joined_network(fitted: tuple[Network, TaskLayout], new: tuple[Network, TaskLayout], *, freeze: bool) -> Network:
    """Network of the tasks of both, whose shared layers are the fitted ones, or else those of the network of new tasks.

    Its tasks are in the order of the layout of all.
    """
    places, tasks = [], []
    for network, layout in (fitted, new):
        positions = np.argsort(layout.order).tolist()
        places += [(network, position) for position in positions]
        tasks += [layout.tasks[position] for position in positions]
    return network_of_tasks((fitted if freeze else new)[0], [places[column] for column in TaskLayout(tasks).order])
