"""Encoding of tables of numbers, codes of categories and dates, in torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skmtl.encoders import TabularEncoder
from skmtl.encoders._categories import Categories
from skmtl.encoders._columns import column_label
from skmtl.encoders._piecewise import PiecewiseLinear
from skmtl.encoders._scaling import CLIP, FAR
from skmtl.export._copies import copied
from skmtl.export._dates import DateParts
from skmtl.export._refusal import refusal


def category_values(categories: Categories) -> list[object]:
    """Known values of a categorical column; the position of a value is its code in exported models."""
    return [value for value in categories.codes if value is not None]


def zone_refusal(encoder: TabularEncoder, position: int) -> NotImplementedError:
    """Error that tells of dates in a time zone, of which exported models know the clocks alone."""
    label = column_label(encoder.column_names_, position)
    cure = "Make dates without one ahead of fit, say by Series.dt.tz_convert(None), or use include_encoder=False"
    return refusal("encoder", encoder, f"X has dates with a time zone in {label}. {cure}")


class Codes(nn.Module):
    """One-hot outputs of one categorical column, from codes; NaN is a missing cell, any other number is unknown.

    Parameters
    ----------
    categories : Categories
        Fitted.
    dtype : torch.dtype
        Of the outputs.
    """

    outputs: Tensor

    def __init__(self, categories: Categories, dtype: torch.dtype) -> None:
        super().__init__()
        values = category_values(categories)
        self.n_values = len(values)
        outputs = np.zeros((self.n_values + 2, categories.n_outputs))  # unknown and missing last
        outputs[range(self.n_values), [categories.codes[value] for value in values]] = 1.0
        if None in categories.codes:
            outputs[-1, categories.codes[None]] = 1.0
        self.register_buffer("outputs", copied(outputs).to(dtype))

    def forward(self, codes: Tensor) -> Tensor:
        """``(row,) -> (row, output)``."""
        known = (codes >= 0) & (codes < self.n_values) & (codes == codes.floor())
        index = torch.where(known, codes, float(self.n_values))
        index = torch.where(codes.isnan(), float(self.n_values + 1), index)
        return F.embedding(index.long(), self.outputs)


class Bins(nn.Module):
    """Piecewise linear encoding.

    Parameters
    ----------
    bins : PiecewiseLinear
        Fitted.
    dtype : torch.dtype
        Of the outputs.
    """

    columns: Tensor
    low: Tensor
    slope: Tensor
    height: Tensor
    line: Tensor

    def __init__(self, bins: PiecewiseLinear, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.register_buffer("columns", copied(bins.columns.astype(np.int64)))
        self.register_buffer("low", copied(bins.low))
        self.register_buffer("slope", copied(bins.slope))
        self.register_buffer("height", copied(bins.height))
        self.register_buffer("line", copied(bins.line).to(dtype))

    def forward(self, filled: Tensor) -> Tensor:
        """Numbers without missing ones ``(row, column)`` to ``(row, output)``."""
        rise = (filled.index_select(1, self.columns) - self.low) * self.slope
        return torch.minimum(rise.clamp(min=0.0), self.height).to(self.dtype)


class TableRows(nn.Module):
    """Encoded rows of a table, as :meth:`TabularEncoder.transform` makes them.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted.
    dtype : torch.dtype
        Of the rows.
    """

    positions: Tensor
    center: Tensor
    scale: Tensor
    indicated: Tensor

    def __init__(self, encoder: TabularEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        for position, dates in zip(encoder.date_positions_, encoder.dates_, strict=True):
            if dates.zoned:
                raise zone_refusal(encoder, position)
        self.dtype = dtype
        n_plain = len(encoder.numeric_positions_) - sum(len(dates.parts) for dates in encoder.dates_)
        self.register_buffer("positions", copied(np.asarray(encoder.numeric_positions_[:n_plain], dtype=np.int64)))
        self.register_buffer("center", copied(encoder.center_))
        self.register_buffer("scale", copied(encoder.scale_))
        self.register_buffer("indicated", copied(encoder.indicated_.astype(np.int64)))
        self.categorical_positions = list(encoder.categorical_positions_)
        self.date_positions = list(encoder.date_positions_)
        self.dates = nn.ModuleList(DateParts(dates, dtype) for dates in encoder.dates_)
        self.codes = nn.ModuleList(Codes(column, dtype) for column in encoder.categories_)
        self.bins = None if encoder.bins_ is None else Bins(encoder.bins_, dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Numbers, NaN where missing, and codes ``(row, column)`` to encoded rows ``(row, n_outputs_)``."""
        X = X.double()
        dated = [dates(X[:, i]) for i, dates in zip(self.date_positions, self.dates, strict=True)]
        numbers = torch.cat([X.index_select(1, self.positions), *(parts for parts, _ in dated)], 1)
        missing = numbers.isnan()
        filled = torch.where(missing, self.center, numbers)
        z = ((filled - self.center) / self.scale).clamp(-FAR, FAR).to(self.dtype)
        z = z / (z * z / CLIP**2 + 1.0).sqrt()
        if self.bins is not None:
            z = z * self.bins.line
        parts = [z]
        if len(self.indicated):
            parts.append(missing.index_select(1, self.indicated).to(self.dtype))
        parts += [codes(X[:, i]) for i, codes in zip(self.categorical_positions, self.codes, strict=True)]
        parts += [cycles for _, cycles in dated]
        if self.bins is not None:
            parts.append(self.bins(filled))
        return torch.cat(parts, 1)
