"""Constants of modules."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def copied(array: np.ndarray) -> Tensor:
    """Copy of an array, which later changes of a module leave alone."""
    return torch.from_numpy(np.array(array, order="C"))
