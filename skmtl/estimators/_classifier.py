"""The classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._conformal import SetMixin
from skmtl.estimators._docs import fill_in
from skmtl.estimators._kinds import classification_kind
from skmtl.estimators._types import (
    ActivationName,
    Auto,
    BalancingLike,
    CalibrationName,
    CheckpointLike,
    CollaborationLike,
    DeviceLike,
    DtypeName,
    EffortName,
    EncoderLike,
    OptimizerLike,
    PeerSharingLike,
    RandomState,
    ScheduleName,
    SharingLike,
)
from skmtl.inputs import TaskLabels
from skmtl.metrics._types import MetricLike
from skmtl.tasks import Kind, Task
from skmtl.tasks._classification import log_probabilities


@fill_in
class MultiTaskNetClassifier(ClassifierMixin, SetMixin, BaseMultiTaskNet):
    """Multi-task neural network classifier that accepts missing labels.

    All tasks are predicted by one network, in which they share hidden layers; each task has outputs and a loss of its
    own, and the weighted sum of the losses is minimised. A missing label adds nothing to any loss or score. For 1-D y
    it is a classifier of one task.

    {note on parameters}

    Parameters
    ----------
    {parameters of classes}
    {parameters of tasks}
    {parameters of inputs}
    {parameters of the network}
    {parameters of training}
    {parameters of computation}

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        Classes for 1-D y, or those of each task.
    {fitted attributes}

    See Also
    --------
    MultiTaskNetRegressor : All tasks are regression tasks.
    MultiTaskNet : Tasks of both kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetClassifier
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 0]) > 0.5]).astype(float)
    >>> y[::4, 0] = np.nan  # no label
    >>> model = MultiTaskNetClassifier(random_state=0).fit(X, y)
    >>> model.predict([[0.9], [-0.1]])
    array([[1., 1.],
           [0., 0.]])
    >>> [p.shape for p in model.predict_proba([[0.9], [-0.1]])]
    [(2, 2), (2, 2)]
    """

    def __init__(
        self,
        *,
        class_weight: Any = None,
        calibration: CalibrationName | None = None,
        threshold_metric: MetricLike = None,
        loss_weights: Any = None,
        missing_label: Any = None,
        encoder: EncoderLike = "auto",
        input_dropout: float | Auto = "auto",
        input_scaling: bool | Auto = "auto",
        hidden_layer_sizes: Any | Auto = "auto",
        task_layer_sizes: Any = (),
        activation: ActivationName = "auto",
        dropout: float | Auto = "auto",
        sharing: SharingLike = "hard",
        n_estimators: int = 8,
        n_peers: int | Auto = "auto",
        collaboration: CollaborationLike = None,
        peer_sharing: PeerSharingLike = None,
        kernel_blend: bool | Auto = "auto",
        tree_blend: bool | Auto = "auto",
        local_correction: bool | Auto = "auto",
        balancing: BalancingLike = "static",
        optimizer: OptimizerLike = "adamw",
        learning_rate: ScheduleName = "auto",
        learning_rate_init: float | Auto = "auto",
        weight_decay: float | Auto = "auto",
        batch_size: int | Auto = "auto",
        max_iter: int | Auto = "auto",
        early_stopping: bool | Auto = "auto",
        cv: Any = None,
        n_iter_no_change: float | Auto = "auto",
        tol: float = 1e-4,
        warm_start: bool = False,
        effort: EffortName = "default",
        max_time: float | None = None,
        device: DeviceLike = "auto",
        dtype: DtypeName = "auto",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
        checkpoint: CheckpointLike = None,
    ) -> None:
        self.class_weight = class_weight
        self.calibration = calibration
        self.threshold_metric = threshold_metric
        self.loss_weights = loss_weights
        self.missing_label = missing_label
        self.encoder = encoder
        self.input_dropout = input_dropout
        self.input_scaling = input_scaling
        self.hidden_layer_sizes = hidden_layer_sizes
        self.task_layer_sizes = task_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.sharing = sharing
        self.n_estimators = n_estimators
        self.n_peers = n_peers
        self.collaboration = collaboration
        self.peer_sharing = peer_sharing
        self.kernel_blend = kernel_blend
        self.tree_blend = tree_blend
        self.local_correction = local_correction
        self.balancing = balancing
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.cv = cv
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.effort = effort
        self.max_time = max_time
        self.device = device
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint

    score = BaseMultiTaskNet.score  # the mixin's knows no missing labels

    def _kinds(self, columns: list[TaskLabels]) -> list[Kind]:
        return [classification_kind(column) for column in columns]

    def _expose(self, tasks: list[Task], one_dimensional: bool) -> dict[str, Any]:
        classes = [task.classes for task in tasks]
        return {"classes_": classes[0] if one_dimensional else classes}

    def predict_proba(self, X: Any) -> np.ndarray | list[np.ndarray]:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such arrays
            For 1-D y an array, else a list with an array a task, in the order of ``classes_``.
        """
        responses = self._responses(X)
        return responses[0] if self._one_dimensional else responses

    def predict_log_proba(self, X: Any) -> np.ndarray | list[np.ndarray]:
        """Logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such arrays
            Log-probabilities.
        """
        responses = [log_probabilities(response) for response in self._responses(X)]
        return responses[0] if self._one_dimensional else responses

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
