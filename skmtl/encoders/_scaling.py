"""Numbers on one robust scale, clipped smoothly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skmtl.encoders._columns import Array
from skmtl.encoders._encoder import FloatArray
from skmtl.inputs import weighted_quantile

FAR = 1e15  # encodes as the bound does, and its square is a float32
CLIP = 3.0  # bound of an encoded number
LEAST_REST = 1e-4  # of 1 - (encoded / bound)^2 where a clip is undone: single precision knows no less
_RESOLUTION = 16 * np.finfo(np.float64).eps  # a spread below this fraction of the values is rounding, not data
_ELEMENTS_AT_ONCE = 2**16  # rows scaled together stay in the cache


def center_and_scale(values: Array, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, first, median, third, high = weighted_quantile(values, weights, (0.0, 0.25, 0.5, 0.75, 1.0))
    resolution = _RESOLUTION * np.maximum(np.abs(low), np.abs(high))
    scale = third - first
    narrow = ~(scale > resolution)
    distance = np.abs(values[:, narrow] - median[narrow])
    distance[distance <= resolution[narrow]] = np.nan
    scale[narrow] = 0.5 * weighted_quantile(distance, weights, (0.5,))[0]
    return np.where(np.isnan(median), 0.0, median), np.where(np.isnan(scale), np.inf, scale)


def sparse_scale(values: sp.csr_array) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Largest absolute value of each column, infinite where there is none, and which columns miss values."""
    size, missing = np.zeros(values.shape[1]), np.zeros(values.shape[1], dtype=bool)
    is_missing = np.isnan(values.data)
    missing[values.indices[is_missing]] = True
    np.maximum.at(size, values.indices, np.where(is_missing, 0.0, np.abs(values.data)))
    return np.where(size > 0.0, size, np.inf), missing


def scale_numbers(values: Array, center: FloatArray, scale: FloatArray, out: FloatArray) -> None:
    """Write the encoded numbers into ``out``; a missing value becomes the median's 0."""
    step = max(1, _ELEMENTS_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        rows = out[start : start + step]
        difference = values[start : start + step] - center  # in float64, where close numbers keep their digits
        rows[:] = divide(difference, scale)
        smooth_clip(rows)
        missing = np.isnan(rows)
        if missing.any():
            rows[missing] = 0.0


def divide(difference: FloatArray, scale: FloatArray) -> FloatArray:
    """Divide in place; what is beyond ``FAR``, or the range of floats where scales are tiny, becomes ``FAR``."""
    with np.errstate(over="ignore"):
        difference /= scale
    return difference.clip(-FAR, FAR, out=difference)


def smooth_clip(z: FloatArray) -> FloatArray:
    """``z / sqrt(1 + (z / 3)**2)``, in place."""
    square = z * z
    square *= 1.0 / CLIP**2
    square += 1.0
    z /= np.sqrt(square, out=square)
    return z


def unclip(encoded: FloatArray, bounds: FloatArray) -> FloatArray:
    """Undo the smooth clip of numbers with these bounds, up to 300 IQR; where a bound is infinite, nothing is done."""
    relative = np.minimum(np.square(encoded / bounds), 1 - LEAST_REST)
    straight: FloatArray = encoded / np.sqrt(1 - relative)
    return straight
