"""How much each input matters to a trained network."""

from __future__ import annotations

import numpy as np
import torch

from skmtl.network import Network, squared_derivatives

MAX_ROWS = 512  # a mean over more would hardly differ
BATCH_ROWS = 256


def relevance(network: Network, rows: np.ndarray) -> np.ndarray:
    """Root mean square derivative of the outputs by each input, over rows and members.

    The diagonal of the average gradient outer product (Radhakrishnan et al., 2024), that of each member over its mean.

    Parameters
    ----------
    network : Network
        Trained.
    rows : ndarray of shape (n, n_inputs)
        Encoded; of many, some are drawn.

    Returns
    -------
    ndarray of shape (n_inputs,)
        Factors whose mean square is 1; all 1 where no input matters.

    References
    ----------
    Radhakrishnan, A., Beaglehole, D., Pandit, P. and Belkin, M. (2024). Mechanism for feature learning in neural
    networks and backpropagation-free machine learning models. Science 383, 1461-1467.
    """
    few = rows[np.random.default_rng(0).permutation(len(rows))[:MAX_ROWS]]
    dtype, members = getattr(torch, network.architecture.dtype), network.buffer.members
    signs = np.random.default_rng(0)  # any will do
    total = torch.zeros(members, rows.shape[1], dtype=torch.float64, device=network.device)
    for first in range(0, len(few), BATCH_ROWS):
        x = torch.tensor(few[first : first + BATCH_ROWS], dtype=dtype, device=network.device)[None]
        factors = x.new_ones(members, x.shape[1], network.n_outputs)
        total += squared_derivatives(network, x, factors, signs).double().sum(1)
    mean = total.mean(1, keepdim=True)
    fractions = torch.where(mean > 0, total / mean, 1.0)
    by_input: np.ndarray = fractions.mean(0).sqrt_().cpu().numpy()
    return by_input
