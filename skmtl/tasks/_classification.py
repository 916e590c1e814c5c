"""What binary and multiclass targets have in common."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skmtl.tasks._kind import MIN_FRACTION, Kind, Task
from skmtl.tasks._scores import accuracy


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms, finite where a probability is 0."""
    logarithms: np.ndarray = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    return logarithms


def relative_entropy(p: Tensor, q: Tensor) -> Tensor:
    """Cell by cell p log(p / q); finite where q is too small for its type."""
    return torch.xlogy(p, p) - torch.xlogy(p, q.clamp(min=torch.finfo(q.dtype).tiny))


class Classification(Kind):
    """Targets that are classes, encoded as indices into the sorted classes."""

    is_classifier = True
    likelihood = (1.0, 0.5)

    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn the classes; see :meth:`Kind.fit`."""
        classes = np.unique(labels)
        if len(classes) == 1:
            warnings.warn(
                f"Task {name!r} has labels of one class only, {classes[0].item()!r}; "
                f"it will be predicted with probability 1.",
                stacklevel=2,
            )
        return Task(name, self, classes=classes)

    def encode(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Labels to class indices; see :meth:`Kind.encode`."""
        assert task.classes is not None
        index = np.searchsorted(task.classes, labels).clip(max=len(task.classes) - 1)
        unknown = task.classes[index] != labels
        if unknown.any():
            raise ValueError(
                f"Task {task.name!r}: label {labels[unknown][0].item()!r} is not among the classes "
                f"{task.classes.tolist()}. Pass `classes` to the first partial_fit, or fit anew with all labels."
            )
        return index.astype(np.float64)

    def constant_correctness(self, targets: Tensor, weights: Tensor, n_tasks: int) -> Tensor:
        """Rate of the most frequent class; see :meth:`Kind.constant_correctness`."""
        classes = torch.arange(int(targets.max()) + 1, device=targets.device)
        counts = ((targets[..., None] == classes) * weights[..., None]).sum(-3, keepdim=True)
        return counts.amax(-1) / counts.sum(-1).clamp(min=torch.finfo(weights.dtype).tiny)

    def label_quality(self, task: Task, labels: np.ndarray, response: np.ndarray) -> np.ndarray:
        """Probability of the label; see :meth:`Kind.label_quality`."""
        quality: np.ndarray = np.take_along_axis(response, self.encode(task, labels).astype(int)[:, None], 1)[:, 0]
        return quality

    def pull(self, temperature: float) -> float:
        """The temperature; see :meth:`Kind.pull`."""
        return temperature

    def class_rates(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weighted fraction of each class, a little shrunk to the uniform one so that none is 0; ``(n_classes,)``."""
        assert task.classes is not None
        counts = np.bincount(encoded.astype(int), weights, minlength=len(task.classes))
        rates: np.ndarray = counts / max(counts.sum(), 1e-300) + 1e-3
        rates /= rates.sum()
        return rates

    def decode(self, task: Task, outputs: np.ndarray) -> np.ndarray:
        """Most probable class; see :meth:`Kind.decode`."""
        assert task.classes is not None
        predicted: np.ndarray = task.classes[outputs.argmax(axis=1)]
        return predicted

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """All probability on the label; see :meth:`Kind.ideal_response`."""
        assert task.classes is not None
        certain: np.ndarray = np.eye(len(task.classes))[self.encode(task, labels).astype(int)]
        return certain

    def shift(self, response: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Probabilities stay positive and sum to 1; see :meth:`Kind.shift`."""
        shifted: np.ndarray = np.maximum(response + change, MIN_FRACTION * response)
        shifted /= shifted.sum(axis=1, keepdims=True)
        return shifted.astype(response.dtype, copy=False)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Metrics of any number of classes; see :meth:`Kind.metrics`."""
        return {"accuracy": {}, "balanced_accuracy": {}, "f1": {}, "log_loss": {}}

    def metric(self, y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
        """Accuracy; see :meth:`Kind.metric`."""
        return accuracy(y_true, y_pred, weights)
