"""A fitted network as a torch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from skmtl.layers import ParameterBuffer, Workspace
from skmtl.network import Network
from skmtl.network._layers import Layers


class _Values(ParameterBuffer):
    """Parameters of a module in the place of a buffer; nobody asks for their gradients."""

    def __init__(self, views: dict[str, Tensor], members: int) -> None:
        self.views = self.gradient_views = views
        self.values, self.members = next(iter(views.values())), members


class NetworkModule(nn.Module):
    """Outputs of all members: the layers of a network over parameters of this module.

    Parameters
    ----------
    network : Network
        Fitted; its values are copied.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.architecture = network.architecture
        self.names = {spec.name: spec.name.replace(".", "__") for spec in network.buffer.specs}
        for spec in network.buffer.specs:
            value = network.buffer.views[spec.name].detach().cpu().clone()
            if spec.owner is None:
                self.register_buffer(self.names[spec.name], value)
            else:
                self.register_parameter(self.names[spec.name], nn.Parameter(value))
        self._build(torch.device("cpu"))

    def _build(self, device: torch.device) -> None:
        self._layers, self._device = Layers(self.architecture, device), device
        if self._layers.extractor is not None:
            self._layers.extractor.fix_shapes()

    def forward(self, rows: Tensor) -> Tensor:
        """Encoded rows ``(row, n_inputs)`` to ``(member, row, output)``."""
        if rows.device != self._device:
            self._build(rows.device)
        values = {name: getattr(self, own) for name, own in self.names.items()}
        self._layers.bind(_Values(values, self.architecture.members))
        return self._layers.forward(rows[None], Workspace())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_layers", "_device")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._build(torch.device("cpu"))
