"""Activation and dropout between two layers."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl.layers._activations import ACTIVATIONS
from skmtl.layers._workspace import Workspace


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

    def forward(self, z: Tensor, workspace: Workspace) -> Tensor:
        """``(stack, row, width)``, which is overwritten, to the same shape."""
        workspace.saved[self._hidden_name] = z
        h = self.activation.apply(z)
        if self._any_drops and workspace.training:
            stack, rows, width = h.shape
            mask = workspace.keep_mask(self._mask_name, (stack, rows, width), self.dropout, h, self._drops)
            workspace.saved[self._mask_name] = mask
            h = torch.mul(h, mask, out=workspace.out(self._mask_name, stack, rows, width, h))
        return h

    def backward(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Gradient at z from the one at h, which is overwritten."""
        if self._any_drops:
            gradient = gradient.mul_(workspace.saved[self._mask_name])
        return self.activation.backward(gradient, workspace.saved[self._hidden_name])
