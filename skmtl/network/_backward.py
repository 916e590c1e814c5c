"""The two ways to a gradient: derived by hand where every part can, autograd elsewhere. The only user of autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, Scratch
from skmtl.network._heads import Head
from skmtl.sharing import Body

if TYPE_CHECKING:
    from skmtl.network._network import Network


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


class _Passes:
    """What both ways begin with; reused memory and recorded operations exclude each other."""

    recorded: ClassVar[bool]

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
        self.scratch = Scratch(reuse=not self.recorded, generators=generators, parts=parts)
        leaves = buffer.leaves() if self.recorded else None
        body.bind(buffer, leaves)
        head.bind(buffer, leaves)


class HandDerived(_Passes):
    """Backward written out layer by layer over reused memory; no graph is recorded."""

    recorded = False

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


class Autograd(_Passes):
    """The same passes through recorded operations, for parts without a backward of their own."""

    recorded = True

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


def signed_derivatives(network: Network, x: Tensor, coin: np.random.Generator, factors: Tensor | None = None) -> Tensor:
    """Derivative at the rows of the outputs' sum with random signs.

    With random signs s the expected square of sum_o s_o d_o is sum_o d_o^2, so that one backward serves all outputs.

    Parameters
    ----------
    network : Network
        Whose outputs are meant.
    x : Tensor of shape (1 or member, row, feature)
        Rows.
    coin : numpy.random.Generator
        Draws a sign for each row and output, the same for all members.
    factors : Tensor of shape (member, row, output), optional
        Of the outputs; 1 by default.

    Returns
    -------
    Tensor of shape (member, row, feature)
        Without dropout.
    """
    signs = torch.from_numpy(coin.choice([-1.0, 1.0], (1, x.shape[1], network.n_outputs))).to(x)
    gradient = signs.expand(network.buffer.members, -1, -1) if factors is None else factors * signs
    return input_gradient(network, x, gradient)
