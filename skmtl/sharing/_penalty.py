"""The contract of penalties: terms beside the task losses that look at parameters."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor

from skmtl.layers import ParameterBuffer


class Penalty(ABC):
    """A term added to the task losses; its gradient is added to the buffer before each update.

    Reported losses and the early-stopping score do not include it.

    Attributes
    ----------
    parameter : str
        Parameter of the :class:`Sharing` object that sets the strength.
    strength : Tensor of shape (member,)
        Factor of the term for each member; may be set on a body that is built.
    own : tuple of str
        Names of the attributes of shape ``(member,)``.
    proximal : bool
        Whether :meth:`shrink` does something.

    Examples
    --------
    >>> import torch
    >>> from skmtl.sharing import BodySpec, Soft
    >>> spec = BodySpec(2, 5, (8,), n_tasks=3, activation="relu", dropout=torch.zeros(2))  # of two members
    >>> [penalty.parameter for penalty in Soft(strength=0.1).build(spec).penalties]
    ['strength']
    """

    parameter: str
    strength: Tensor
    own: ClassVar[tuple[str, ...]] = ("strength",)
    proximal: ClassVar[bool] = False

    @abstractmethod
    def bind(self, buffer: ParameterBuffer) -> None:
        """Take the parameters from ``buffer``."""

    @abstractmethod
    def add_gradient(self) -> None:
        """Add the gradient of the term to the buffer's."""

    @property
    def acts(self) -> bool:
        """Whether the term does anything for the members that it has; always by default."""
        return True

    def shrink(self, learning_rate: Tensor) -> None:
        """Do the proximal step of the term, after a step with ``learning_rate (member,)``; nothing by default."""
        return

    def begin_call(self) -> None:
        """Get ready for a call of ``fit`` or ``partial_fit``; does nothing by default."""
        return

    def end_epoch(self) -> None:
        """Learn from the parameters after a pass over the data; does nothing by default."""
        return

    def select(self, members: Tensor, buffer: ParameterBuffer) -> Self:
        """Return the term for some of the members, whose parameters are now in ``buffer``."""
        chosen = copy.copy(self)
        for name in self.own:
            setattr(chosen, name, getattr(self, name)[members])
        chosen.bind(buffer)
        return chosen
