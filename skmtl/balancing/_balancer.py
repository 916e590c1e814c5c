"""The contract of balancing methods, and one beside which quantities of the tasks' gradients are recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from skmtl._params import Params, require_choice

GRADIENTS = ("parameters", "representation")


@dataclass(frozen=True)
class BalancerInputs:
    """What a step offers to a balancer; fields that it does not declare in ``needs`` are None.

    Attributes
    ----------
    losses : Tensor of shape (member, task), optional
        Masked weighted mean loss of each task over its labels in the batch; 0 where it has none.
    losses_after_step : Tensor of shape (member, task), optional
        Losses of the previous batch after the step that was taken on it; None before the first step.
    gramian : Tensor of shape (member, task, task), optional
        Inner products of the tasks' gradients.
    gradient_norms : Tensor of shape (member, task), optional
        Norms of the tasks' gradients.
    epoch : int, optional
        Number of completed epochs of the run.
    likelihood : Tensor of shape (2, task), optional
        Factors a and b of the negative log likelihood a exp(-s) L + b s, s the log of a task's variance or scale.
    generators : sequence of torch.Generator, optional
        One random stream a member.

    Examples
    --------
    >>> import torch
    >>> from skmtl.balancing import BalancerInputs, LogLosses
    >>> inputs = BalancerInputs(losses=torch.tensor([[1.0, 3.0]]), epoch=0)  # of a member and two tasks
    >>> equal = torch.full((1, 2), 0.5)
    >>> method = LogLosses()
    >>> weights, state = method.weights(equal, inputs, method.start(equal))
    >>> weights
    tensor([[0.5000, 0.1667]])
    """

    losses: Tensor | None = None
    losses_after_step: Tensor | None = None
    gramian: Tensor | None = None
    gradient_norms: Tensor | None = None
    epoch: int | None = None
    likelihood: Tensor | None = None
    generators: Sequence[torch.Generator] | None = None


class Balancer(Params, ABC):
    """A balancing method: settings in the object, run state passed in and out.

    Attributes
    ----------
    needs : frozenset of str
        Fields of :class:`BalancerInputs` that :meth:`weights` reads; only these are computed. An empty set means that
        the weights are constant over the run.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    owner = "balancing"

    def start(self, loss_weights: Tensor) -> Any:
        """Check the settings and make the run state before the first step.

        Parameters
        ----------
        loss_weights : Tensor of shape (member, task)
            The ``loss_weights``, normalised to sum 1 over the tasks.

        Returns
        -------
        object
            Whatever :meth:`weights` carries from step to step.

        Raises
        ------
        ValueError
            If a setting is out of range.
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
        return map_leaves(lambda leaf: leaf[members] if isinstance(leaf, Tensor) and leaf.ndim else leaf, state)

    @abstractmethod
    def weights(self, loss_weights: Tensor, inputs: BalancerInputs, state: Any) -> tuple[Tensor, Any]:
        """Weights of the task losses in this step.

        Parameters
        ----------
        loss_weights : Tensor of shape (member, task)
            The ``loss_weights``, normalised to sum 1 over the tasks; 0 for a task without a label in the batch.
        inputs : BalancerInputs
            What the method declared in ``needs``.
        state : object
            What the previous call returned.

        Returns
        -------
        weights : Tensor of shape (member, task)
            Derivative of the joint objective with respect to each task's loss; 0 where the loss weight is 0.
        state : object
            For the next call.
        """


def map_leaves(function: Callable[[Any], Any], state: Any) -> Any:
    """Apply a function to all that tuples, lists, dicts and dataclasses hold; the containers keep their types.

    Examples
    --------
    >>> import torch
    >>> from skmtl.balancing import map_leaves
    >>> map_leaves(torch.sum, {"mean": torch.ones(3), "seen": (torch.ones(2),)})
    {'mean': tensor(3.), 'seen': (tensor(2.),)}
    """
    if isinstance(state, dict):
        return {name: map_leaves(function, value) for name, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(map_leaves(function, value) for value in state))
    if isinstance(state, tuple | list):
        return type(state)(map_leaves(function, value) for value in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{f.name: map_leaves(function, getattr(state, f.name)) for f in fields(state)})
    return function(state)


class GradientBalancer(Balancer):
    """A method that uses the tasks' gradients; its weights combine them for the shared parameters.

    Parameters of a single task, such as its output layer, follow the gradient of its unweighted loss.

    Parameters
    ----------
    gradient : {"parameters", "representation"}, default="parameters"
        What the gradients are taken with respect to: the shared parameters, or the features that all tasks read, i.e.
        the last shared hidden layer or the outputs of the (last level's) shared experts. Architectures without such
        features have the first form only.

    Examples
    --------
    >>> import torch
    >>> from skmtl.balancing import MGDA, BalancerInputs
    >>> gramian = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])  # of one member and two tasks
    >>> equal = torch.full((1, 2), 0.5)
    >>> method = MGDA()
    >>> weights, _ = method.weights(equal, BalancerInputs(gramian=gramian), method.start(equal))
    >>> weights  # of the convex combination of least norm
    tensor([[0.7500, 0.2500]])
    """

    def __init__(self, gradient: Literal["parameters", "representation"] = "parameters") -> None:
        self.gradient = gradient

    def start(self, loss_weights: Tensor) -> Any:
        """Check ``gradient``; see :meth:`Balancer.start`."""
        require_choice(self.label("gradient"), self.gradient, GRADIENTS)
        return super().start(loss_weights)


class Recorded(Params):
    """A balancing method with quantities of the tasks' gradients recorded in ``history_``.

    The gradients are those by the shared parameters, or by what the method takes gradients by. Training takes as long
    as with a method that takes gradients.

    Parameters
    ----------
    balancing : str or Balancer, default="static"
        The method.
    quantities : sequence of str, default=("gradient_norms", "gradient_cosines")
        "gradient_norms", "gradient_cosines" between them, of which negative ones tell of conflicts, and
        "gradient_products", their inner products.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.balancing import Recorded
    >>> net = MultiTaskNetRegressor(balancing=Recorded("famo", quantities=["gradient_norms"]))
    """

    def __init__(
        self, balancing: Any = "static", quantities: Sequence[str] = ("gradient_norms", "gradient_cosines")
    ) -> None:
        self.balancing = balancing
        self.quantities = quantities
