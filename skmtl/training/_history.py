"""What happened, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class History:
    """Collects arrays ``(member, task)``, and what a step recorded, in the order that the network sees the tasks."""

    def __init__(self) -> None:
        self._epochs: list[tuple[Tensor, Tensor | None, Tensor, np.ndarray]] = []
        self._records: list[dict[str, Tensor]] = []

    def append(
        self,
        loss: Tensor,
        validation_loss: Tensor | None,
        weight: Tensor,
        active: np.ndarray,
        records: dict[str, Tensor],
    ) -> None:
        """Add an epoch; members that had stopped before it get NaN. The tensors are kept as they are, not copied."""
        self._epochs.append((loss, validation_loss, weight, active))
        self._records.append(records)

    def __len__(self) -> int:
        return len(self._epochs)

    def select(self, members: Tensor) -> History:
        """History of some of the members, as long as one of them was training."""
        chosen, index = History(), members.cpu().numpy()
        for (loss, held_out, weight, active), records in zip(self._epochs, self._records, strict=True):
            if not active[index].any():
                break
            of_members = None if held_out is None else held_out.expand_as(loss)[members]
            recorded = {name: values[members] for name, values in records.items()}
            chosen.append(loss[members], of_members, weight.expand_as(loss)[members], active[index], recorded)
        return chosen

    def arrays(self, first: int = 0) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task)`` by quantity, from epoch ``first`` on; pairs of tasks have a further axis."""
        epochs = self._epochs[first:]
        if not epochs:
            return dict.fromkeys(("loss", "validation_loss", "weight"), np.empty((0, 0, 0)))
        losses, held_out, weights, active = zip(*epochs, strict=True)
        stopped = ~np.asarray(active, dtype=bool).reshape(len(losses), -1)
        quantities = {"loss": losses, "validation_loss": held_out, "weight": weights}
        arrays = {name: _stack(values, losses) for name, values in quantities.items()}
        for name in self._records[first]:
            values = [records[name] for records in self._records[first:]]
            arrays[name] = _stack(values, values)
        for array in arrays.values():
            array[stopped] = np.nan
        return arrays


def _stack(values: Sequence[Tensor | None], like: Sequence[Tensor]) -> np.ndarray:
    """Stack epochs as float64; NaN where there is no value."""
    blank = torch.full_like(like[0], np.nan)
    full = [blank if value is None else value.expand_as(blank) for value in values]
    stacked: np.ndarray = torch.stack(full).double().cpu().numpy()
    return stacked
