"""Similarity of rows, by distances relative to the local density of rows, over the inputs that matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skmtl.network import Network, squared_derivatives

MAX_ROWS = 512  # a mean over more would hardly differ
BATCH_ROWS = 256


def relevance(network: Network, rows: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Root mean square derivative of the outputs by each input, over rows and members.

    The diagonal of the average gradient outer product (Radhakrishnan et al., 2024), that of each member over its mean.

    Parameters
    ----------
    network : Network
        Trained.
    rows : ndarray of shape (n, n_inputs)
        Encoded; of many, some are drawn.
    learned : ndarray of shape (member, n_outputs), bool
        Which outputs a member has learned; the others do not count.

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
    factors = torch.from_numpy(learned).to(network.device, dtype)[:, None]  # (member, 1, output)
    total = torch.zeros(members, rows.shape[1], dtype=torch.float64, device=network.device)
    for first in range(0, len(few), BATCH_ROWS):
        x = torch.tensor(few[first : first + BATCH_ROWS], dtype=dtype, device=network.device)[None]
        total += squared_derivatives(network, x, factors.expand(-1, x.shape[1], -1), signs).double().sum(1)
    mean = total.mean(1, keepdim=True)
    fractions = torch.where(mean > 0, total / mean, 1.0)
    by_input: np.ndarray = fractions.mean(0).sqrt_().cpu().numpy()
    return by_input


NEIGHBOUR = 5  # the width of a row is its distance to the neighbour of this rank
MIN_WIDTH = 0.03  # of the median width: rows among many copies would else have no other neighbours
BLOCK_CELLS = 1 << 20  # distances at a time: stays in the cache and bounds the memory


class SelfTuningKernel:
    """Kernel exp(-|x - z|^2 / (2 c^2 s(x) s(z))) with s the distance to the fifth neighbour.

    It is narrow where rows are dense and wide where they are sparse.

    Parameters
    ----------
    rows : ndarray of shape (n, n_inputs)
        References.
    groups : ndarray of shape (n,)
        Equal for references that are copies of one another.

    References
    ----------
    Zelnik-Manor, L. and Perona, P. (2004). Self-tuning spectral clustering. NeurIPS 17.
    """

    def __init__(self, rows: np.ndarray, groups: np.ndarray) -> None:
        self.groups = groups
        self._center = rows.mean(axis=0)  # distances of small numbers lose fewer digits
        self._rows = rows - self._center
        self._squares = np.einsum("ij,ij->i", self._rows, self._rows)
        widths = np.concatenate([self._width(self._distances(*block)) for block in self._blocks(rows, groups)])
        positive = widths[widths > 0]
        self._min_width = MIN_WIDTH * float(np.median(positive)) if len(positive) else 1.0
        self._widths = np.maximum(widths, self._min_width)

    def relative_distances(self, x: np.ndarray, groups: np.ndarray | None = None) -> Iterator[tuple[slice, Tensor]]:
        """Yield |x - z|^2 / (s(x) s(z)) in blocks.

        Parameters
        ----------
        x : ndarray of shape (m, n_inputs)
            Rows.
        groups : ndarray of shape (m,), optional
            Group of each row, whose references then are infinitely far away.

        Yields
        ------
        slice
            Which rows.
        Tensor of shape (n_rows_of_block, n)
            To all references.
        """
        first = 0
        for block, of_block in self._blocks(x, groups):
            squared = self._distances(block, of_block)
            widths = torch.from_numpy(np.maximum(self._width(squared), self._min_width))
            squared /= widths[:, None]
            squared /= torch.from_numpy(self._widths)
            yield slice(first, first + len(block)), squared
            first += len(block)

    def _blocks(self, x: np.ndarray, groups: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        step = max(BLOCK_CELLS // len(self._rows), 1)
        for first in range(0, len(x), step):
            rows = slice(first, first + step)
            yield x[rows] - self._center, None if groups is None else groups[rows]

    def _distances(self, x: np.ndarray, groups: np.ndarray | None) -> Tensor:
        """Squared distances ``(m, n)`` of centred rows."""
        squares = torch.from_numpy(np.einsum("ij,ij->i", x, x))[:, None] + torch.from_numpy(self._squares)
        squared = squares.addmm_(torch.from_numpy(x), torch.from_numpy(self._rows).T, alpha=-2).clamp_(min=0)
        if groups is not None:
            squared.masked_fill_(torch.from_numpy(groups)[:, None] == torch.from_numpy(self.groups), torch.inf)
        return squared

    @staticmethod
    def _width(squared: Tensor) -> np.ndarray:
        """Distance of each row to its neighbour of rank ``NEIGHBOUR``, ``(m,)``; of fewer, to the last."""
        nearest = squared.topk(min(NEIGHBOUR, squared.shape[1] - 1), largest=False).values
        width: np.ndarray = nearest[:, -1].sqrt().numpy()
        return width
