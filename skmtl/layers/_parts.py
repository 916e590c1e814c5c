"""Products of a layer whose members read rows in parts: each part's rows stay one, whatever its number of members."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def affine_of_parts(x: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int], out: Tensor | None) -> Tensor:
    """Outputs ``(member, row, n_outputs)`` of rows ``(part, row, n_inputs)``, part by part.

    Parameters
    ----------
    x : Tensor of shape (part, row, n_inputs)
        Rows of each part.
    weight, bias : Tensor of shape (member, n_inputs or 1, n_outputs)
        Parameters.
    sizes : sequence of int
        Number of members of each part.
    out : Tensor or None
        Memory to write to.
    """
    if out is None:
        out = weight.new_empty(weight.shape[0], x.shape[1], weight.shape[2])
    sizes = list(sizes)
    for rows, w, b, o in zip(x, weight.split(sizes), bias.split(sizes), out.split(sizes), strict=True):
        torch.baddbmm(b, rows.expand(w.shape[0], -1, -1), w, out=o)
    return out


def weight_gradient_of_parts(x: Tensor, gradient: Tensor, sizes: Sequence[int], out: Tensor) -> None:
    """Write x^T gradient of every member, part by part, to ``out`` ``(member, n_inputs, n_outputs)``."""
    sizes = list(sizes)
    for rows, g, o in zip(x.transpose(1, 2), gradient.split(sizes), out.split(sizes), strict=True):
        torch.bmm(rows.expand(g.shape[0], -1, -1), g, out=o)
