"""A fitted estimator as one torch module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from skmtl._params import require_boolean
from skmtl.encoders import Encoder
from skmtl.export._encoders import encoder_module, row_shapes
from skmtl.export._network import NetworkModule
from skmtl.export._postprocess import postprocess_modules
from skmtl.export._responses import Labels, MeanResponses
from skmtl.network import Network
from skmtl.postprocess import Postprocessor
from skmtl.tasks import TaskLayout


class FittedParts(NamedTuple):
    """What predictions are made of."""

    network: Network
    layout: TaskLayout
    encoder: Encoder
    n_features: int
    postprocessors: Sequence[Postprocessor]
    member_weights: np.ndarray | None


class _EstimatorModule(nn.Module):
    """From rows to a dict of predictions by task name."""

    def __init__(self, fitted: FittedParts, encoder: nn.Module | None, dtype: torch.dtype) -> None:
        super().__init__()
        tasks = [fitted.layout.tasks[position] for position in np.argsort(fitted.layout.order)]
        self.names, self.dtype, self.encoder = [str(task.name) for task in tasks], dtype, encoder
        encoded = (fitted.network.architecture.n_inputs,)
        self.shapes = [encoded] if encoder is None else row_shapes(fitted.encoder, fitted.n_features)
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise ValueError(f"y has several tasks whose names are {twice[0]!r} as text. Rename all but one of them.")
        self.network = NetworkModule(fitted.network)
        self.responses = MeanResponses(fitted.layout, fitted.member_weights)
        self.postprocessors = postprocess_modules(fitted.postprocessors)
        self.labels = nn.ModuleList(map(Labels, tasks))

    def forward(self, X: Tensor) -> dict[str, Tensor]:
        self._check(X)
        rows = X.to(self.dtype) if self.encoder is None else self.encoder(X)
        responses = self.responses(self.network(rows))
        for postprocessor in self.postprocessors:
            responses = postprocessor(rows, responses)
        pairs = zip(self.labels, responses, strict=True)
        return {name: labels(response) for name, (labels, response) in zip(self.names, pairs, strict=True)}

    def _check(self, X: Tensor) -> None:
        """Only the number of rows may vary, so that graphs have the shapes of rows as constants."""
        if not isinstance(X, Tensor):
            raise TypeError(f"X must be a tensor; got {type(X).__name__}. Pass torch.from_numpy(X) of an array.")
        if tuple(X.shape[1:]) not in self.shapes:
            wanted = " or ".join(str(("n_samples", *shape)).replace("'", "") for shape in self.shapes)
            cure = "encoder_.transform gives" if self.encoder is None else "the estimator was fitted to"
            raise ValueError(f"X must have the shape {wanted}, rows such as {cure}; got {tuple(X.shape)}.")


def export_module(fitted: FittedParts, include_encoder: bool = True) -> nn.Module:
    """Make a module of a fitted network, which shares no memory with it.

    Parameters
    ----------
    fitted : FittedParts
        What predictions are made of.
    include_encoder : bool, default=True
        Whether it takes rows as the estimator does, or encoded ones.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU.

    Raises
    ------
    NotImplementedError
        For parts that have no form in torch.
    ValueError
        If two names of tasks are equal as text, or ``include_encoder`` is not True or False.
    """
    require_boolean("include_encoder", include_encoder)
    dtype: torch.dtype = getattr(torch, fitted.network.architecture.dtype)
    encoder = encoder_module(fitted.encoder, dtype) if include_encoder else None
    return _EstimatorModule(fitted, encoder, dtype).eval()
