"""The contract of sharing architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

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


class Body(ABC):
    """Hidden layers between the encoded rows and the output layer.

    Attributes
    ----------
    width : int
        Number of features that a task's output reads.
    copies : int
        1 if all tasks read the same features, else the number of tasks.
    hand_derived : bool
        Whether :meth:`backward` exists; autograd goes through :meth:`forward` otherwise.
    stack : MemberMLP or None
        The hidden layers, where the body is nothing but one stack that all tasks read: their gradients by it can then
        be taken for all tasks at once.
    cells, operations : int
        Numbers that a row of one member takes at its widest place, and multiplications for it; 0 where the widths of
        the layers and the number of parameters tell.
    """

    width: int
    copies: int = 1
    hand_derived: bool = True
    stack: MemberMLP | None = None
    cells: int = 0
    operations: int = 0

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


class Sharing(Params, ABC):
    """A way to share: settings only; :meth:`build` makes the layers."""

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
