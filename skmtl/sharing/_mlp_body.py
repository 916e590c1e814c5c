"""One stack of hidden layers, for all tasks or for each."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from skmtl.layers import Workspace
from skmtl.sharing._sharing import Body, BodySpec, for_each_copy


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
