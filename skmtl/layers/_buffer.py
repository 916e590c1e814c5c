"""Parameters: how layers declare them, their initial values, and the flat buffer of all members."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

Initializer = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter of one member, as a layer declares it.

    Attributes
    ----------
    name : str
        Unique within the network.
    shape : tuple of int
        Shape for one member.
    initial : callable
        Draws the initial values of one member from its generator.
    owner : {"shared", "task"} or None
        Whether several tasks use the parameter or a single one; None for a statistic, which has no gradient: forward
        passes in training change it, or penalties at the end of an epoch.
    hidden : bool
        Whether it holds the weights of hidden layers, ``(..., n_inputs, n_outputs)``.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initializer
    owner: Literal["shared", "task"] | None = "shared"
    hidden: bool = False

    @property
    def size(self) -> int:
        """Number of values of one member."""
        return math.prod(self.shape)


class ParameterBuffer:
    """Values and gradients of all parameters, contiguous, so that one fused pass updates them.

    The buffer is a sequence of blocks, one a parameter, each of shape ``(member, *shape)``. Every layer works on views
    of its blocks; the optimizer sees the flat tensors only. Statistics come last and are no part of what it sees.

    Parameters
    ----------
    specs : sequence of ParameterSpec
        The parameters, in the order of their blocks.
    members : int
        Number of members.
    dtype : torch.dtype
        Type of values and gradients.
    device : torch.device
        Where they live.
    arrays : mapping of str to ndarray, optional
        The values by name of the parameter, as :meth:`arrays` gives them; zeros by default.

    Attributes
    ----------
    values : Tensor of shape (values,)
        Of all parameters.
    learned : Tensor of shape (learned,)
        The part of ``values`` without statistics.
    gradient : Tensor of shape (learned,)
        Gradient of that part.
    views, gradient_views : dict of str to Tensor
        Values and gradients by name of the parameter, ``(member, *shape)``.
    """

    def __init__(
        self,
        specs: Sequence[ParameterSpec],
        members: int,
        dtype: torch.dtype,
        device: torch.device,
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._learned = [spec for spec in specs if spec.owner is not None]
        self.specs = *self._learned, *(spec for spec in specs if spec.owner is None)
        self.members = members
        sizes = [members * spec.size for spec in self.specs]
        if arrays is None:
            self.values = torch.zeros(sum(sizes), dtype=dtype, device=device)
        else:  # in one pass over new memory
            parts = [torch.from_numpy(arrays[spec.name]).reshape(-1) for spec in self.specs]
            self.values = torch.cat(parts).to(device, dtype)
        self.learned = self.values[: sum(sizes[: len(self._learned)])]
        self.gradient = _untouched_zeros(self.learned)
        self.views = self._blocks(self.values)
        self.gradient_views = self._blocks(self.gradient)

    def _blocks(self, flat: Tensor) -> dict[str, Tensor]:
        """Blocks of a tensor in the layout of ``values`` or of ``learned``."""
        specs = self.specs if len(flat) == len(self.values) else self._learned
        blocks = flat.split([self.members * spec.size for spec in specs])
        return {s.name: b.view(self.members, *s.shape) for s, b in zip(specs, blocks, strict=True)}

    def initialise(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw each member's values from its generator, in float64, so that the draws do not depend on the dtype."""
        for member, generator in enumerate(generators):
            for spec in self.specs:
                initial = spec.initial(generator, spec.shape)
                self.views[spec.name][member] = torch.as_tensor(initial, dtype=self.values.dtype)

    def leaves(self) -> dict[str, Tensor]:
        """Views that autograd treats as leaves and whose ``grad`` is the gradient buffer."""
        leaves = {}
        for name, gradient in self.gradient_views.items():
            leaf = self.views[name].detach().requires_grad_()
            leaf.grad = gradient
            leaves[name] = leaf
        return leaves

    def blocks_of(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pairs of blocks ``(member, *shape)``: of ``flat``, which has the layout of ``values``, and of the values."""
        return list(zip(self._blocks(flat).values(), self.views.values(), strict=True))

    def pick(self, flat: Tensor, members: Tensor) -> Tensor:
        """Members' part of ``flat``, of the layout of ``values`` or ``learned``, in that of a buffer of theirs."""
        return torch.cat([block[members].flatten() for block in self._blocks(flat).values()])

    def parts(self, flat: Tensor, members: slice) -> list[Tensor]:
        """Views of consecutive members' part of each block of ``flat``, of the layout of ``values`` or ``learned``."""
        return [block[members].view(-1) for block in self._blocks(flat).values()]

    def per_member(self, coefficients: Tensor) -> Tensor:
        """Repeat one coefficient for each member in the flat layout: ``(member,) -> (learned,)``."""
        return torch.cat([coefficients.repeat_interleave(spec.size) for spec in self._learned])

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of the values as arrays on the CPU, by name."""
        return {name: view.detach().cpu().numpy().copy() for name, view in self.views.items()}

    def load(self, arrays: dict[str, Any]) -> None:
        """Read back what :meth:`arrays` gave."""
        for name, view in self.views.items():
            view.copy_(torch.tensor(arrays[name]))


def _untouched_zeros(like: Tensor) -> Tensor:
    """Zeros that take no memory on a CPU before they are written to: networks that only predict have no gradients."""
    if like.device.type != "cpu" or like.dtype == torch.bfloat16:  # which numpy has not
        return torch.zeros_like(like)
    return torch.from_numpy(np.zeros(like.shape, dtype=str(like.dtype).removeprefix("torch.")))


def uniform(bound: float) -> Initializer:
    """Uniform in ``[-bound, bound]``."""
    return lambda generator, shape: generator.uniform(-bound, bound, shape)


def normal(scale: float) -> Initializer:
    """Normal with standard deviation ``scale``."""
    return lambda generator, shape: generator.normal(0.0, scale, shape)


def constant(value: float) -> Initializer:
    """The same value everywhere."""
    return lambda generator, shape: np.full(shape, value)


def alike(spec: ParameterSpec) -> ParameterSpec:
    """The same parameter, all of whose copies start from the values drawn for one."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.repeat(spec.initial(generator, (1, *shape[1:])), shape[0], axis=0)

    return replace(spec, initial=draw)


class Layer(Protocol):
    """What has parameters in the buffer."""

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member; each says whether it is shared or belongs to a task."""
        ...

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        ...


class Composite:
    """A layer whose parameters are those of its parts.

    Attributes
    ----------
    parts : sequence of Layer
        The layers, in the order of their parameters; none by default.
    """

    parts: Sequence[Layer] = ()

    @property
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member; each says whether it is shared or belongs to a task."""
        return [spec for part in self.parts for spec in part.specs]

    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""
        for part in self.parts:
            part.bind(buffer, leaves)
