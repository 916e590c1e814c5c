"""The contract of sharing architectures."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import ClassVar, Self

from torch import Tensor

from skmtl._params import Params
from skmtl.layers import MemberMLP, ParameterBuffer, ParameterSpec, Scratch


@dataclass(frozen=True)
class Trunk:
    """What a sharing architecture is built from.

    Attributes
    ----------
    members : int
        Number of members.
    n_inputs : int
        Width of an encoded row.
    hidden_layer_sizes : tuple of int
        Widths of the hidden layers.
    n_tasks : int
        Number of tasks.
    activation : str
        Name of the activation.
    dropout : Tensor of shape (member,)
        Dropout rate of each member.
    """

    members: int
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    n_tasks: int
    activation: str
    dropout: Tensor


class Penalty(ABC):
    """A term beside the task losses; its gradient is added to the buffer before each update.

    Losses that are reported or watched for early stopping do not hold it.

    Attributes
    ----------
    parameter : str
        Parameter of the :class:`Sharing` object that sets the strength.
    strength : Tensor of shape (member,)
        Factor of the term for each member; may be set on a body that is built.
    """

    parameter: str
    strength: Tensor

    @abstractmethod
    def bind(self, buffer: ParameterBuffer) -> None:
        """Take the parameters from ``buffer``."""

    @abstractmethod
    def add_gradient(self) -> None:
        """Add the gradient of the term to the buffer's."""

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Self:
        """Return the term for some of the members, whose parameters are now in ``buffer``."""
        chosen = copy.copy(self)
        chosen.strength = self.strength[members]
        chosen.bind(buffer)
        return chosen


@dataclass(frozen=True)
class Finding:
    """Something that hidden layers tell about how tasks share.

    Attributes
    ----------
    values : Tensor
        Numbers.
    axes : tuple of str
        Name of each axis: "member", "layer", "task", "expert".
    """

    values: Tensor
    axes: tuple[str, ...]


class Body(ABC):
    """Hidden layers between the encoded rows and the output layer.

    Attributes
    ----------
    width : int
        Number of features that a task's output reads.
    copies : int
        1 if all tasks read the same features, else the number of tasks.
    common_features : bool
        Whether tasks, each with copies of its own, read features in common; :meth:`features_gramian` exists then and,
        if ``hand_derived``, :meth:`backward_of_weighted`.
    hand_derived : bool
        Whether :meth:`backward` exists; autograd goes through :meth:`forward` otherwise.
    stack : MemberMLP or None
        The hidden layers, where the body is nothing but one stack that all tasks read: their gradients by it can then
        be taken for all tasks at once.
    penalties : sequence of Penalty
        Terms beside the task losses; none by default.
    """

    width: int
    copies: int = 1
    common_features: bool = False
    hand_derived: bool = True
    stack: MemberMLP | None = None
    penalties: Sequence[Penalty] = ()

    @property
    @abstractmethod
    def specs(self) -> Sequence[ParameterSpec]:
        """Parameters of one member; each says whether it is shared or belongs to a task."""

    @abstractmethod
    def bind(self, buffer: ParameterBuffer, leaves: dict[str, Tensor] | None = None) -> None:
        """Take the parameters from ``buffer``, or from autograd's ``leaves`` over it."""

    @abstractmethod
    def forward(self, x: Tensor, scratch: Scratch) -> Tensor:
        """``(1 or member, row, n_inputs) -> (1 or member * copies, row, width)``."""

    def backward(self, gradient: Tensor, scratch: Scratch) -> None:
        """Write the parameters' gradients from ``gradient`` at the features, which may be overwritten."""
        raise NotImplementedError

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, scratch: Scratch) -> None:
        """As :meth:`backward`, but shared parameters follow the losses times ``weights``, ``(member, task)``."""
        raise NotImplementedError

    def features_gramian(self, gradient: Tensor, scratch: Scratch) -> Tensor:
        """Inner products ``(member, task, task)`` of the tasks' gradients by the features that all of them read.

        ``gradient`` is that at the features of each task, ``(member * copies, row, width)``.
        """
        raise NotImplementedError

    def findings(self, x: Tensor) -> dict[str, Finding]:
        """Say how the tasks share, by name; ``x`` are rows ``(1 or member, row, n_inputs)``. Nothing by default."""
        return {}


class Sharing(Params, ABC):
    """A way to share: settings only; :meth:`build` makes the layers.

    Attributes
    ----------
    strengths : tuple of str
        Parameters that are nothing but strengths of penalties, in which members of one network may differ.
    """

    strengths: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build(self, trunk: Trunk) -> Body:
        """Make the hidden layers.

        Parameters
        ----------
        trunk : Trunk
            Members, widths and tasks.

        Returns
        -------
        Body
            Layers that wait for their parameters.
        """


def for_each_copy(x: Tensor, copies: int) -> Tensor:
    """Rows of each member once for every task or expert; rows common to all members stay as they are."""
    return x if x.shape[0] == 1 else x.repeat_interleave(copies, 0)


def require_hidden_layers(sharing: Sharing, trunk: Trunk) -> None:
    """Check that there is a hidden layer.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not trunk.hidden_layer_sizes:
        raise ValueError(
            f"sharing={sharing!r} is made of hidden layers; got hidden_layer_sizes=(). Give at least one width, or use "
            f"sharing='hard'."
        )


def require_integer(sharing: Sharing, name: str, *, least: int) -> None:
    """Check an integer parameter.

    Raises
    ------
    ValueError
        If it is no integer or less than ``least``.
    """
    value = getattr(sharing, name)
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} of sharing={type(sharing).__name__} must be an integer of at least {least}; got {value!r}."
        )


def require_number(sharing: Sharing, name: str, *, below: float = inf, most: float = inf) -> None:
    """Check a parameter that is a number of at least 0.

    Raises
    ------
    ValueError
        If it is no number, negative, not less than ``below`` or more than ``most``.
    """
    value = getattr(sharing, name)
    if not isinstance(value, Real) or not (0 <= float(value) < below and float(value) <= most):
        limit = f"at most {most:g}" if most < inf else f"below {below:g}" if below < inf else "finite"
        raise ValueError(
            f"{name} of sharing={type(sharing).__name__} must be a number of at least 0 and {limit}; got {value!r}."
        )
