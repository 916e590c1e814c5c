"""The contract of optimizers: one pass over the flat buffer, learning rate and weight decay of each member."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor

from skmtl._params import Params
from skmtl.layers import ParameterBuffer
from skmtl.training._state import Resumable


class Optimizer(Params, ABC):
    """Settings of an optimizer; :meth:`start` makes the run state.

    Attributes
    ----------
    weight_average : str, WeightAverage or None
        Average of the weights along the run that is validated and kept; None: the weights themselves.
    """

    owner = "optimizer"
    weight_average: Any = None

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


class Update(Resumable, ABC):
    """One link of the chain that turns the gradient in the buffer into new values, with its run state.

    Attributes
    ----------
    replayable : bool
        Whether :meth:`step` is the same operations every time if ``factor`` is a tensor.
    """

    replayable: bool = False

    @property
    def acts(self) -> bool:
        """Whether it does anything for the members that it has; always by default."""
        return True

    @abstractmethod
    def step(self, factor: float | Tensor) -> None:
        """Change the gradient or the values of the buffer.

        ``factor`` is the schedule's multiple of the learning rate; a tensor ``()`` only where the update is replayable.
        """

    def begin_call(self) -> None:
        """Get ready for a call of ``fit`` or ``partial_fit``; does nothing by default."""

    def end_epoch(self) -> None:
        """Take note of the end of a pass over the data; does nothing by default."""

    def publish(self) -> None:
        """Write to the buffer of the network what steps have left for later; does nothing by default."""

    @abstractmethod
    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """Return the run state of some of the members, whose parameters are now in ``buffer``."""


class Penalty(Protocol):
    """A term beside the task losses; ``proximal`` where it has a proximal step."""

    proximal: ClassVar[bool]

    @property
    def acts(self) -> bool:
        """Whether it does anything for the members that it has."""
        ...

    def add_gradient(self) -> None:
        """Add its gradient to the buffer's."""
        ...

    def shrink(self, learning_rate: Tensor) -> None:
        """Do its proximal step after a step with ``learning_rate (member,)``."""
        ...

    def begin_call(self) -> None:
        """Get ready for a call of ``fit`` or ``partial_fit``."""
        ...

    def end_epoch(self) -> None:
        """Learn from the parameters after a pass over the data."""
        ...

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Self:
        """Return the term for some of the members, whose parameters are now in ``buffer``."""
        ...


class Penalties(Update):
    """Adds the gradient of penalties.

    Parameters
    ----------
    penalties : sequence of Penalty
        The terms.
    """

    replayable = True

    def __init__(self, penalties: Sequence[Penalty]) -> None:
        self.penalties = tuple(penalties)

    @property
    def acts(self) -> bool:
        """See :class:`Update`."""
        return any(penalty.acts for penalty in self.penalties)

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        for penalty in self.penalties:
            penalty.add_gradient()

    def begin_call(self) -> None:
        """See :class:`Update`."""
        for penalty in self.penalties:
            penalty.begin_call()

    def end_epoch(self) -> None:
        """See :class:`Update`."""
        for penalty in self.penalties:
            penalty.end_epoch()

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        return Penalties([penalty.select(members, buffer) for penalty in self.penalties])


class ProximalSteps(Update):
    """Proximal steps of penalties, after that of the optimizer.

    Parameters
    ----------
    penalties : sequence of Penalty
        The terms.
    learning_rate : Tensor of shape (member,)
        Of each member.
    """

    replayable = True

    def __init__(self, penalties: Sequence[Penalty], learning_rate: Tensor) -> None:
        self.penalties, self._learning_rate = tuple(penalties), learning_rate

    @property
    def acts(self) -> bool:
        """See :class:`Update`."""
        return any(penalty.acts and penalty.proximal for penalty in self.penalties)

    def step(self, factor: float | Tensor) -> None:
        """See :class:`Update`."""
        for penalty in self.penalties:
            penalty.shrink(self._learning_rate * factor)

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Update:
        """See :class:`Update`."""
        chosen = [penalty.select(members, buffer) for penalty in self.penalties]
        return ProximalSteps(chosen, self._learning_rate[members])


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
