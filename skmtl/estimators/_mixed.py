"""The estimator for tasks of mixed kinds."""

from __future__ import annotations

from typing import Any

from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.metaestimators import available_if

from skmtl.estimators._base import BaseMultiTaskNet
from skmtl.estimators._kinds import may_have_classes, mixed_kinds
from skmtl.estimators._prediction import log_probabilities
from skmtl.inputs import TaskLabels
from skmtl.tasks import Kind, Task


class MultiTaskNet(BaseMultiTaskNet):
    """One neural network for tasks of mixed kinds: classes in some columns, numbers in others, some cells unknown.

    The tasks share hidden layers and each has outputs and a loss of its own; their weighted sum is minimised. A label
    that is missing adds nothing to any loss or score.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(256, 256)
        Widths of the hidden layers of the sharing architecture.
    activation : {"auto", "identity", "logistic", "tanh", "relu", "silu"}, default="auto"
        Activation of the hidden layers; "auto": "relu" if all tasks are of classes, else "silu".
    dropout : "auto" or float, default="auto"
        Share of hidden activations dropped in training; "auto": 0.3 if all tasks are of classes (0.1 for 1500 rows or
        more of 400 encoded inputs or more), 0.1 if some are, 0 if none is or for so few rows that they are one batch.
    encoder : str, Encoder or torch.nn.Module, default="auto"
        What turns a row of X into a vector: "auto" or "tabular" for tables, "convolution" for images, "sequence" for
        token ids, an encoder with other settings, or a module of your own.
    input_dropout : "auto" or float, default="auto"
        Share of each row's encoded inputs dropped in training, by each member other ones; "auto": 0.2 (0.4 for
        1500 rows or more of 400 encoded inputs or more) where all tasks are of classes and ``dropout`` is "auto", else
        0. Never in front of an encoder that learns.
    input_scaling : "auto" or bool, default="auto"
        Whether each member scales its inputs by what they matter to it, learned in two runs ahead of the real one,
        which take a fifth of its epochs each, more if all layers are narrow; of more than 100 encoded inputs it reads
        the quarter that matters most, but at least 100. "auto": where a task is numeric, members hold out rows, and
        there are fewer than 200 rows or more than 100 encoded inputs; if numbers are in bins (see
        :class:`~skmtl.encoders.TabularEncoder`), only with fewer than 1000 distinct rows of more than 20 columns. Never
        in front of an encoder that learns.
    sharing : str or Sharing, default="hard"
        How tasks share hidden layers: "hard", "independent", "soft", "additive", "low_rank", "cross_stitch", "mmoe",
        "ple", "cgc", "attention" or "bypass", or an object such as ``MMoE(n_experts=8)``; see :mod:`skmtl.sharing`.
    balancing : str or Balancer, default="static"
        What multiplies ``loss_weights`` in each step: "static" (nothing), or a method of :mod:`skmtl.balancing` by its
        name there or as an object.
    loss_weights : None, array-like, dict or geometric(decay), default=None
        How much each task counts: a sequence, or a dict by task name in which unnamed tasks weigh 1. Normalised to sum
        1. None: 1, but 10 for each number beside classes, since its loss falls far below theirs; not if ``balancing``
        weighs the tasks, nor behind an encoder that learns. Beside many numbers the share of classes is small, which
        may cost them some accuracy: equal weights are ``[1, 1, ...]``.
    tasks : dict or sequence, default=None
        Kind of each task: a dict by task name or a sequence of "binary", "multiclass", "regression", a loss of
        MultiTaskNetRegressor, or kind objects. Kinds that are not given are inferred: strings, booleans, categories and
        columns of two values are classes, numbers with fractions are regression targets; other integers must be given.
    n_estimators : int, default=8
        Members of the ensemble, trained as one stacked network.
    local_correction : "auto" or bool, default="auto"
        Whether predictions are corrected by what the members got wrong about the training rows most like a row while
        they held them out: those of tasks of classes, counts or squared errors whose leave-one-out error this lowers.
        The fitted estimator then keeps the training rows, and compares with all of them in each prediction. "auto":
        where every row is held out by a member, so by ``1 / validation_fraction`` members or more, and there are more
        than 64 distinct rows, up to 20,000 rows and 8 million numbers in them. Never behind an encoder that learns, nor
        once training goes on from earlier weights.
    optimizer : {"adamw", "sgd"} or Optimizer, default="adamw"
        Optimizer.
    learning_rate : {"auto", "constant", "cosine"}, default="auto"
        Schedule; "auto" is "cosine": a short rise, then a fall to 0 at ``max_iter``.
    learning_rate_init : "auto" or float, default="auto"
        Peak learning rate.
    weight_decay : "auto" or float, default="auto"
        Decoupled weight decay.
    batch_size : "auto" or int, default="auto"
        Rows a step.
    max_iter : "auto" or int, default="auto"
        Greatest number of epochs.
    early_stopping : "auto" or bool, default="auto"
        Whether members hold out rows, each a fold of its own, and keep the weights of their best epoch; "auto": where
        there are 8 distinct rows or more, each at most 3 times on average.
    validation_fraction : float, default=0.125
        Share of rows that a member holds out, rounded to one over a whole number: the number of folds.
    n_iter_no_change : "auto", int or inf, default="auto"
        Epochs without an improvement by ``tol`` (of the held-out loss, or of the training loss where nothing is held
        out) after which a member stops; "auto": 10 with a constant learning rate; else a third of ``max_iter`` without
        any improvement where rows are held out, and never where none are.
    tol : float, default=1e-4
        Least decrease of the loss that counts as an improvement.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted weights, encoder and tasks.
    missing_label : object, default=None
        A further value of y that means "no label", beside NaN, None and pandas.NA.
    device : str or torch.device, default="auto"
        Where to compute; "auto": a GPU if there is one.
    dtype : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        Type to compute in; "auto": float64 for few rows on a CPU, else float32. "bfloat16": for the
        products of training, which wide layers do in about half the time where the processor has them, at some cost in
        accuracy; parameters, losses and predictions stay in float32.
    cuda_graphs : bool, default=False
        Whether a step on a GPU is recorded once and replayed, which saves the time of launching its kernels. For
        "adamw" without dropout and static loss weights; it changes nothing elsewhere.
    n_jobs : int, default=None
        Threads; None chooses from the work of a step.
    random_state : int, RandomState or None, default=None
        Seed of everything random; pass an int for reproducible fits.
    verbose : int, default=0
        Whether to print a line an epoch.
    record : tuple of {"gradient_norms", "gradient_cosines"}, default=()
        Further quantities for ``history_``, of each task's gradient by the shared parameters (by what ``balancing``
        takes gradients by, if it does). Costs as much as a gradient-based method.

    Attributes
    ----------
    classes_ : list
        Classes of each task; None for numeric tasks. For 1-D y the entry of its task.
    task_names_ : ndarray of shape (n_tasks,)
        Names of the tasks: the columns of a frame, else ``task0``, ``task1``, ...
    tasks_ : list of Task
        What was learned of each column of y.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if they are strings.
    n_iter_ : int
        Epochs done.
    history_ : dict of ndarray of shape (n_iter_, n_estimators, n_tasks)
        "loss", "validation_loss" and "weight" by epoch, member and task; NaN after a member has stopped. The weight is
        the mean over the epoch's steps in which the task had a label. "gradient_norms" and "gradient_cosines", of shape
        (n_iter_, n_estimators, n_tasks, n_tasks), are means over steps and are there if ``record`` names them.
    loss_weights_ : ndarray of shape (n_tasks,)
        Normalised ``loss_weights``.
    encoder_ : Encoder
        What turns rows of X into vectors.
    network_ : Network
        The members' networks.

    See Also
    --------
    MultiTaskNetClassifier : Every task of classes.
    MultiTaskNetRegressor : Every task numeric.

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
        hidden_layer_sizes: Any = (256, 256),
        activation: str = "auto",
        dropout: float | str = "auto",
        encoder: Any = "auto",
        input_dropout: float | str = "auto",
        input_scaling: str | bool = "auto",
        sharing: Any = "hard",
        balancing: Any = "static",
        loss_weights: Any = None,
        tasks: Any = None,
        n_estimators: int = 8,
        local_correction: str | bool = "auto",
        optimizer: Any = "adamw",
        learning_rate: str = "auto",
        learning_rate_init: Any = "auto",
        weight_decay: Any = "auto",
        batch_size: Any = "auto",
        max_iter: Any = "auto",
        early_stopping: Any = "auto",
        validation_fraction: float = 0.125,
        n_iter_no_change: Any = "auto",
        tol: float = 1e-4,
        warm_start: bool = False,
        missing_label: Any = None,
        device: Any = "auto",
        dtype: str = "auto",
        cuda_graphs: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
        record: Any = (),
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.encoder = encoder
        self.input_dropout = input_dropout
        self.input_scaling = input_scaling
        self.sharing = sharing
        self.balancing = balancing
        self.loss_weights = loss_weights
        self.tasks = tasks
        self.n_estimators = n_estimators
        self.local_correction = local_correction
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.missing_label = missing_label
        self.device = device
        self.dtype = dtype
        self.cuda_graphs = cuda_graphs
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.record = record

    def _kinds(self, columns: list[TaskLabels]) -> list[Kind]:
        return mixed_kinds(self.tasks, columns)

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
