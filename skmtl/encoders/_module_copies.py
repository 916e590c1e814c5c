"""Copies of a torch module, one for each member, over the parameter buffer."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from skmtl.encoders._extractor import Extractor
from skmtl.layers import Initializer, ParameterBuffer, ParameterSpec, Workspace

PROBED_ROWS = 2  # a batch of one is refused by normalisation over rows


class Sizes(NamedTuple):
    """Sizes of a module's work on one row; see :class:`Extractor`."""

    width: int
    peak_activations: int
    operations: int


_generator_lock = threading.RLock()  # of torch's global generators
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_generator_lock.acquire,
        after_in_parent=_generator_lock.release,
        after_in_child=_generator_lock.release,
    )


@contextmanager
def randomness(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators, for one thread at a time; they are restored afterwards."""
    on_gpu = device is not None and device.type == "cuda"
    with _generator_lock, torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def run(module: nn.Module, rows: Tensor) -> Tensor:
    """Run a module on a batch and flatten what it gives: ``(row, ...) -> (row, feature)``.

    Raises
    ------
    ValueError
        If it fails, or does not give a tensor with an entry for each row.
    """
    try:
        out = module(rows)
    except Exception as error:
        raise ValueError(
            f"encoder: the module {type(module).__name__} fails on a batch of shape {tuple(rows.shape)} and type "
            f"{rows.dtype}: {error} Set input_shape and input_type of ModuleEncoder to what it expects."
        ) from error
    if not isinstance(out, Tensor) or not out.is_floating_point() or out.shape[:1] != rows.shape[:1]:
        found = f"shape {tuple(out.shape)}, {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
        raise ValueError(
            f"encoder: the module {type(module).__name__} must turn a batch of {len(rows)} rows into a float tensor "
            f"with {len(rows)} rows; got {found}. Wrap it in one that does."
        )
    return out.flatten(1) if out.ndim > 1 else out[:, None]


def probe(module: nn.Module, rows: Tensor) -> Sizes:
    """Sizes of what a module makes of a row.

    Raises
    ------
    ValueError
        If it fails, normalises by the rows of a batch, or changes its buffers in training.
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
            raise ValueError(
                f"encoder: the batch normalisation {name!r} has no running statistics, so that a prediction would "
                f"depend on the rows beside it and a batch of one row would fail. Use GroupNorm or LayerNorm instead."
            )
    sizes = [0]
    operations = [0]

    def watch(part: nn.Module, _: object, out: object) -> None:
        if isinstance(out, Tensor):
            sizes.append(out.numel() // len(rows))
            weights = [p for p in part.parameters(recurse=False) if p.ndim > 1]
            operations.extend(p.numel() * max(sizes[-1] // p.shape[0], 1) for p in weights)

    hooks = [part.register_forward_hook(watch) for part in module.modules()]
    before = {name: (buffer._version, buffer.clone()) for name, buffer in module.named_buffers()}
    with torch.no_grad(), randomness(0):
        width = run(module.train(), rows).shape[1]
    for hook in hooks:
        hook.remove()
    for name, buffer in module.named_buffers():
        version, value = before[name]
        if buffer._version != version or not torch.equal(buffer, value):
            raise ValueError(
                f"encoder: the module changes its buffer {name!r} in training; members, and rows held out, would share "
                f"it. Use a layer without running statistics in place of batch normalisation: GroupNorm or LayerNorm."
            )
    weights = sum(p.numel() for p in module.parameters())
    return Sizes(width, max(sizes), max(sum(operations), weights))


class ModuleCopies(Extractor):
    """One copy of a module for each member, run one after the other.

    Parameters
    ----------
    template : torch.nn.Module
        Structure, buffers and frozen parameters, which the members share.
    fresh : callable
        From a seed to a module with the weights that a member starts from.
    input_shape : tuple of int
        Shape in which the module gets a row.
    integers : bool
        Whether it gets int64.
    sizes : Sizes
        What it makes of a row.
    """

    def __init__(
        self,
        template: nn.Module,
        fresh: Callable[[int], nn.Module],
        input_shape: Sequence[int],
        integers: bool,
        sizes: Sizes,
    ) -> None:
        self.template, self.input_shape, self.integers = template, tuple(input_shape), integers
        self.width, self.peak_activations, self.operations = sizes
        self._shapes = {name: tuple(p.shape) for name, p in template.named_parameters() if p.requires_grad}
        self._idle: list[nn.Module] = []
        self._initial = _InitialWeights(fresh, list(self._shapes))

    @property
    def specs(self) -> list[ParameterSpec]:
        """See :class:`Extractor`."""
        return [ParameterSpec(f"encoder.{n}", shape, self._initial.of(n)) for n, shape in self._shapes.items()]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """See :class:`Extractor`."""
        self.template.to(buffer.values.device, buffer.values.dtype)
        self._idle.clear()
        names = {name: f"encoder.{name}" for name in self._shapes}
        self._parameters = {n: buffer.views[full] if leaves is None else leaves[full] for n, full in names.items()}
        self._members, self._device = buffer.members, buffer.values.device

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`Extractor`."""
        rows = x.long() if self.integers else x
        rows = rows.unflatten(2, self.input_shape).expand(self._members, *[-1] * (1 + len(self.input_shape)))
        stacked = {name: values.unbind(0) for name, values in self._parameters.items()}
        copies = [{name: values[member] for name, values in stacked.items()} for member in range(self._members)]
        with self._module() as module:
            module.train(workspace.training)
            if workspace.generators is None:
                return torch.stack([_run(module, *pair) for pair in zip(copies, rows, strict=True)])
            outs = []
            for weights, own_rows, generator in zip(copies, rows, workspace.generators, strict=True):
                seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
                with randomness(seed, self._device):
                    outs.append(_run(module, weights, own_rows))
            return torch.stack(outs)

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


def _run(module: nn.Module, parameters: dict[str, Tensor], rows: Tensor) -> Tensor:
    out: Tensor = functional_call(module, parameters, (rows,))
    return out.flatten(1) if out.ndim > 1 else out[:, None]


class _InitialWeights:
    """Initial values of all parameters of a member, drawn together when the first of them is asked for."""

    def __init__(self, fresh: Callable[[int], nn.Module], names: list[str]) -> None:
        self.fresh, self.names = fresh, names
        self._drawn: dict[str, np.ndarray] = {}

    def of(self, name: str) -> Initializer:
        """Initial values of a parameter."""

        def initial(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            if name == self.names[0]:
                module = self.fresh(int(generator.integers(2**62)))
                self._drawn = {n: p.detach().numpy() for n, p in module.named_parameters()}
            return self._drawn[name]

        return initial
