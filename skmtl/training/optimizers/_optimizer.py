"""The contract of optimizers: one pass over the flat buffer, learning rate and weight decay of each member."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from torch import Tensor

from skmtl._params import Params
from skmtl.layers import ParameterBuffer


class Optimizer(Params, ABC):
    """Settings of an optimizer; :meth:`start` makes the run state."""

    @abstractmethod
    def start(self, buffer: ParameterBuffer, learning_rate: Tensor, weight_decay: Tensor) -> Update:
        """Begin a run.

        Parameters
        ----------
        buffer : ParameterBuffer
            Values to update and their gradients.
        learning_rate, weight_decay : Tensor of shape (member,)
            Of each member.

        Returns
        -------
        Update
            Holds the moments of this run.
        """


class Update(ABC):
    """Run state of an optimizer.

    Attributes
    ----------
    replayable : bool
        Whether :meth:`step` is the same operations every time if ``factor`` is a tensor.
    """

    replayable: bool = False

    @abstractmethod
    def step(self, factor: float | Tensor) -> None:
        """Update the values from the gradients; ``factor`` is the schedule's multiple of the learning rate.

        A tensor ``()`` only where the update is replayable.
        """

    @abstractmethod
    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """Return the run state of some of the members, whose parameters are now in ``buffer``."""


class Penalty(Protocol):
    """A term beside the task losses."""

    def add_gradient(self) -> None:
        """Add its gradient to the buffer's."""
        ...

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Self:
        """Return the term for some of the members, whose parameters are now in ``buffer``."""
        ...


class Penalised(Update):
    """Another update, of the losses' gradient together with that of the penalties.

    Parameters
    ----------
    update : Update
        The optimizer's run state.
    penalties : sequence of Penalty
        What adds its gradient to the buffer.
    """

    def __init__(self, update: Update, penalties: Sequence[Penalty]) -> None:
        self.update, self.penalties = update, tuple(penalties)
        self.replayable = update.replayable

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        penalties = [penalty.select(members, buffer) for penalty in self.penalties]
        return Penalised(self.update.select(members, buffer), penalties)

    def step(self, factor: float | Tensor) -> None:
        """Add the penalties' gradients, then update."""
        for penalty in self.penalties:
            penalty.add_gradient()
        self.update.step(factor)


class Memberwise(Update):
    """Run state in tensors of the buffer's layout, for members that differ in learning rate or weight decay.

    Attributes
    ----------
    buffer : ParameterBuffer
        Values to update and their gradients.
    """

    buffer: ParameterBuffer
    tensors: ClassVar[tuple[str, ...]]  # attributes in the layout of the buffer

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        chosen = copy.copy(self)
        for name in self.tensors:
            setattr(chosen, name, self.buffer.pick(getattr(self, name), members))
        chosen.buffer = buffer
        return chosen
