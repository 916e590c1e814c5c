"""Activation and dropout between two layers."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._activations import ACTIVATIONS
from skmtl.layers._scratch import Scratch


class MemberNonlinearity:
    """h = dropout(activation(z)).

    Parameters
    ----------
    name : str
        Under which run state is saved.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : Tensor of shape (member,)
        Dropout rate of each member.
    """

    def __init__(self, name: str, activation: str, dropout: Tensor) -> None:
        self.activation, self.dropout = ACTIVATIONS[activation], dropout
        self._hidden_name, self._mask_name = f"{name}.hidden", f"{name}.mask"
        self._drops: list[bool] = (dropout > 0).tolist()
        self._any_drops = any(self._drops)

    def forward(self, z: Tensor, scratch: Scratch) -> Tensor:
        """``(stack, row, width)``, which is overwritten, to the same shape."""
        scratch.saved[self._hidden_name] = z
        h = self.activation.apply(z)
        if self._any_drops and scratch.training:
            stack, rows, width = h.shape
            mask = scratch.keep_mask(self._mask_name, (stack, rows, width), self.dropout, h, self._drops)
            scratch.saved[self._mask_name] = mask
            h = torch.mul(h, mask, out=scratch.out(self._mask_name, stack, rows, width, h))
        return h

    def backward(self, gradient: Tensor, scratch: Scratch) -> Tensor:
        """Gradient at z from the one at h, which is overwritten."""
        if self._any_drops:
            gradient = gradient.mul_(scratch.saved[self._mask_name])
        return self.activation.backward(gradient, scratch.saved[self._hidden_name])
