"""What a torch module makes of rows, found by running it on a few."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

PROBED_ROWS = 2  # a batch of one is refused by normalisation over rows


class Traits(NamedTuple):
    """What was found by running a module on a few rows.

    Attributes
    ----------
    width, peak_activations, operations, draws
        See :class:`Extractor`.
    statistics : tuple of str
        Names of the buffers that training changes.
    takes_one_row : bool
        Whether it can be trained on a batch of one row, which normalisation over rows cannot.
    """

    width: int
    peak_activations: int
    operations: int
    draws: bool
    statistics: tuple[str, ...]
    takes_one_row: bool


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


def probe(module: nn.Module, rows: Tensor) -> Traits:
    """Find out what a module does with rows in training; it is changed by this.

    Raises
    ------
    ValueError
        If it fails, or normalises by the rows of a batch in predictions too.
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None:
            raise ValueError(
                f"encoder: the batch normalisation {name!r} has no running statistics, so that a prediction would "
                f"depend on the rows beside it and one of a single row would fail. Leave track_running_stats=True, or "
                f"use GroupNorm or LayerNorm."
            )
    before = {name: (buffer._version, buffer, buffer.clone()) for name, buffer in module.named_buffers()}
    with torch.no_grad(), randomness(0):
        state = torch.get_rng_state()
        width, peak_activations, operations = _measure(module.train(), rows)
        draws = not torch.equal(torch.get_rng_state(), state)
        takes_one_row = _takes(module, rows[:1])
    after = dict(module.named_buffers())
    statistics = tuple(name for name, known in before.items() if _has_changed(after[name], *known))
    return Traits(width, peak_activations, operations, draws, statistics, takes_one_row)


def _measure(module: nn.Module, rows: Tensor) -> tuple[int, int, int]:
    """Width of the output, peak activations and multiplications for a row."""
    sizes, operations = [0], [0]

    def watch(part: nn.Module, _: object, out: object) -> None:
        if isinstance(out, Tensor):
            sizes.append(out.numel() // len(rows))
            weights = [p for p in part.parameters(recurse=False) if p.ndim > 1]
            operations.extend(p.numel() * max(sizes[-1] // p.shape[0], 1) for p in weights)

    hooks = [part.register_forward_hook(watch) for part in module.modules()]
    width = run(module, rows).shape[1]
    for hook in hooks:
        hook.remove()
    return width, max(sizes), max(sum(operations), sum(p.numel() for p in module.parameters()))


def _takes(module: nn.Module, rows: Tensor) -> bool:
    try:
        run(module, rows)
    except ValueError:
        return False
    return True


def _has_changed(buffer: Tensor, version: int, before: Tensor, value: Tensor) -> bool:
    """Whether a buffer was replaced or written to, also with the value that it had."""
    return buffer is not before or buffer._version != version or not torch.equal(buffer, value)
