"""The contract of the learnable part of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from skmtl.layers import Composite, Workspace


class Extractor(Composite, ABC):
    """The learnable part of an encoder: batches go through it before the hidden layers.

    Its parameters live in the network's buffer, the member axis first, like all others. Autograd goes through
    :meth:`forward`.

    Attributes
    ----------
    width : int
        Number of features that it makes of a row.
    peak_activations : int
        Peak activations per row and member; bounds the rows computed at a time.
    operations : int
        Multiplications for a row of one member; decides on the number of threads.
    draws : bool
        Whether :meth:`forward` draws random numbers in training.

    Examples
    --------
    >>> import torch
    >>> from skmtl.encoders import Extractor
    >>> class Rotated(Extractor):
    ...     width, peak_activations, operations, draws = 2, 2, 4, False
    ...     parts = ()
    ...     def forward(self, x, workspace):
    ...         return x.flip(-1)
    ...
    >>> Rotated().forward(torch.tensor([[[1.0, 2.0]]]), None)
    tensor([[[2., 1.]]])
    """

    width: int
    peak_activations: int
    operations: int
    draws: bool = True

    def fix_shapes(self) -> None:
        """From now on make no shape depend on the values of rows, as exported graphs need it; none does by default."""
        return

    @abstractmethod
    def forward(self, x: Tensor, workspace: Workspace) -> Tensor:
        """``(1 or member, row, n_outputs_ of the encoder) -> (member, row, width)``.

        A member's result must not depend on the other members; randomness in training comes from its generator in
        ``workspace``.
        """
