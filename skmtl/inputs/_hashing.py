"""Numbers that tell rows apart by their content."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

HASHED_CELLS = 1 << 22  # cells hashed at a time
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def row_hashes(encoded: np.ndarray | sp.csr_array, seed: int) -> np.ndarray:
    """A 64-bit number for each row that depends on its content and the seed only, ``(n,)``."""
    constants: np.ndarray = np.random.default_rng(seed).integers(0, 2**64, (encoded.shape[1],), dtype=np.uint64)
    if sp.issparse(encoded):
        mixed = _mix(encoded.data, constants[encoded.indices])
        ends = np.concatenate([[np.uint64(0)], np.cumsum(mixed, dtype=np.uint64)])  # wraps around, as the sums do
        total: np.ndarray = ends[encoded.indptr[1:]] - ends[encoded.indptr[:-1]]
        return total
    step = max(HASHED_CELLS // max(encoded.shape[1], 1), 1)
    parts = [
        _mix(encoded[start : start + step], constants).sum(1, dtype=np.uint64)
        for start in range(0, encoded.shape[0], step)
    ]
    hashes: np.ndarray = np.concatenate(parts)
    return hashes


def _mix(values: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Scramble the bits of each number (the finaliser of splitmix64); -0.0 counts as 0.0."""
    bits: np.ndarray = np.ascontiguousarray(values.astype(np.float64) + 0.0).view(np.uint64) + constants
    bits ^= bits >> np.uint64(30)
    bits *= _MIX[0]
    bits ^= bits >> np.uint64(27)
    bits *= _MIX[1]
    bits ^= bits >> np.uint64(31)
    return bits
