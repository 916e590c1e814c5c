"""Short preliminary fits that learn how relevant each input is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skmtl.defaults import n_inputs_read
from skmtl.network import Network, squared_derivatives
from skmtl.processes import ALONE, Collective
from skmtl.training._config import FitConfig
from skmtl.training._data import Data
from skmtl.training._loop import Training
from skmtl.training._objective import Objective, Validation
from skmtl.training._peers import as_followed
from skmtl.training._slices import SlicedData
from skmtl.training._streams import Streams
from skmtl.training.peer_sharing import by_cohort

ROUNDS = 2
FACTOR_RMS = 0.5  # root mean square of the factors: with small inputs a network begins smooth


def learn_input_scale(
    network: Network,
    objective: Objective,
    data: Data,
    config: FitConfig,
    streams: Streams,
    validation: Validation | None,
    collective: Collective = ALONE,
) -> Network:
    """Return the untrained network with the inputs of each member scaled by their relevance.

    Where many inputs say little, a network spreads its weights over all of them and learns their noise. So a copy of
    each member is trained for ``config.relevance_epochs`` epochs. The relevance of an input is the mean square of the
    outputs' derivative by it, over the rows that the member learns from: the diagonal of the average gradient outer
    product, by which recursive feature machines scale their inputs (Radhakrishnan et al., 2024). The inputs are scaled
    by its root, and each member goes on to read the most relevant quarter of them, or 100 if that is more. All of this
    is done a second time with the inputs that are left.

    Parameters
    ----------
    network : Network
        With its first parameters; left as it is.
    objective : Objective
        Losses of the tasks.
    data : Data
        What to learn from.
    config : FitConfig
        How to train.
    streams : Streams
        Randomness; left as it is.
    validation : Validation or None
        Held-out rows.
    collective : Collective, optional
        Processes that train the same members, see :class:`Training`.

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
    config, first = replace(config, max_iter=config.relevance_epochs), network
    n_read = n_inputs_read(data.n_features)
    for _ in range(ROUNDS):
        factors = _round(network, objective, data, config, streams, validation, collective)
        if config.peer_sharing is not None:  # peers that share parameters read the same inputs in the same scale
            of_cohort = by_cohort(factors, config.n_peers).mean(1)
            factors = of_cohort.repeat_interleave(config.n_peers, 0)
        network = first.with_input_scale(factors.cpu().numpy(), n_read)
    return network


def _round(
    network: Network,
    objective: Objective,
    data: Data,
    config: FitConfig,
    streams: Streams,
    validation: Validation | None,
    collective: Collective = ALONE,
) -> Tensor:
    """Train a copy and return factors of the inputs, ``(member, n_inputs)``."""
    members = np.arange(network.buffer.members)
    copied = network.select(members.tolist())
    given = copied, objective, data, config, replace(streams), validation
    training = Training(*given, teams=members, collective=collective)  # one that diverges does not stop the others
    training.advance(config.max_iter)
    training.check_weights()
    training.stopping.finish()
    factors = _factors(_relevance(training, data.whole if isinstance(data, SlicedData) else data, streams))
    factors[list(training.failures)] = 1.0
    if config.collaboration is not None and config.collaboration.follows:
        return torch.stack(as_followed(lambda: list(factors), config.n_peers))
    return factors


def _relevance(training: Training, data: Data, streams: Streams) -> Tensor:
    """Mean square of the outputs' derivative by each input, ``(member, n_inputs)``; 0 for inputs that never change.

    Rows and outputs are weighted as in the loss. The order must not depend on how long others have trained.
    """
    coin = np.random.default_rng(0)  # any signs will do, but the same for all members
    config, objective = training.config, training.objective
    total = torch.zeros(training.network.buffer.members, data.n_features, dtype=torch.float32)
    low, high = total + torch.inf, total - torch.inf
    by_task = torch.where(data.totals > 0, config.loss_weights / data.totals, 0.0)[:, None]
    for batch in data.batches(config.batch_size, streams.orders()):
        ones = batch.targets.new_ones(()).expand_as(batch.targets)
        weights = by_task * (ones if batch.weights is None else batch.weights)
        roots = objective.to_outputs(weights).sqrt()
        total = total.to(weights) + squared_derivatives(training.judged, batch.x, roots, coin).sum(1)
        learned = weights.sum(2, keepdim=True) > 0  # (1 or member, row, 1)
        low = torch.minimum(low.to(weights), torch.where(learned, batch.x, torch.inf).amin(1))
        high = torch.maximum(high.to(weights), torch.where(learned, batch.x, -torch.inf).amax(1))
    return torch.where(high > low, total, 0.0)


def _factors(relevance: Tensor) -> Tensor:
    """Roots of the relevances, scaled to a root mean square of ``FACTOR_RMS``, which is each factor if all are 0."""
    relevance = relevance.double()
    mean = relevance.mean(1, keepdim=True)
    return FACTOR_RMS * torch.where(mean > 0, relevance / mean, 1.0).sqrt()
