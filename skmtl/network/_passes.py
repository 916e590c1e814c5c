"""Forward and backward: derived by hand where every layer can, by autograd elsewhere. The only user of autograd."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from skmtl.layers import ParameterBuffer, Workspace
from skmtl.network._architecture import Architecture
from skmtl.network._layers import Layers

FEW_OUTPUTS = 32  # whose derivatives are taken one by one


class Passes(ABC):
    """Training passes: outputs from rows, then the parameters' gradients from the gradient at the outputs.

    Attributes
    ----------
    layers : Layers
        Over the parameters that are trained.
    buffer : ParameterBuffer
        Where the gradients go.
    workspace : Workspace
        What the last forward saved.
    """

    layers: Layers
    buffer: ParameterBuffer
    workspace: Workspace

    @abstractmethod
    def mode(self) -> AbstractContextManager[None]:
        """What torch must record while steps run."""

    @abstractmethod
    def forward(self, x: Tensor, row_mask: Tensor | None = None) -> Tensor:
        """``(1 or part or member, row, feature) -> (member, row, output)``.

        ``row_mask (member, row)`` is 0 where a member must not learn from a row; None: all learn from all.
        """

    @abstractmethod
    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """Fill the gradient buffer from the gradient at the outputs; ``again``: another backward will follow.

        Parameters of the output layer follow ``at_head`` instead, if it is given; not where there are task layers.
        """


class ManualPasses(Passes):
    """Backward written out layer by layer over reused memory; no graph is recorded."""

    def __init__(
        self, layers: Layers, buffer: ParameterBuffer, generators: list[torch.Generator], parts: Sequence[int] = ()
    ) -> None:
        self.layers, self.buffer = layers, buffer
        self.workspace = Workspace(reuse=True, generators=generators, parts=parts)
        self.has_body = bool(layers.body.specs)
        self.has_layers_below = self.has_body or bool(layers.task_layers.specs)  # below the output layer
        layers.bind(buffer)

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Passes`: nothing, not even versions of tensors, which makes small operations cheaper."""
        return torch.inference_mode()

    def forward(self, x: Tensor, row_mask: Tensor | None = None) -> Tensor:
        """See :class:`Passes`."""
        return self.layers.forward(x, self.workspace)

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Passes`."""
        head, workspace = self.layers.head, self.workspace
        head.backward(gradient if at_head is None else at_head, workspace)
        if self.has_layers_below:
            self.backward_below(head.input_gradient(gradient, workspace))

    def backward_below(self, gradient: Tensor) -> None:
        """Go on below the output layer, from the gradient at its input."""
        layers, workspace = self.layers, self.workspace
        below = layers.task_layers.backward(gradient, workspace)
        if self.has_body:
            layers.body.backward(layers.task_layers.input_gradient(below, workspace), workspace)


class AutogradPasses(Passes):
    """The same passes through recorded operations, for layers without a backward of their own."""

    def __init__(
        self, layers: Layers, buffer: ParameterBuffer, generators: list[torch.Generator], parts: Sequence[int] = ()
    ) -> None:
        self.layers, self.buffer = layers, buffer
        self.workspace = Workspace(reuse=False, generators=generators, parts=parts)
        layers.bind(buffer, buffer.leaves())

    def mode(self) -> AbstractContextManager[None]:
        """See :class:`Passes`: only what :meth:`forward` asks for."""
        return torch.no_grad()

    def forward(self, x: Tensor, row_mask: Tensor | None = None) -> Tensor:
        """See :class:`Passes`."""
        self.workspace.row_mask = row_mask
        with torch.enable_grad():
            self._outputs = self.layers.forward(x, self.workspace)
        return self._outputs.detach()

    def backward(self, gradient: Tensor, *, again: bool = False, at_head: Tensor | None = None) -> None:
        """See :class:`Passes`."""
        self.buffer.gradient.zero_()
        self._outputs.backward(gradient, retain_graph=again)
        if at_head is not None:
            self.layers.head.backward(at_head, self.workspace)


def single_precision_passes(
    architecture: Architecture,
    buffer: ParameterBuffer,
    generators: list[torch.Generator],
    parts: Sequence[int] = (),
    autograd: bool = False,
) -> ManualPasses | AutogradPasses:
    """Passes in the precision of ``buffer``, by hand unless ``autograd`` forces the other form."""
    layers = Layers(architecture, buffer.values.device)
    passes = ManualPasses if layers.hand_derived and not autograd else AutogradPasses
    return passes(layers, buffer, generators, parts)


def squared_derivatives(
    network: Callable[[Tensor], Tensor], x: Tensor, factors: Tensor, generator: np.random.Generator
) -> Tensor:
    """Sum over the outputs of their squared derivatives at the rows.

    Few outputs are taken one by one. Of many, the derivative of the sum with random signs is squared: with signs s the
    expected square of sum_o s_o d_o is sum_o d_o^2, so that one backward serves all.

    Parameters
    ----------
    network : callable
        ``(1 or member, row, feature) -> (member, row, output)``.
    x : Tensor of shape (1 or member, row, feature)
        Rows.
    factors : Tensor of shape (member, 1 or row, output)
        Of the outputs.
    generator : numpy.random.Generator
        Draws a sign for each row and output, the same for all members.

    Returns
    -------
    Tensor of shape (member, row, feature)
        Without dropout.
    """
    leaf = x.expand(len(factors), -1, -1).detach().clone().requires_grad_()
    with torch.enable_grad():
        outputs = network(leaf) * factors
    n_rows, n_outputs = outputs.shape[1:]
    if n_outputs <= FEW_OUTPUTS:
        directions = torch.eye(n_outputs, dtype=factors.dtype, device=factors.device)[:, None]
    else:
        directions = torch.from_numpy(generator.choice([-1.0, 1.0], (1, n_rows, n_outputs))).to(x)
    with torch.enable_grad():  # of a number: with a vector torch.autograd imports sympy, which takes half a second
        numbers = [(outputs * direction).sum() for direction in directions]
    squares = [torch.autograd.grad(number, leaf, retain_graph=True)[0].square_() for number in numbers]
    return torch.stack(squares).sum(0)
