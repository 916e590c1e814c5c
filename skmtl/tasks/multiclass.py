"""More than two classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor

from skmtl.tasks._classification import Classification, log_probabilities, relative_entropy
from skmtl.tasks._kind import Task


class Multiclass(Classification):
    """Several classes; cross-entropy of one output a class.

    With p = softmax(z) and label k: l = -log p_k, dl/dz_j = p_j - [j = k].
    """

    def n_outputs(self, task: Task) -> int:
        """Number of classes; see :meth:`Kind.n_outputs`."""
        assert task.classes is not None
        return len(task.classes)

    def fusion_key(self, task: Task) -> Hashable:
        """Tasks with equally many classes share a loss call; see :meth:`Kind.fusion_key`."""
        return self.n_outputs(task)

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Log class rates; see :meth:`Kind.initial_bias`."""
        log_rates: np.ndarray = np.log(self.class_rates(task, encoded, weights))
        return log_rates

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy; see :meth:`Kind.loss_gradient`."""
        by_task = outputs.transpose(1, 2).unflatten(
            1, (targets.shape[2], -1)
        )  # (member, task, class, row), as in memory
        label = targets.long().transpose(1, 2).expand(len(outputs), -1, -1).unsqueeze(2)
        log_p = torch.log_softmax(by_task, 2)
        losses = -log_p.gather(2, label).squeeze(2)
        gradient = log_p.exp_()
        gradient.scatter_add_(2, label, gradient.new_full((1,), -1.0).expand(label.shape))
        return losses.transpose(1, 2), gradient.flatten(1, 2).transpose(1, 2)

    def belief(self, outputs: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Probabilities of the classes; see :meth:`Kind.belief`."""
        by_task = outputs.transpose(-1, -2).unflatten(-2, (n_tasks, -1))  # (..., task, class, row), as in memory
        if temperature != 1:
            by_task = by_task / temperature
        probabilities: Tensor = torch.softmax(by_task, -2).flatten(-3, -2).transpose(-1, -2)
        return probabilities

    def disagreement(self, beliefs: Tensor, others: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Kullback-Leibler divergence, times the squared temperature; see :meth:`Kind.disagreement`."""
        by_class = relative_entropy(others, beliefs).transpose(-1, -2).unflatten(-2, (n_tasks, -1))
        divergence: Tensor = by_class.sum(-2).transpose(-1, -2)
        return temperature**2 * divergence

    def hardened(self, belief: Tensor, n_tasks: int) -> Tensor:
        """The most probable class; see :meth:`Kind.hardened`."""
        by_class = belief.unflatten(-1, (n_tasks, -1))
        hard: Tensor = torch.zeros_like(by_class).scatter_(-1, by_class.argmax(-1, keepdim=True), 1.0).flatten(-2)
        return hard

    def certainty(self, beliefs: Tensor, n_tasks: int) -> Tensor:
        """Mean probability of the most probable class; see :meth:`Kind.certainty`."""
        largest: Tensor = beliefs.mean(1, keepdim=True).unflatten(-1, (n_tasks, -1)).amax(-1)
        return largest

    def correctness(self, belief: Tensor, targets: Tensor, n_tasks: int) -> Tensor:
        """Whether the most probable class is the label; see :meth:`Kind.correctness`."""
        right: Tensor = belief.unflatten(-1, (n_tasks, -1)).argmax(-1) == targets
        return right.to(belief.dtype)

    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Probabilities of the classes; see :meth:`Kind.response`."""
        members, n_rows, n_outputs = outputs.shape  # of no member, too
        by_class = outputs.reshape(members, n_rows, len(tasks), n_outputs // len(tasks))
        probabilities: np.ndarray = softmax(by_class, axis=-1)
        return probabilities

    def outputs(self, task: Task, response: np.ndarray) -> np.ndarray:
        """Log probabilities; see :meth:`Kind.outputs`."""
        return log_probabilities(response).astype(np.float64)
