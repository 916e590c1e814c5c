"""Functions of encoded rows before the hidden layers, with different settings for each member."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import Composite, Layer, Workspace


class InputStage(Layer, Protocol):
    """A function of encoded rows; an :class:`~skmtl.encoders.Extractor` is one that has parameters."""

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member, row, n_inputs) -> (1 or member, row, width)``."""
        ...


class ScaleInputs(Composite):
    """Multiply each input by a constant factor of the member.

    Parameters
    ----------
    factors : Tensor of shape (member, n_inputs)
        Of every input.
    """

    def __init__(self, factors: Tensor) -> None:
        self.factors = factors[:, None]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        members, _, n_inputs = self.factors.shape
        return torch.mul(x, self.factors, out=workspace.out("scaled", members, x.shape[1], n_inputs, x))


class SelectInputs(Composite):
    """Keep some of the inputs, different ones for each member.

    Parameters
    ----------
    indices : Tensor of shape (member, n_read)
        Which inputs.
    """

    def __init__(self, indices: Tensor) -> None:
        self.indices, self._of_all = indices, indices.flatten()

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        if x.shape[0] == 1:  # one pass over the rows for all members
            return x[0].index_select(1, self._of_all).view(-1, *self.indices.shape).transpose(0, 1)
        return x.gather(2, self.indices[:, None].expand(-1, x.shape[1], -1))


class DropInputs(Composite):
    """Inverted dropout of inputs in training, drawn for every member and row.

    Parameters
    ----------
    rate : Tensor of shape (member,)
        Fraction of the inputs set to 0; the others are divided by 1 - rate.
    """

    def __init__(self, rate: Tensor) -> None:
        self.rate = rate

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`InputStage`."""
        if not workspace.training:
            return x
        shape = len(self.rate), x.shape[1], x.shape[2]
        return torch.mul(x, workspace.keep_mask("inputs", shape, self.rate, x), out=workspace.out("inputs", *shape, x))


def keep_largest(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Set all but the ``n_read`` largest factors of each member to 0; of equal ones the first are kept."""
    kept = np.argsort(-factors, axis=1, kind="stable")[:, :n_read]
    largest = np.zeros_like(factors)
    np.put_along_axis(largest, kept, np.take_along_axis(factors, kept, axis=1), axis=1)
    return largest


def read_indices(factors: np.ndarray, n_read: int) -> np.ndarray:
    """Indices of the inputs that each member reads, ``(member, n_read)``, if all others have a factor of 0."""
    indices: np.ndarray = np.argsort(factors <= 0, axis=1, kind="stable")[:, :n_read]
    return indices
