"""Dynamic weight average."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from skmtl._params import require_number
from skmtl.balancing._balancer import Balancer, BalancerInputs
from skmtl.balancing._weights import masked_softmax, normalise


class _Epochs(NamedTuple):
    """Losses of the running epoch, and the mean losses of the two before it."""

    epoch: int
    total: Tensor
    batches: Tensor
    last: Tensor
    last_but_one: Tensor


class DWA(Balancer):
    """Weights softmax(r / temperature), r_t = L_t(e - 1) / L_t(e - 2): more for tasks whose loss falls slowly.

    L_t(e) is the mean of the losses on the batches of epoch e. The weights are equal in the first two epochs, are
    multiplied by the loss weights and normalised to sum 1.

    Parameters
    ----------
    temperature : float, default=2.0
        The larger, the more equal the weights.

    References
    ----------
    Liu, S., Johns, E. and Davison, A. J. (2019). End-to-end multi-task learning with attention. CVPR.
    """

    needs = frozenset({"losses", "epoch"})

    def __init__(self, temperature: float = 2.0) -> None:
        self.temperature = temperature

    def start(self, loss_weights: Tensor) -> Any:
        """No epoch yet; see :meth:`Balancer.start`."""
        require_number(self.label("temperature"), self.temperature, positive=True)
        zero, unknown = torch.zeros_like(loss_weights), torch.full_like(loss_weights, torch.nan)
        return _Epochs(0, zero, zero, unknown, unknown)

    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Softmax of the loss ratios; see :meth:`Balancer.weights`."""
        assert inputs.losses is not None
        assert inputs.epoch is not None
        present = loss_weights > 0
        epochs = state if inputs.epoch == state.epoch else _next(state, inputs.epoch)
        ratio = epochs.last / epochs.last_but_one
        rate = torch.where(ratio.isfinite(), ratio, 1.0)  # unknown yet, or a loss of 0
        weights = normalise(masked_softmax(rate / self.temperature, present), loss_weights)
        total = epochs.total + torch.where(present, inputs.losses, 0.0)
        return weights, epochs._replace(total=total, batches=epochs.batches + present)


def _next(epochs: _Epochs, epoch: int) -> _Epochs:
    zero = torch.zeros_like(epochs.total)
    return _Epochs(epoch, zero, zero, epochs.total / epochs.batches, epochs.last)
