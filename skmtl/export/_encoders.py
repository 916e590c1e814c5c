"""What encoders do with rows before the network, in torch."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from skmtl.encoders import ConvolutionEncoder, Encoder, ModuleEncoder, SequenceEncoder, TabularEncoder
from skmtl.export._copies import copied
from skmtl.export._refusal import refusal
from skmtl.export._table import TableRows

_MAX_ID = 2**24  # of a token, by which a table of all ids is looked up
_EXAMPLE_ROWS = 97  # unlike the number of members or any width, which the exporter could take it for


class ImageRows(nn.Module):
    """Shifted and scaled images as flat rows.

    Parameters
    ----------
    encoder : ConvolutionEncoder
        Fitted.
    dtype : torch.dtype
        Of the rows.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, encoder: ConvolutionEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape, self.dtype = encoder.input_shape_, dtype
        self.register_buffer("mean", copied(encoder.mean_[:, None]).to(dtype))
        self.register_buffer("scale", copied(encoder.scale_[:, None]).to(dtype))

    def forward(self, X: Tensor) -> Tensor:
        """``(row, c, h, w)`` or flat rows of any type of numbers to ``(row, c * h * w)``."""
        channels = X.to(self.dtype).reshape(-1, self.shape[0], self.shape[1] * self.shape[2])
        rows: Tensor = ((channels - self.mean) / self.scale).flatten(1)
        return rows


class TokenRows(nn.Module):
    """Numbers of the known tokens, padding at the end of each row.

    Parameters
    ----------
    encoder : SequenceEncoder
        Fitted.
    dtype : torch.dtype
        Of the rows.
    """

    number: Tensor

    def __init__(self, encoder: SequenceEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        largest = int(encoder.tokens_.max(initial=0))
        if largest > _MAX_ID:
            raise refusal("token id", largest, "Number the tokens from 1 on, as TokenSequencer does")
        number = np.zeros(largest + 2, dtype=np.int64)  # the last entry stands for all larger ids
        number[encoder.tokens_] = 1 + np.arange(len(encoder.tokens_))
        self.dtype = dtype
        self.register_buffer("number", copied(number))

    def forward(self, X: Tensor) -> Tensor:
        """Token ids ``(row, length)`` to ``(row, length)``.

        Raises
        ------
        TypeError
            If they are no integers.
        """
        if X.is_floating_point() or X.is_complex():
            raise TypeError(f"X must hold token ids, which are integers; got {X.dtype}.")
        known = self.number[X.long().clamp(0, len(self.number) - 1)]
        place = ((known != 0).long().cumsum(1) - 1).clamp(min=0)  # padding adds 0 to some place
        return torch.zeros_like(known).scatter_add(1, place, known).to(self.dtype)


class FlatRows(nn.Module):
    """Rows of any shape as flat rows of numbers.

    Parameters
    ----------
    encoder : ModuleEncoder
        Fitted.
    dtype : torch.dtype
        Of the rows.
    """

    def __init__(self, encoder: ModuleEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, X: Tensor) -> Tensor:
        """``(row, ...) -> (row, value)``."""
        return X.flatten(1).to(self.dtype)


ROWS: dict[type[Encoder], type[nn.Module]] = {
    TabularEncoder: TableRows,
    ConvolutionEncoder: ImageRows,
    SequenceEncoder: TokenRows,
    ModuleEncoder: FlatRows,
}


def encoder_module(encoder: Encoder, dtype: torch.dtype) -> nn.Module:
    """Module from rows as the estimator takes them to encoded rows.

    Raises
    ------
    NotImplementedError
        For other encoders than those of skmtl, and for dates with a time zone.
    """
    if type(encoder) not in ROWS:
        raise refusal("encoder", encoder)
    return ROWS[type(encoder)](encoder, dtype)


def row_shapes(encoder: Encoder, n_features: int) -> list[tuple[int, ...]]:
    """Shapes of a row that the estimator takes, the one of the fit first."""
    if not isinstance(encoder, ConvolutionEncoder | ModuleEncoder):
        return [(n_features,)]
    shape = encoder.input_shape_
    without_channel = [shape[1:]] if shape[0] == 1 and len(shape) > 1 else []
    return list(dict.fromkeys([shape, *without_channel, (prod(shape),)]))


def example_rows(encoder: Encoder, n_features: int, n_rows: int = _EXAMPLE_ROWS) -> Tensor:
    """Rows of the shape and type that a graph is made for.

    Tables are of float64: differences of large numbers, such as years, need it.
    """
    dtype = torch.float32
    if isinstance(encoder, TabularEncoder):
        dtype = torch.float64
    elif isinstance(encoder, SequenceEncoder) or (
        isinstance(encoder, ModuleEncoder) and encoder.input_type == "integer"
    ):
        dtype = torch.int64
    return torch.ones(n_rows, *row_shapes(encoder, n_features)[0], dtype=dtype)
