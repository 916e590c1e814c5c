"""The contract of balancing methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from skmtl._params import Params


@dataclass(frozen=True)
class Seen:
    """What a balancer may see of a step; everything it did not declare in ``needs`` is None.

    Attributes
    ----------
    losses : Tensor of shape (member, task), optional
        Masked weighted mean loss of each task on the batch.
    epoch : int, optional
        Number of completed epochs.
    """

    losses: Tensor | None = None
    epoch: int | None = None


class Balancer(Params, ABC):
    """A balancing method: settings in the object, run state passed in and out.

    Attributes
    ----------
    needs : frozenset of str
        Fields of :class:`Seen` that :meth:`weights` reads. Nothing else is computed; an empty set says that the weights
        are constant over the run.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def start(self, importance: Tensor) -> Any:
        """Run state before the first step.

        Parameters
        ----------
        importance : Tensor of shape (member, task)
            The ``loss_weights``, normalised to sum 1 over the tasks.

        Returns
        -------
        object
            Whatever :meth:`weights` carries from step to step.
        """
        return None

    def select(self, state: Any, members: Tensor) -> Any:
        """Run state of some of the members.

        The default takes the members' part of every tensor with at least one axis in ``state``, in tuples, lists, dicts
        and dataclasses, too, and leaves everything else as it is.

        Parameters
        ----------
        state : object
            What :meth:`weights` returned.
        members : Tensor of int
            Which members.

        Returns
        -------
        object
            Of the same type.
        """
        return _select(state, members)

    @abstractmethod
    def weights(self, importance: Tensor, seen: Seen, state: Any) -> tuple[Tensor, Any]:
        """Weights of the task losses in this step.

        Parameters
        ----------
        importance : Tensor of shape (member, task)
            The ``loss_weights``, normalised to sum 1 over the tasks; 0 for a task without a label in the batch.
        seen : Seen
            What the method declared to need.
        state : object
            What the previous call returned.

        Returns
        -------
        weights : Tensor of shape (member, task)
            Derivative of the joint objective by each task's loss.
        state : object
            For the next call.
        """


def _select(state: Any, members: Tensor) -> Any:
    if isinstance(state, Tensor):
        return state[members] if state.ndim else state
    if isinstance(state, dict):
        return {name: _select(value, members) for name, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_select(value, members) for value in state))
    if isinstance(state, tuple | list):
        return type(state)(_select(value, members) for value in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{f.name: _select(getattr(state, f.name), members) for f in fields(state)})
    return state
