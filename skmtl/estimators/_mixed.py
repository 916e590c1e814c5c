"""The estimator for tasks of mixed kinds."""

from __future__ import annotations

from typing import Any

from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.metaestimators import available_if

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._conformal import IntervalMixin, SetMixin
from skmtl.estimators._docs import fill_in
from skmtl.estimators._kinds import given_kinds, may_have_classes, mixed_kinds
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
    KindsLike,
    OptimizerLike,
    PeerSharingLike,
    RandomState,
    ScheduleName,
    SharingLike,
    TransformLike,
)
from skmtl.inputs import TaskLabels, all_labels_by_task, read_labels
from skmtl.metrics._types import MetricLike
from skmtl.tasks import Kind, Task
from skmtl.tasks._classification import log_probabilities


@fill_in
class MultiTaskNet(IntervalMixin, SetMixin, BaseMultiTaskNet):
    """Multi-task neural network for classification and regression tasks side by side; labels may be missing.

    All tasks are predicted by one network, in which they share hidden layers; each task has outputs and a loss of its
    own, and the weighted sum of the losses is minimised. A missing label adds nothing to any loss or score.

    {note on parameters}

    Parameters
    ----------
    tasks : dict or sequence, default=None
        Kind of each task: a dict by task name or a sequence of "binary", "multiclass", "regression", losses of
        :class:`MultiTaskNetRegressor` by name, or kind objects. Kinds that are not given are inferred: strings,
        booleans, categories and columns of two values are classes, numbers with fractions are regression targets.
        Integers of more than two values may be either, so their kind must be given.
    {target_transform}
    {parameters of classes}
    {parameters of tasks}
    {parameters of inputs}
    {parameters of the network}
    {parameters of training}
    {parameters of computation}

    Attributes
    ----------
    classes_ : list
        Classes of each task; None for regression tasks. For 1-D y the entry of its task.
    {fitted attributes}

    See Also
    --------
    MultiTaskNetClassifier : All tasks are classification tasks.
    MultiTaskNetRegressor : All tasks are regression tasks.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNet
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X[:, 0] > 0, 3 * X[:, 0] + 1])
    >>> y[::4, 0] = np.nan  # no label
    >>> model = MultiTaskNet(tasks=["binary", "regression"], random_state=0).fit(X, y)
    >>> model.predict([[0.5]]).round(1)
    array([[1. , 2.5]])
    >>> [None if p is None else p.shape for p in model.predict_proba([[0.5]])]
    [(1, 2), None]
    """

    def __init__(
        self,
        *,
        tasks: KindsLike = None,
        target_transform: TransformLike = None,
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
        self.tasks = tasks
        self.target_transform = target_transform
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

    def _kinds(self, columns: list[TaskLabels]) -> list[Kind]:
        return mixed_kinds(self.tasks, columns)

    def _given_kinds(self, names: list[Any]) -> dict[Any, Kind]:
        return given_kinds(self.tasks, names)

    def _infer_kinds(self, y: Any) -> list[Kind]:
        """Kinds for ``tasks``, by which fits to parts of y take every task as they would in all of y."""
        return self._kinds(all_labels_by_task(read_labels(y, self.missing_label)))

    def _expose(self, tasks: list[Task], one_dimensional: bool) -> dict[str, Any]:
        classes = [task.classes for task in tasks]
        return {"classes_": classes[0] if one_dimensional else classes}

    def _has_classes(self) -> bool:
        """Whether a task is, or before the fit may be, one of classes."""
        if hasattr(self, "tasks_"):
            return any(task.kind.is_classifier for task in self.tasks_)
        return self.tasks is None or may_have_classes(self.tasks)

    @available_if(_has_classes)
    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes) or None
            One entry a task, None for numeric tasks; for 1-D y the entry of its task.
        """
        responses = self._responses(X)
        pairs = zip(self.tasks_, responses, strict=True)
        probabilities = [response if task.kind.is_classifier else None for task, response in pairs]
        return probabilities[0] if self._one_dimensional else probabilities

    @available_if(_has_classes)
    def predict_log_proba(self, X: Any) -> Any:
        """Logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes) or None
            One entry a task, None for numeric tasks; for 1-D y the entry of its task.
        """
        probabilities = self.predict_proba(X)
        if self._one_dimensional:
            return log_probabilities(probabilities)
        return [None if p is None else log_probabilities(p) for p in probabilities]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_label=True)
        tags.regressor_tags = RegressorTags()
        return tags
