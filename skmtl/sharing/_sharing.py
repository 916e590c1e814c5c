"""The contract of sharing architectures, and hidden layers in one stack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from skmtl._params import Params
from skmtl.layers import Composite, MemberMLP, Workspace
from skmtl.sharing._penalty import Penalty


@dataclass(frozen=True)
class BodySpec:
    """Members, widths and tasks that hidden layers are built for.

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
    strengths : dict
        Values of single members for parameters named in ``Sharing.strengths``.
    """

    members: int
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    n_tasks: int
    activation: str
    dropout: Tensor
    strengths: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def of_members(self, parameter: str, value: float) -> Tensor:
        """Value of a parameter for each member, ``(member,)``: ``value`` where members do not differ."""
        own = self.strengths.get(parameter)
        return torch.full_like(self.dropout, value) if own is None else self.dropout.new_tensor(own)

    def mlp(self, name: str, *, copies: int = 1, owner: Literal["shared", "task"] = "shared") -> MemberMLP:
        """Stack of all hidden layers; see :class:`MemberMLP`."""
        return MemberMLP(
            name,
            self.n_inputs,
            self.hidden_layer_sizes,
            activation=self.activation,
            dropout=self.dropout,
            copies=copies,
            owner=owner,
        )


@dataclass(frozen=True)
class SharingStatistic:
    """A measure of how much the tasks share.

    Attributes
    ----------
    values : Tensor
        Numbers.
    axes : tuple of str
        Name of each axis: "member", "layer", "task", "expert", "latent".

    Examples
    --------
    >>> import torch
    >>> from skmtl.sharing import SharingStatistic
    >>> SharingStatistic(torch.tensor([[0.75, 0.25]]), axes=("member", "expert")).axes
    ('member', 'expert')
    """

    values: Tensor
    axes: tuple[str, ...]


class Body(Composite, ABC):
    """Hidden layers between the encoded rows and the output layer; their parameters are those of its ``parts``.

    Attributes
    ----------
    width : int
        Number of features that a task's output reads.
    copies : int
        1 if all tasks read the same features, else the number of tasks.
    common_features : bool
        Whether all tasks read some features in common although each has a copy of others; the body then has a
        :meth:`features_gramian` and, if ``hand_derived``, a :meth:`backward_of_weighted` of its own.
    outputs_alike : bool
        Whether the layers of single tasks between the features and the outputs start from the same weights.
    hand_derived : bool
        Whether :meth:`backward` exists; autograd goes through :meth:`forward` otherwise.
    stack : MemberMLP or None
        The hidden layers where the body is one stack that all tasks read: the gradients of all tasks can then be taken
        at once.
    draws : bool
        Whether a pass draws random numbers in training beside the dropout of hidden units.
    penalties : sequence of Penalty
        Terms beside the task losses; none by default.
    output_strength : Tensor of shape (member,) or None
        Factor of a further term, on the distances of the tasks' output weights from their mean, where all tasks read
        the same features; None, as by default: there is none.
    """

    width: int
    copies: int = 1
    common_features: bool = False
    outputs_alike: bool = False
    hand_derived: bool = True
    stack: MemberMLP | None = None
    draws: bool = False
    penalties: Sequence[Penalty] = ()
    output_strength: Tensor | None = None

    @abstractmethod
    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member, row, n_inputs) -> (1 or member * copies, row, width)``."""

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """Write the parameters' gradients from ``gradient`` at the features, which may be overwritten."""
        raise NotImplementedError

    def backward_of_weighted(self, gradient: Tensor, weights: Tensor, workspace: Workspace) -> None:
        """As :meth:`backward`, but shared parameters follow the losses times ``weights``, ``(member, task)``.

        ``gradient`` is that at the features of each task, ``(member * task, row, width)``. By default for features that
        all tasks read.
        """
        by_task = gradient.unflatten(0, weights.shape)
        self.backward(torch.einsum("mt,mtrw->mrw", weights, by_task).contiguous(), workspace)

    def features_gramian(self, gradient: Tensor, workspace: Workspace) -> Tensor:
        """Inner products ``(member, task, task)`` of the tasks' gradients with respect to the common features.

        ``gradient`` is that at the features of each task, ``(member * task, row, width)``.
        """
        raise NotImplementedError

    def relatedness(self) -> Tensor | None:
        """Correlations of the tasks, ``(member, task, task)``, if they are learned; None by default."""
        return None

    def sharing_statistics(self, x: Tensor) -> dict[str, SharingStatistic]:
        """Measures of sharing, by name, on rows ``x (1 or member, row, n_inputs)``; none by default."""
        return {}


class Sharing(Params, ABC):
    """A sharing architecture: settings only; :meth:`build` makes the layers.

    Attributes
    ----------
    strengths : tuple of str
        Parameters that are numbers of a penalty; members of one network may differ in them. A sequence of numbers is
        dealt to the members of a fit.
    proximal : str or None
        The one of them whose penalty has a proximal step; see :class:`Penalty`.
    """

    proximal: ClassVar[str | None] = None

    owner = "sharing"

    @property
    def weighed(self) -> str | None:
        """Parameter whose values in the members count by their losses on each ``partial_fit``; None by default."""
        return None

    @abstractmethod
    def build(self, spec: BodySpec) -> Body:
        """Make the hidden layers.

        Parameters
        ----------
        spec : BodySpec
            Members, widths and tasks.

        Returns
        -------
        Body
            Layers that wait for their parameters.
        """


def for_each_copy(x: Tensor, copies: int) -> Tensor:
    """Rows of each member once for every task or expert; rows common to all members stay as they are."""
    return x if x.shape[0] == 1 or copies == 1 else x.repeat_interleave(copies, 0)


def require_hidden_layers(sharing: Sharing, spec: BodySpec) -> None:
    """Check that there is a hidden layer.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not spec.hidden_layer_sizes:
        raise ValueError(
            f"sharing={sharing!r} is made of hidden layers; got hidden_layer_sizes=(). Give at least one width, or use "
            f"sharing='hard'."
        )


class MLPBody(Body):
    """Hidden layers in one stack, of which a member has one copy or one for each task.

    Parameters
    ----------
    name : str
        Prefix of the parameters' names.
    spec : BodySpec
        Members, widths and tasks.
    copies : int, default=1
        1 or the number of tasks.
    owner : {"shared", "task"}, default="shared"
        Who the parameters belong to.
    """

    def __init__(self, name: str, spec: BodySpec, copies: int = 1, owner: Literal["shared", "task"] = "shared") -> None:
        self.copies, self.mlp = copies, spec.mlp(name, copies=copies, owner=owner)
        self.width, self.parts = self.mlp.width, [self.mlp]

    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """See :class:`Body`."""
        return self.mlp.forward(for_each_copy(x, self.copies), workspace)

    def backward(self, gradient: Tensor, workspace: Workspace) -> None:
        """See :class:`Body`."""
        self.mlp.backward(gradient, workspace)
