"""What happened, epoch by epoch."""

from __future__ import annotations

import numpy as np
from torch import Tensor


class History:
    """Collects one array ``(member, task)`` a quantity and epoch, in the order that the network sees the tasks."""

    QUANTITIES = ("loss", "validation_loss", "weight")

    def __init__(self) -> None:
        self._epochs: dict[str, list[np.ndarray]] = {name: [] for name in self.QUANTITIES}

    def append(self, loss: Tensor, validation_loss: Tensor | None, weight: Tensor, active: np.ndarray) -> None:
        """Add an epoch; members that had stopped before it get NaN."""
        values = {"loss": loss, "validation_loss": validation_loss, "weight": weight}
        for name, value in values.items():
            row = np.full(tuple(loss.shape), np.nan)
            if value is not None:
                row[active] = value.expand(loss.shape).double().cpu().numpy()[active]
            self._epochs[name].append(row)

    def __len__(self) -> int:
        return len(self._epochs["loss"])

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task)`` by quantity."""
        return {name: np.stack(rows) if rows else np.empty((0, 0, 0)) for name, rows in self._epochs.items()}
