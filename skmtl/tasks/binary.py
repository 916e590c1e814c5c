"""Two classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor
from torch.nn.functional import softplus

from skmtl.tasks._classification import Classification, log_probabilities, relative_entropy
from skmtl.tasks._kind import Task


class Binary(Classification):
    """Two classes; logistic loss of one output z, the log odds of the second class.

    With p = 1 / (1 + exp(-z)): l = log(1 + exp(z)) - y z, dl/dz = p - y. A task whose labels are all of one class
    predicts that class with probability 1.
    """

    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Log odds of the class rates; see :meth:`Kind.initial_bias`."""
        return np.asarray([logit(self.class_rates(task, encoded, weights)[1])]) if self._two(task) else np.zeros(1)

    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logistic loss; see :meth:`Kind.loss_gradient`."""
        return softplus(outputs).sub_(targets * outputs), torch.sigmoid(outputs).sub_(targets)

    def belief(self, outputs: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Probability of the second class; see :meth:`Kind.belief`."""
        return torch.sigmoid(outputs if temperature == 1 else outputs / temperature)

    def disagreement(self, beliefs: Tensor, others: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Kullback-Leibler divergence, times the squared temperature; see :meth:`Kind.disagreement`."""
        return temperature**2 * (relative_entropy(others, beliefs) + relative_entropy(1 - others, 1 - beliefs))

    def hardened(self, belief: Tensor, n_tasks: int) -> Tensor:
        """The more probable class; see :meth:`Kind.hardened`."""
        return (belief > 0.5).to(belief.dtype)

    def certainty(self, beliefs: Tensor, n_tasks: int) -> Tensor:
        """Mean probability of the more probable class; see :meth:`Kind.certainty`."""
        return (beliefs.mean(1, keepdim=True) - 0.5).abs() + 0.5

    def correctness(self, belief: Tensor, targets: Tensor, n_tasks: int) -> Tensor:
        """Whether the more probable class is the label; see :meth:`Kind.correctness`."""
        return (self.hardened(belief, n_tasks) == targets).to(belief.dtype)

    def fusion_key(self, task: Task) -> Hashable:
        """Tasks with one class stand apart; see :meth:`Kind.fusion_key`."""
        return self._two(task)

    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Probabilities of both classes; see :meth:`Kind.response`."""
        if not self._two(tasks[0]):
            return np.ones((*outputs.shape, 1), dtype=outputs.dtype)
        return np.stack([expit(-outputs), expit(outputs)], axis=-1)

    def outputs(self, task: Task, response: np.ndarray) -> np.ndarray:
        """Log odds of the second class; see :meth:`Kind.outputs`."""
        if not self._two(task):
            return np.zeros((len(response), 1))
        odds: np.ndarray = np.diff(log_probabilities(response).astype(np.float64), axis=1)
        return odds

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Metrics of one class against another; see :meth:`Kind.metrics`."""
        return {"roc_auc": {}, "average_precision": {}, "f1": {}, "log_loss": {}}

    @staticmethod
    def _two(task: Task) -> bool:
        return task.classes is not None and len(task.classes) == 2
