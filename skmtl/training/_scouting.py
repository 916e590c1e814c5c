"""Short runs ahead of the real one, to learn which inputs matter."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.network import Network, signed_derivatives
from skmtl.training._data import Data, Order
from skmtl.training._loop import Training
from skmtl.training._objective import Objective
from skmtl.training._run import Run, Settings
from skmtl.training._streams import Streams
from skmtl.training._validation import Validation

ROUNDS = 2
SIZE = 0.5  # root mean square of the factors: with small inputs a network begins smooth
READ_SHARE, LEAST_READ = 0.25, 100  # of many inputs, those that matter most


def scout(
    network: Network,
    objective: Objective,
    data: Data,
    settings: Settings,
    streams: Streams,
    validation: Validation | None,
) -> Network:
    """Return the untrained network with every member's inputs scaled by what they matter to it; the least are left out.

    Where many inputs say little, a network spreads its weights over all of them and learns their noise. So a copy of
    each member trains for ``settings.scouting`` epochs. The mean square of the outputs' derivative by an input, over
    the rows that the member learns from, tells how much the input matters; the member begins anew with inputs scaled by
    its root, and once more. These are the diagonal of the average gradient outer product, by which recursive feature
    machines scale their inputs from round to round (Radhakrishnan et al., 2024). In the end each member reads the
    quarter of its inputs that matters most, or 100.

    Parameters
    ----------
    network : Network
        With its first parameters; left as it is.
    objective : Objective
        Losses of the tasks.
    data : Data
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
        With parameters of its own. The factors of a member have a root mean square of 1/2 before any are left out; all
        are 1 if its run diverged.

    References
    ----------
    Radhakrishnan, A., Beaglehole, D., Pandit, P. and Belkin, M. (2024). Mechanism for feature learning in neural
    networks and backpropagation-free machine learning models. Science 383, 1461-1467.
    """
    settings = replace(settings, max_iter=settings.scouting)
    for remaining in reversed(range(ROUNDS)):
        factors = _round(network, objective, data, settings, copy.deepcopy(streams), validation)
        n_read = None if remaining else _number_read(data.n_features)
        network = network.with_input_scale(factors.cpu().numpy(), n_read)
    return network


def _number_read(n_inputs: int) -> int | None:
    """How many inputs are worth reading; None for all. The same for every member, so that it is what it is alone."""
    n_read = max(round(READ_SHARE * n_inputs), LEAST_READ)
    return n_read if n_read < n_inputs else None


def _round(
    network: Network,
    objective: Objective,
    data: Data,
    settings: Settings,
    streams: Streams,
    validation: Validation | None,
) -> Tensor:
    """Train a copy and return the factors that it suggests, ``(member, n_inputs)``."""
    members, order = np.arange(network.buffer.members), copy.deepcopy(streams.order)
    run = Run(network.select(members.tolist()), objective, data, settings, streams)
    training = Training(run, data, validation, teams=members)  # each for itself: one may diverge
    training.advance(settings.max_iter)
    training.check_weights()
    training.stopping.finish()
    factors = _factors(_sensitivity(run, data, order))
    factors[list(training.failures)] = 1.0
    return factors


def _sensitivity(run: Run, data: Data, order: Order) -> Tensor:
    """Mean square of the outputs' derivative by each input, ``(member, n_inputs)``; 0 for inputs that never change.

    A row and an output count as much as they do in the loss. The order must not depend on how long others have trained.
    """
    coin = np.random.default_rng(0)  # any signs will do; the same ones for all let members be what they are alone
    total = torch.zeros(run.network.buffer.members, data.n_features)
    low, high = total + torch.inf, total - torch.inf
    by_task = torch.where(data.totals > 0, run.settings.importance / data.totals, 0.0)[:, None]
    for batch in data.batches(run.settings.batch_size, order):
        shares = by_task if batch.weights is None else by_task * batch.weights
        roots = run.objective.to_outputs(shares).sqrt()
        total = total.to(shares) + signed_derivatives(run.network, batch.x, roots, coin).square_().sum(1)
        own = shares.sum(2, keepdim=True) > 0
        low = torch.minimum(low.to(shares), torch.where(own, batch.x, torch.inf).amin(1))
        high = torch.maximum(high.to(shares), torch.where(own, batch.x, -torch.inf).amax(1))
    return torch.where(high > low, total, 0.0)


def _factors(matters: Tensor) -> Tensor:
    """Roots of the sensitivities, their root mean square ``SIZE`` for each member; ``SIZE`` where nothing matters."""
    matters = matters.double()
    mean = matters.mean(1, keepdim=True)
    return SIZE * torch.where(mean > 0, matters / mean, 1.0).sqrt()
