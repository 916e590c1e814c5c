"""Copies of a torch module, one for each member, over the parameter buffer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from skmtl.encoders._extractor import Extractor
from skmtl.encoders._module_probe import Traits, randomness
from skmtl.layers import Initializer, ParameterBuffer, ParameterSpec, Workspace


class ModuleCopies(Extractor):
    """One copy of a module for each member, run one after the other.

    Buffers that training changes, such as running means of batch normalisation, are kept with the parameters, a copy
    for each member. A module that has any is trained on the rows that the member may learn from and on no others. One
    such row leaves the buffers as they are where the module cannot be trained on a single row.

    Parameters
    ----------
    template : torch.nn.Module
        Structure, constant buffers and frozen parameters, which the members share.
    fresh : callable
        From a seed to a module with the weights and statistics that a member starts from.
    input_shape : tuple of int
        Shape in which the module gets a row.
    integers : bool
        Whether it gets int64.
    traits : Traits
        What it does with rows.
    """

    def __init__(
        self,
        template: nn.Module,
        fresh: Callable[[int], nn.Module],
        input_shape: Sequence[int],
        integers: bool,
        traits: Traits,
    ) -> None:
        self.template, self.input_shape, self.integers, self.traits = template, tuple(input_shape), integers, traits
        self.width, self.peak_activations, self.operations, self.draws = traits[:4]
        self._shapes = {name: tuple(p.shape) for name, p in template.named_parameters() if p.requires_grad}
        buffers = dict(template.named_buffers())
        self._statistic_shapes = {name: tuple(buffers[name].shape) for name in traits.statistics}
        self._idle: list[nn.Module] = []
        self._initial = _InitialValues(fresh, [*self._shapes, *traits.statistics])

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Extractor`."""
        learned = [ParameterSpec(f"encoder.{n}", shape, self._initial.of(n)) for n, shape in self._shapes.items()]
        shapes = self._statistic_shapes.items()
        return learned + [ParameterSpec(f"encoder.{n}", shape, self._initial.of(n), owner=None) for n, shape in shapes]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Extractor`."""
        dtype, statistics = buffer.values.dtype, self.traits.statistics
        if statistics and dtype == torch.bfloat16:
            raise ValueError(
                f"encoder: dtype='bfloat16' is too coarse for what the module sums up in training, such as its buffer "
                f"{statistics[0]!r}. Use dtype='float32'."
            )
        self.template.to(buffer.values.device, dtype)
        self._idle.clear()
        names = {name: f"encoder.{name}" for name in self._shapes}
        self._parameters = {n: buffer.views[full] if leaves is None else leaves[full] for n, full in names.items()}
        # Apart from what autograd watches: a forward pass writes here before the backward reads the weights beside it.
        self._statistics = {name: buffer.views[f"encoder.{name}"].data for name in statistics}
        self._members, self._device, self._dtype = buffer.members, buffer.values.device, dtype

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`Extractor`."""
        rows = x.long() if self.integers else x
        rows = rows.unflatten(2, self.input_shape).expand(self._members, *[-1] * (1 + len(self.input_shape)))
        stacked = {name: values.unbind(0) for name, values in self._parameters.items()}
        copies = [{name: values[member] for name, values in stacked.items()} for member in range(self._members)]
        with self._module() as module:
            if workspace.generators is None:
                module.eval()
                return torch.stack(
                    [self._run(module, m, *pair) for m, pair in enumerate(zip(copies, rows, strict=True))]
                )
            outs = []
            for member, generator in enumerate(workspace.generators):
                seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
                mask = None if workspace.row_mask is None else workspace.row_mask[member]
                with randomness(seed, self._device):
                    outs.append(self._train(module, member, copies[member], rows[member], mask))
            return torch.stack(outs)

    def _train(
        self, module: nn.Module, member: int, weights: dict[str, Tensor], rows: Tensor, mask: Tensor | None
    ) -> Tensor:
        """Run in training; with statistics, on the rows that ``mask`` leaves to the member, the others giving 0."""
        if not self.traits.statistics or mask is None or bool(mask.all()):
            module.train(len(rows) > 1 or self.traits.takes_one_row)
            return self._run(module, member, weights, rows)
        out = rows.new_zeros(len(rows), self.width, dtype=self._dtype)
        own = mask.nonzero()[:, 0]
        if not len(own):
            return out
        return out.index_copy(0, own, self._train(module, member, weights, rows[own], None))

    def _run(self, module: nn.Module, member: int, weights: dict[str, Tensor], rows: Tensor) -> Tensor:
        """Run with a member's weights and statistics, which follow in training."""
        parts = {name: _part(module, name) for name in self._statistics}
        for name, (part, buffer) in parts.items():
            setattr(part, buffer, self._statistics[name][member].to(getattr(part, buffer).dtype, copy=True))
        out: Tensor = functional_call(module, weights, (rows,))
        if module.training:
            for name, (part, buffer) in parts.items():
                self._statistics[name][member].copy_(getattr(part, buffer).detach())
        return out.flatten(1) if out.ndim > 1 else out[:, None]

    @contextmanager
    def _module(self) -> Iterator[nn.Module]:
        """A module for one thread alone, since running it puts a member's weights in; all share the constants.

        The template is never run, so that it can be copied at any time.
        """
        try:
            module = self._idle.pop()
        except IndexError:
            tensors = [*self.template.parameters(), *self.template.buffers()]
            module = copy.deepcopy(self.template, {id(tensor): tensor for tensor in tensors})
        try:
            yield module
        finally:
            self._idle.append(module)


def _part(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The submodule that has a buffer, and the buffer's name in it."""
    path, _, buffer = name.rpartition(".")
    return module.get_submodule(path), buffer


class _InitialValues:
    """Initial weights and statistics of a member, drawn together when the first of them is asked for."""

    def __init__(self, fresh: Callable[[int], nn.Module], names: list[str]) -> None:
        self.fresh, self.names = fresh, names
        self._drawn: dict[str, np.ndarray] = {}

    def of(self, name: str) -> Initializer:
        """Initial values of a parameter."""

        def initial(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            if name == self.names[0]:
                module = self.fresh(int(generator.integers(2**62)))
                tensors = [*module.named_parameters(), *module.named_buffers()]
                self._drawn = {name: tensor.detach().numpy() for name, tensor in tensors}
            return self._drawn[name]

        return initial
