"""The network: layers and parameters of all members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl._state import State, pack, unpack
from skmtl._torch_state import torch_settings
from skmtl.encoders import Encoder
from skmtl.layers import ParameterBuffer, Workspace
from skmtl.network._architecture import Architecture
from skmtl.network._layers import Layers, keep_largest, read_indices
from skmtl.network._mixed_precision import MixedPrecisionPasses
from skmtl.network._passes import Passes, single_precision_passes
from skmtl.sharing import SHARINGS, SharingStatistic

_STATE_TYPES: dict[str, type] = {"architecture": Architecture, **SHARINGS}


class Network:
    """The networks of all members, in one parameter buffer.

    Pickles as its architecture and CPU arrays: no torch object, no gradient, nothing of the run that trained it.

    Parameters
    ----------
    architecture : Architecture
        Shapes and kinds of the layers.
    device : torch.device
        Where it computes.
    parameters : mapping of str to ndarray, optional
        Of all members, by name; zeros by default.

    Attributes
    ----------
    n_outputs : int
        Number of outputs of all tasks.
    n_parameters, operations : int
        Number of parameters of one member, and of its multiplications for a row.
    peak_activations : int
        Peak activations per row and member.
    draws : bool
        Whether a training pass draws random numbers.
    reads_parts : bool
        Whether training passes take rows for parts of the members, and not only for all or for each.
    """

    def __init__(
        self, architecture: Architecture, device: torch.device, parameters: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self.architecture, self.device = architecture, device
        self.layers = layers = Layers(architecture, device)
        dtype = getattr(torch, architecture.dtype)
        self.buffer = ParameterBuffer(layers.specs, architecture.members, dtype, device, parameters)
        layers.bind(self.buffer)
        self.n_outputs = sum(architecture.n_outputs)
        self.n_parameters = self.operations = sum(s.size for s in self.buffer.specs if s.owner is not None)
        of_tasks = max(architecture.task_layer_sizes, default=0) * len(architecture.n_outputs)
        self.peak_activations = max(max(architecture.hidden_layer_sizes, default=1) * layers.body.copies, of_tasks)
        self.draws = any(architecture.dropout) or architecture.input_dropout > 0 or layers.body.draws
        self.reads_parts = not layers.inputs and layers.body.stack is not None and bool(layers.body.specs)
        if layers.extractor is not None:
            self.operations = max(self.operations, layers.extractor.operations)
            self.peak_activations = max(self.peak_activations, layers.extractor.peak_activations)
            self.draws = self.draws or layers.extractor.draws

    def training_passes(
        self,
        generators: list[torch.Generator],
        *,
        matmul_dtype: str | None = None,
        autograd: bool = False,
        parts: Sequence[int] = (),
    ) -> Passes:
        """Forward and backward over this network's parameters.

        Parameters
        ----------
        generators : list of torch.Generator
            One stream a member for dropout.
        matmul_dtype : str, optional
            Name of the torch type that the layers compute in, by default that of the parameters.
        autograd : bool, default=False
            Forces the recorded form.
        parts : sequence of int, optional
            Numbers of neighbouring members that read the same rows, where not all do; see ``reads_parts``.
        """
        if matmul_dtype not in (None, self.architecture.dtype):
            return MixedPrecisionPasses(self.architecture, self.buffer, generators, matmul_dtype, parts)
        return single_precision_passes(self.architecture, self.buffer, generators, parts, autograd)

    def __call__(self, x: Tensor, workspace: Workspace | None = None) -> Tensor:
        """Outputs without dropout: ``(1 or member, row, feature) -> (member, row, output)``.

        With a ``workspace`` that reuses memory the outputs hold until its next use.
        """
        return self.layers.forward(x, workspace or Workspace())

    @classmethod
    def stack(cls, networks: Sequence[Network]) -> Network:
        """Stack the members of networks of one architecture; a single network is returned itself."""
        first = networks[0]
        if len(networks) == 1:
            return first
        stacked = cls(Architecture.stack([network.architecture for network in networks]), first.device)
        for spec in stacked.buffer.specs:
            torch.cat([network.buffer.views[spec.name] for network in networks], out=stacked.buffer.views[spec.name])
        return stacked

    def select(
        self, members: Sequence[int], values: Tensor | None = None, architecture: Architecture | None = None
    ) -> Network:
        """Return the network of some of the members: the inverse of :meth:`stack`.

        Parameters
        ----------
        members : sequence of int
            Which members.
        values : Tensor, optional
            Parameters of all members in the layout of the buffer, by default those of the buffer.
        architecture : Architecture, optional
            Of the members before they were stacked, by default this network's. The scale of the inputs is always this
            network's.

        Returns
        -------
        Network
            With its own parameters.
        """
        own = self.architecture.of(members)
        known = replace(architecture or own, input_scale=own.input_scale, n_read=own.n_read)
        chosen = Network(known, self.device)
        values = self.buffer.values if values is None else values
        if list(members) != list(range(self.buffer.members)):
            values = self.buffer.pick(values, torch.as_tensor(members, device=self.device))
        chosen.buffer.values.copy_(values)
        return chosen

    def with_input_scale(self, factors: np.ndarray, n_read: int | None = None) -> Network:
        """Return a copy that multiplies its inputs by factors.

        Parameters
        ----------
        factors : ndarray of shape (member, n_inputs)
            Of the inputs.
        n_read : int, optional
            How many inputs with the largest factors each member goes on reading; by default all. The weights of the
            others are left out, and their factors are 0.

        Returns
        -------
        Network
            With its own parameters.
        """
        if n_read is not None:
            factors = keep_largest(factors, n_read)
        scaled = Network(replace(self.architecture, input_scale=factors, n_read=n_read), self.device)
        indices = torch.from_numpy(read_indices(factors, n_read or factors.shape[1])).to(self.device)
        for spec in scaled.buffer.specs:
            values, chosen = self.buffer.views[spec.name], scaled.buffer.views[spec.name]
            for axis, (size, kept) in enumerate(zip(values.shape, chosen.shape, strict=True)):
                if size != kept:  # the axis of the inputs
                    own = zip(values, indices, strict=True)
                    values = torch.stack([value.index_select(axis - 1, read) for value, read in own])
            chosen.copy_(values)
        return scaled

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Measures of sharing by name, on rows ``(1 or member, row, feature)``."""
        with torch.no_grad():
            return self.layers.body.sharing_statistics(self.layers.prepare(x, Workspace()))

    def copy(self, device: torch.device | None = None) -> Network:
        """Return a network with parameters of its own, on another device if one is given."""
        copy = Network(self.architecture, device or self.device)
        copy.buffer.values.copy_(self.buffer.values)
        return copy

    def state(self) -> State:
        """Architecture and parameters as data, without the encoder.

        Returns
        -------
        dict
            What ``json.dumps`` takes.
        dict of str to ndarray
            What ``numpy.savez`` takes.

        Raises
        ------
        TypeError
            If ``sharing`` is of a class that is not in ``SHARINGS``.
        """
        content = {"architecture": self.architecture, "parameters": self.buffer.arrays()}
        return pack(content, "network", _STATE_TYPES, frozenset({"encoder"}))

    @classmethod
    def from_state(
        cls,
        state: dict[str, Any],
        arrays: Mapping[str, np.ndarray],
        encoder: Encoder | None = None,
        device: torch.device | None = None,
    ) -> Network:
        """Make a network from what :meth:`state` gave.

        Parameters
        ----------
        state : dict
            From JSON.
        arrays : mapping of str to ndarray
            The arrays.
        encoder : Encoder, optional
            The fitted encoder, if the architecture has one; it is kept and not copied.
        device : torch.device, optional
            Where it computes; the CPU by default.

        Returns
        -------
        Network
            With the same outputs, bit by bit.

        Raises
        ------
        ValueError
            If the architecture has an encoder and none is given.
        """
        content = unpack(state, arrays, _STATE_TYPES, {} if encoder is None else {"encoder": encoder})
        network = cls(content["architecture"], device or torch.device("cpu"))
        network.buffer.load(content["parameters"])
        return network

    def __getstate__(self) -> dict[str, Any]:
        return {"architecture": self.architecture, "parameters": self.buffer.arrays()}

    @torch_settings()
    def __setstate__(self, state: dict[str, Any]) -> None:
        Network.__init__(self, state["architecture"], torch.device("cpu"))
        self.buffer.load(state["parameters"])
