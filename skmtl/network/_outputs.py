"""Which outputs belong to which task, as operations on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor


class OutputsByTask:
    """Sums, copies and products by task.

    Parameters
    ----------
    n_outputs : sequence of int
        Number of outputs of each task.
    device : torch.device
        Where the outputs are.
    """

    def __init__(self, n_outputs: Sequence[int], device: torch.device) -> None:
        self.n_tasks = len(n_outputs)
        self._one_to_one = max(n_outputs) == 1
        counts = torch.tensor(n_outputs, device=device)
        self._task = torch.arange(self.n_tasks, device=device).repeat_interleave(counts)
        ends = list(accumulate(n_outputs))
        self._slices = [slice(end - count, end) for end, count in zip(ends, n_outputs, strict=True)]
        self._n_outputs = ends[-1]

    def to_outputs(self, by_task: Tensor) -> Tensor:
        """Repeat ``(..., task)`` to ``(..., output)``."""
        return by_task if self._one_to_one else by_task.index_select(-1, self._task)

    def of_task(self, task: int) -> Tensor:
        """1 at the outputs of a task, 0 elsewhere, ``(output,)``."""
        return self._task == task

    def sum_blocks(self, products: Tensor) -> Tensor:
        """Sum over the outputs of each pair of tasks, ``(member, output, output) -> (member, task, task)``."""
        if self._one_to_one:
            return products
        halves = products.new_zeros(products.shape[0], self.n_tasks, self._n_outputs).index_add_(
            1, self._task, products
        )
        return products.new_zeros(products.shape[0], self.n_tasks, self.n_tasks).index_add_(2, self._task, halves)

    def feature_gradients(self, output_gradient: Tensor, weight: Tensor) -> Tensor:
        """Each task's gradient at the features.

        Parameters
        ----------
        output_gradient : Tensor of shape (member, row, output)
            Gradient at the outputs.
        weight : Tensor of shape (member, output, width)
            Of the output layer, transposed.

        Returns
        -------
        Tensor of shape (member, task, row, width)
            Products over the outputs of each task.
        """
        if self._one_to_one:
            by_task = output_gradient.transpose(1, 2).contiguous()  # the product keeps this memory order
            return by_task[:, :, :, None] * weight[:, :, None, :]
        return torch.stack([output_gradient[:, :, s] @ weight[:, s] for s in self._slices], 1)
