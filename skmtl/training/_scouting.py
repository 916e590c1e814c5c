"""Short runs ahead of the real one, to learn which inputs matter."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.network import Network, input_gradient
from skmtl.training._data import TrainingData
from skmtl.training._loop import Training
from skmtl.training._objective import Objective
from skmtl.training._run import Run, Settings
from skmtl.training._streams import Streams
from skmtl.training._validation import Validation

ROUNDS = 2


def scout(
    network: Network,
    objective: Objective,
    data: TrainingData,
    settings: Settings,
    streams: Streams,
    validation: Validation | None,
) -> Network:
    """Return the untrained network with every member's inputs scaled by what they matter to it.

    Where many inputs say little, a network spreads its weights over all of them and learns their noise. So a copy of
    each member trains for ``settings.scouting`` epochs. The mean square of the outputs' derivative by an input, over
    the rows that the member learns from, tells how much the input matters; the member begins anew with inputs scaled by
    its root, and once more. These are the diagonal of the average gradient outer product, by which recursive feature
    machines scale their inputs from round to round (Radhakrishnan et al., 2024).

    Parameters
    ----------
    network : Network
        With its first parameters; left as it is.
    objective : Objective
        Losses of the tasks.
    data : TrainingData
        What to learn from.
    settings : Settings
        How to train.
    streams : Streams
        Randomness; left as it is.
    validation : Validation or None
        Held-out rows.

    Returns
    -------
    Network
        With parameters of its own. The factors of a member have a mean square of 1; all are 1 if its run diverged.

    References
    ----------
    Radhakrishnan, A., Beaglehole, D., Pandit, P. and Belkin, M. (2024). Mechanism for feature learning in neural
    networks and backpropagation-free machine learning models. Science 383, 1461-1467.
    """
    settings = replace(settings, max_iter=settings.scouting)
    try:
        for _ in range(ROUNDS):
            factors = _round(network, objective, data, settings, copy.deepcopy(streams), validation)
            network = network.with_input_scale(factors.cpu().numpy())
    except KeyboardInterrupt:
        warnings.warn("Runs ahead interrupted by user; training begins with the input scale so far.", stacklevel=2)
    return network


def _round(
    network: Network,
    objective: Objective,
    data: TrainingData,
    settings: Settings,
    streams: Streams,
    validation: Validation | None,
) -> Tensor:
    """Train a copy and return the factors that it suggests, ``(member, n_inputs)``."""
    members = np.arange(network.buffer.members)
    run = Run(network.select(members.tolist()), objective, data, settings, streams)
    training = Training(run, data, validation, teams=members)  # each for itself: one may diverge
    training.advance(settings.max_iter)
    training.check_weights()
    training.stopping.finish()
    factors = _factors(_sensitivity(run, data))
    factors[list(training.failures)] = 1.0
    return factors


def _sensitivity(run: Run, data: TrainingData) -> Tensor:
    """Mean square of the outputs' derivative by each input, ``(member, n_inputs)``.

    With random signs s the expected square of sum_o s_o d_o is sum_o d_o^2, so that one backward serves all outputs. A
    row and an output count as much as they do in the loss.
    """
    total = torch.zeros(run.network.buffer.members, data.rows.n_features)
    by_task = torch.where(data.totals > 0, run.settings.importance / data.totals, 0.0)[:, None]
    for batch in data.batches(run.settings.batch_size, run.streams.order):
        shares = by_task if batch.weights is None else by_task * batch.weights
        signs = run.streams.order.choice([-1.0, 1.0], (1, batch.x.shape[1], run.network.n_outputs))
        gradient = run.objective.spread(shares).sqrt() * torch.from_numpy(signs).to(shares)
        total = total.to(shares) + input_gradient(run.network, batch.x, gradient).square_().sum(1)
    return total


def _factors(matters: Tensor) -> Tensor:
    """Roots of the sensitivities, their mean square 1 for each member."""
    matters = matters.double()
    return (matters / matters.mean(1, keepdim=True)).sqrt()
