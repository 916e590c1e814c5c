"""Embeddings of every member at once, for autograd."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from skmtl.layers._buffer import ParameterBuffer, ParameterSpec, normal


class MemberEmbedding:
    """A vector for every token id.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    n_tokens : int
        Ids go from 1 to ``n_tokens``.
    width : int
        Length of a vector.
    scale : float
        Standard deviation of the initial values.
    """

    def __init__(self, name: str, n_tokens: int, width: int, scale: float) -> None:
        self.n_tokens = n_tokens
        self.specs = (ParameterSpec(f"{name}.weight", (n_tokens, width), normal(scale)),)

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        name = self.specs[0].name
        self.weight = buffer.views[name] if leaves is None else leaves[name]

    def forward(self, ids: Tensor, members: slice) -> Tensor:
        """Vectors of ids above 0 for some of the members: ``(token,) -> (member, token, width)``."""
        weight = self.weight[members]
        offsets = torch.arange(len(weight), device=ids.device)[:, None] * self.n_tokens
        return F.embedding(ids - 1 + offsets, weight.flatten(0, 1))
