"""The two ways to a gradient: derived by hand where every part can, autograd elsewhere. The only user of autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, Scratch
from skmtl.network._heads import Head
from skmtl.sharing import Body


class Differentiation(Protocol):
    """Training passes: outputs from rows, then the parameters' gradients from the gradient at the outputs.

    Attributes
    ----------
    body, head : Body, Head
        Hidden layers and output layer.
    buffer : ParameterBuffer
        Where the gradients go.
    scratch : Scratch
        What the last forward saved.
    """

    body: Body
    head: Head
    buffer: ParameterBuffer
    scratch: Scratch

    def mode(self) -> AbstractContextManager[None]:
        """What torch must record while steps run."""
        ...

    def forward(self, x: Tensor) -> Tensor:
        """``(1 or part or member, row, feature) -> (member, row, output)``."""
        ...

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """Fill the gradient buffer from the gradient at the outputs; ``again``: another backward will follow.

        Parameters of the output layer follow ``at_head`` instead, if it is given.
        """
        ...


class HandDerived:
    """Backward written out layer by layer over reused memory; no graph is recorded."""

    def __init__(
        self,
        body: Body,
        head: Head,
        buffer: ParameterBuffer,
        generators: list[torch.Generator],
        parts: Sequence[int] = (),
    ) -> None:
        self.body, self.head, self.buffer = body, head, buffer
        self.has_body = bool(body.specs)
        self.scratch = Scratch(reuse=True, generators=generators, parts=parts)
        body.bind(buffer)
        head.bind(buffer)

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Differentiation`: nothing, not even versions of tensors, which makes small operations cheaper."""
        return torch.inference_mode()

    def forward(self, x: Tensor) -> Tensor:
        """See :class:`Differentiation`."""
        return self.head.forward(self.body.forward(x, self.scratch), self.scratch)

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Differentiation`."""
        self.head.backward(gradient if at_head is None else at_head, self.scratch)
        if self.has_body:
            self.body.backward(self.head.input_gradient(gradient, self.scratch), self.scratch)


class Autograd:
    """The same passes through recorded operations, for parts without a backward of their own."""

    def __init__(
        self,
        body: Body,
        head: Head,
        buffer: ParameterBuffer,
        generators: list[torch.Generator],
        parts: Sequence[int] = (),
    ) -> None:
        self.body, self.head, self.buffer = body, head, buffer
        self.scratch = Scratch(generators=generators, parts=parts)
        leaves = buffer.leaves()
        body.bind(buffer, leaves)
        head.bind(buffer, leaves)

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Differentiation`: only what :meth:`forward` asks for."""
        return torch.no_grad()

    def forward(self, x: Tensor) -> Tensor:
        """See :class:`Differentiation`."""
        with torch.enable_grad():
            self._outputs = self.head.forward(self.body.forward(x, self.scratch), self.scratch)
        return self._outputs.detach()

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Differentiation`."""
        self.buffer.gradient.zero_()
        self._outputs.backward(gradient, retain_graph=again)
        if at_head is not None:
            self.head.backward(at_head, self.scratch)


def input_gradient(network: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Tensor:
    """Gradient at the rows ``(1 or member, row, feature)`` of each member from the one at its outputs.

    Parameters
    ----------
    network : callable
        ``(1 or member, row, feature) -> (member, row, output)``.
    x : Tensor of shape (1 or member, row, feature)
        Rows.
    gradient : Tensor of shape (member, row, output)
        At the outputs.

    Returns
    -------
    Tensor of shape (member, row, feature)
        Without dropout.
    """
    with torch.enable_grad():
        leaf = x.expand(len(gradient), -1, -1).detach().clone().requires_grad_()
        (at_input,) = torch.autograd.grad(network(leaf), leaf, gradient)
    return at_input
