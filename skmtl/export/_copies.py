"""Constants of modules."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def copied(array: np.ndarray) -> Tensor:
    """Copy of an array in memory of torch's own, without which programs warn of empty ones."""
    return torch.tensor(np.asarray(array, order="C"))
