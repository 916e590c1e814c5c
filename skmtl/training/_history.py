"""What happened, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack


class History:
    """Collects arrays ``(member, task)``, and what a step recorded, in the order that the network sees the tasks."""

    def __init__(self) -> None:
        self._settled: dict[str, np.ndarray] = {}  # arrays of the epochs before those of the lists
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
        return self._n_settled + len(self._epochs)

    @property
    def _n_settled(self) -> int:
        return len(self._settled["loss"]) if self._settled else 0

    def state(self) -> State:
        """Arrays of all epochs as data; see :class:`Resumable`."""
        self._settle()
        return pack(self._settled, "history", {})

    def load_state(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on after the epochs of a state."""
        self._settled, self._epochs, self._records = unpack(state, arrays, {}, {}), [], []

    def select(self, members: Tensor) -> History:
        """History of some of the members, as long as one of them was training."""
        chosen, index = History(), members.cpu().numpy()
        if len(self):
            arrays = {name: values[:, index] for name, values in self.arrays().items()}
            trained = ~np.isnan(arrays["weight"]).all(axis=(1, 2))
            n_epochs = len(trained) - int(trained[::-1].argmax()) if trained.any() else 0
            chosen._settled = {name: values[:n_epochs] for name, values in arrays.items()}
        return chosen

    def arrays(self, first: int = 0) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task)`` by quantity, from epoch ``first`` on; pairs of tasks have a further axis."""
        if not len(self):
            return dict.fromkeys(("loss", "validation_loss", "weight"), np.empty((0, 0, 0)))
        if first > 0 and first >= self._n_settled:
            return self._read(first - self._n_settled)
        self._settle()
        return {name: values[first:] for name, values in self._settled.items()}

    def _settle(self) -> None:
        """Turn the lists into arrays, once."""
        if self._epochs:
            fresh, past = self._read(0), self._settled
            self._settled = {n: np.concatenate([past[n], fresh[n]]) for n in fresh} if past else fresh
            self._epochs, self._records = [], []

    def _read(self, first: int) -> dict[str, np.ndarray]:
        """Arrays of the epochs in the lists from ``first`` on."""
        epochs = self._epochs[first:]
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
