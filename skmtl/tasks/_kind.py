"""The contract of kinds of targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from skmtl._params import Params
from skmtl._state import Stateful
from skmtl.tasks._target_transform import TargetTransform

MIN_FRACTION = 0.1  # of what must not become negative, so that what was small stays in its order


@dataclass(frozen=True)
class Task(Stateful):
    """One column of the label matrix as its kind understood it at fit.

    Attributes
    ----------
    name : hashable
        Name of the task.
    kind : Kind
        What the column means.
    classes : ndarray of shape (n_classes,), optional
        Sorted labels of a classification task.
    center, scale : float
        A numeric target is encoded as (y - center) / scale; a scale of 0 marks a constant target.
    transform : TargetTransform, optional
        What y goes through before; responses, center and scale are on the scale behind it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.tasks import Binary
    >>> task = Binary().fit("stays", np.array(["no", "yes", "no"]), np.ones(3))
    >>> task.name, task.classes, task.is_constant
    ('stays', array(['no', 'yes'], dtype='<U3'), False)
    """

    name: Any
    kind: Kind
    classes: np.ndarray | None = None
    center: float = 0.0
    scale: float = 1.0
    transform: TargetTransform | None = None

    def transformed(self, labels: np.ndarray) -> np.ndarray:
        """Numeric labels on the scale of responses, in float64.

        Raises
        ------
        ValueError
            If a label is outside the domain of the transform.
        """
        return labels.astype(np.float64) if self.transform is None else self.transform.transform(self.name, labels)

    def restored(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers on the scale of responses in the units of the labels."""
        return numbers if self.transform is None else self.transform.inverse(numbers)

    @property
    def is_constant(self) -> bool:
        """Whether all labels of the task were equal."""
        return self.scale == 0 if self.classes is None else len(self.classes) == 1


class Kind(Params, ABC):
    """What a target column means. A kind owns everything about its targets; nothing else asks which kind it is.

    Labels reach a kind as arrays of the observed cells only, with the weights of these cells.

    Attributes
    ----------
    is_classifier : bool
        Whether the targets are classes.
    likelihood : tuple of float
        Factors a and b of the negative log likelihood a exp(-s) l + b s that goes with the loss l, s being the log of
        the noise: its variance where a squared error or a temperature of logits divides the loss, else its scale.
    degree : int
        Power of an error in the loss: 2 where it is squared, so that the root of a mean loss is an error.
    takes_transform : bool
        Whether it reads labels by :meth:`Task.transformed` and writes them by :meth:`Task.restored`.
    residual_sums : callable or None
        Where the loss depends on residuals, outputs less targets, it may be taken of many tasks in fewer passes over
        the cells than :meth:`loss_gradient` needs. From residuals ``(member, row, n_tasks)``, which may be overwritten,
        weights ``(1 or member, row, n_tasks)`` or None and factors ``(1 or member, 1, n_tasks)`` to the sums of the
        weighted losses over the rows, ``(member, n_tasks)``, and their derivative at each output times its factor.
    """

    is_classifier: ClassVar[bool]
    likelihood: ClassVar[tuple[float, float]] = (1.0, 1.0)
    degree: ClassVar[int] = 1
    takes_transform: ClassVar[bool] = False
    residual_sums: ClassVar[Callable[..., tuple[Tensor, Tensor]] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        """A class with a loss of its own does not inherit the sums of another."""
        super().__init_subclass__(**options)
        if "loss_gradient" in vars(cls) and "residual_sums" not in vars(cls):
            cls.residual_sums = None

    @abstractmethod
    def fit(self, name: Any, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Learn classes or scaling from the observed labels; all arrays ``(n_observed,)``."""

    def fit_transformed(
        self, transform: TargetTransform | None, name: Any, labels: np.ndarray, weights: np.ndarray
    ) -> Task:
        """Learn a transform of the labels, and classes or scaling behind it."""
        if transform is None:
            return self.fit(name, labels, weights)
        fitted = transform.fitted(name, labels, weights)
        return replace(self.fit(name, fitted.transform(name, labels), weights), transform=fitted)

    def keep_open(self, task: Task) -> Task:
        """Return the task for a run whose later batches may hold what the first did not."""
        return task

    def go_on(self, task: Task, labels: np.ndarray, weights: np.ndarray) -> Task:
        """Return the task for training that goes on with these labels, of which there may be none."""
        return task

    def n_outputs(self, task: Task) -> int:
        """Number of network outputs."""
        return 1

    def fusion_key(self, task: Task) -> Hashable:
        """Tasks of one kind with equal keys share a call of :meth:`loss_gradient`."""
        return None

    @abstractmethod
    def encode(self, task: Task, labels: np.ndarray) -> np.ndarray:
        """Observed labels to the numbers that the loss compares with, ``(n_observed,)`` float64.

        Raises
        ------
        ValueError
            If a label is not one that the task can have.
        """

    @abstractmethod
    def initial_bias(self, task: Task, encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Outputs of the best constant prediction, ``(n_outputs,)``."""

    @abstractmethod
    def loss_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of all tasks of a group and their derivative at the outputs, in closed form.

        Parameters
        ----------
        outputs : Tensor of shape (member, row, n_tasks * n_outputs)
            Network outputs.
        targets : Tensor of shape (1 or member, row, n_tasks)
            Encoded labels; anything finite where a label is missing.

        Returns
        -------
        losses : Tensor of shape (member, row, n_tasks)
            Non-negative.
        gradient : Tensor of shape (member, row, n_tasks * n_outputs)
            Derivative of each loss at its own outputs.
        """

    @abstractmethod
    def belief(self, outputs: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """What peers compare and average, shaped as ``outputs``, ``(..., row, n_tasks * n_outputs)``.

        Probabilities of outputs divided by the temperature for classes, the outputs for numbers.
        """

    @abstractmethod
    def disagreement(self, beliefs: Tensor, others: Tensor, n_tasks: int, temperature: float) -> Tensor:
        """Distance of beliefs from those of others, which are constants, ``(..., row, n_tasks)``.

        Its derivative by the outputs behind ``beliefs`` is ``pull(temperature) * (beliefs - others)``. That is linear
        in the others: the mean of the distances from several peers has the gradient of that from their mean.
        """

    @abstractmethod
    def pull(self, temperature: float) -> float:
        """Factor from differences of beliefs to the derivative of :meth:`disagreement`."""

    @abstractmethod
    def hardened(self, belief: Tensor, n_tasks: int) -> Tensor:
        """The label that a belief stands for, shaped as it is: all probability on one class, numbers unchanged."""

    @abstractmethod
    def certainty(self, beliefs: Tensor, n_tasks: int) -> Tensor:
        """How sure peers are, at most 1, ``(cohort, peer, row, n_tasks * n_outputs) -> (cohort, 1, row, n_tasks)``."""

    @abstractmethod
    def correctness(self, belief: Tensor, targets: Tensor, n_tasks: int) -> Tensor:
        """How right a belief ``(..., row, n_tasks * n_outputs)`` is, at most 1, ``(..., row, n_tasks)``."""

    @abstractmethod
    def constant_correctness(self, targets: Tensor, weights: Tensor, n_tasks: int) -> Tensor:
        """Mean :meth:`correctness` of the best constant, by cells ``(..., row, n_tasks)``: ``(..., 1, n_tasks)``."""

    @abstractmethod
    def label_quality(self, task: Task, labels: np.ndarray, response: np.ndarray) -> np.ndarray:
        """How probable labels ``(n,)`` are by a response ``(n, n_classes or 1)``, from 0 to 1, ``(n,)``."""

    @abstractmethod
    def decode(self, task: Task, outputs: np.ndarray) -> np.ndarray:
        """Predictions from the mean response of the members, ``(n, n_outputs) -> (n,)``."""

    @abstractmethod
    def response(self, tasks: Sequence[Task], outputs: np.ndarray) -> np.ndarray:
        """Outputs to the scale on which members are averaged: probabilities, or numbers in the units of the labels.

        Where a task has a transform, these are the units behind it.

        Of all tasks of a group: ``(member, row, n_tasks * n_outputs) -> (member, row, n_tasks, n_classes)`` for
        classes, ``(member, row, n_tasks, 1)`` for numbers.
        """

    def outputs(self, task: Task, response: np.ndarray) -> np.ndarray:
        """Outputs that give a response of one task, ``(n, n_classes or 1) -> (n, n_outputs)`` in float64.

        Raises
        ------
        NotImplementedError
            Where a kind does not say.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no method outputs, the inverse of response, by which mean responses are judged "
            f"by its loss. Write one, or choose scoring."
        )

    def losses(self, task: Task, labels: np.ndarray, response: np.ndarray) -> np.ndarray:
        """Loss of each label under a response ``(n_observed, n_classes or 1)``, on the scale that is trained on."""
        outputs = torch.from_numpy(self.outputs(task, response))[None]
        targets = torch.from_numpy(self.encode(task, labels))[None, :, None]
        losses: np.ndarray = self.loss_gradient(outputs, targets)[0][0, :, 0].numpy()
        return losses

    def ideal_response(self, task: Task, labels: np.ndarray) -> np.ndarray | None:
        """Response of a prediction that is sure and right, ``(n_observed, n_classes or 1)``.

        None where errors of a good response do not average to 0, as those of a quantile do not.
        """
        return None

    def shift(self, response: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Add ``change`` to responses ``(n, n_classes or 1)`` as far as they stay possible."""
        shifted: np.ndarray = response + change
        return shifted

    def possible(self, numbers: np.ndarray) -> np.ndarray:
        """The nearest numbers that labels of this kind can be."""
        return numbers

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Names of what :mod:`skmtl.metrics` should tell of a task, the most telling first, and their settings."""
        return {}

    @abstractmethod
    def metric(self, y_true: np.ndarray, y_pred: np.ndarray, weights: np.ndarray) -> float:
        """Score of one task on its observed cells, NaN where they are too few; greater is better."""
