"""The regressor."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._conformal import IntervalMixin
from skmtl.estimators._docs import fill_in
from skmtl.estimators._kinds import given_losses, numeric_kinds
from skmtl.estimators._types import (
    ActivationName,
    Auto,
    BalancingLike,
    CheckpointLike,
    CollaborationLike,
    DeviceLike,
    DtypeName,
    EffortName,
    EncoderLike,
    LossLike,
    OptimizerLike,
    PeerSharingLike,
    RandomState,
    ScheduleName,
    SharingLike,
    TransformLike,
)
from skmtl.inputs import TaskLabels
from skmtl.tasks import Kind


@fill_in
class MultiTaskNetRegressor(RegressorMixin, IntervalMixin, BaseMultiTaskNet):
    """Multi-task neural network regressor that accepts missing targets.

    All tasks are predicted by one network, in which they share hidden layers; each task has an output and a loss of its
    own, and the weighted sum of the losses is minimised. A missing target adds nothing to any loss or score. For 1-D y
    it is a regressor of one task.

    {note on parameters}

    Parameters
    ----------
    loss : str, loss object or dict, default="squared_error"
        Loss, which decides what is predicted: "squared_error" the mean, "absolute_error" the median, "huber" a mean
        that outliers move less, "poisson" the mean of counts or rates, "quantile" a quantile; an object with settings
        such as ``Quantile(level=0.9)``, or ``Quantile([0.05, 0.5, 0.95])`` for several; or a dict of these by task
        name, in which unnamed tasks have the squared error.
        Glitches, up to a twentieth of the labels and far from all others, count linearly in the squared error, with a
        warning; ``SquaredError(far=numpy.inf)`` squares them too.
    {target_transform}
    {parameters of tasks}
    {parameters of inputs}
    {parameters of the network}
    {parameters of training}
    {parameters of computation}

    Attributes
    ----------
    {fitted attributes}

    See Also
    --------
    MultiTaskNetClassifier : All tasks are classification tasks.
    MultiTaskNet : Tasks of both kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X[:, 0], 3 * X[:, 0] + 1])
    >>> y[::4, 0] = np.nan  # no label
    >>> model = MultiTaskNetRegressor(random_state=0).fit(X, y)
    >>> model.predict([[0.5]]).round(1)
    array([[0.5, 2.5]])
    """

    def __init__(
        self,
        *,
        loss: LossLike = "squared_error",
        target_transform: TransformLike = None,
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
        self.loss = loss
        self.target_transform = target_transform
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
        return numeric_kinds(self.loss, columns)

    def _given_kinds(self, names: list[Any]) -> dict[Any, Kind]:
        return given_losses(self.loss, names)
