"""How well each task is predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skmtl._params import require_integer, require_number
from skmtl.inputs import group_codes, object_array
from skmtl.metrics._arrmse import training_labels
from skmtl.metrics._bootstrap import draw_counts
from skmtl.metrics._report import TaskReport
from skmtl.metrics._scored import Scored
from skmtl.metrics._task_metric import ScoredTask, choose_metrics, fill_scores, trivial_cells
from skmtl.tasks import Task


def task_report(
    model: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    metrics: Any = None,
    y_train: Any = None,
    groups: Any = None,
    confidence: float = 0.9,
    n_draws: int = 200,
    random_state: Any = 0,
) -> TaskReport:
    """Report of all tasks of a fitted model on new rows: labels, scores by the kind of the task, and their intervals.

    Each score stands above that of the trivial predictor, which knows no X: it predicts the most frequent class, the
    frequencies of the classes as probabilities, the mean of numbers, and the quantile of quantile tasks.

    Parameters
    ----------
    model : estimator
        Fitted; one of skmtl's, a view of a task, a multi-output estimator of scikit-learn, or a pipeline or search
        around one of these.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows that the model was not fitted to.
    y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels with holes, as in ``fit``.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or cell.
    metrics : str, callable, list of these or dict of these by task, default=None
        Metrics as :func:`make_task_scorer` takes them; a task has those that are for its kind. None, and tasks that a
        dict does not name: two classes have ROC-AUC, average precision, F1 and log loss; more classes accuracy,
        balanced accuracy, F1 and log loss; numbers R2, RMSE and MAE; counts R2, Poisson deviance and MAE; quantiles
        pinball loss at their level and MAE.
    y_train : array-like or data frame of shape (n_train,) or (n_train, n_tasks), default=None
        Labels that the model was trained on, from which the trivial predictor learns. None: it learns from those of
        ``y``, which the model has not seen, and so scores a little better than it could have.
    groups : array-like of shape (n_samples,), default=None
        Rows that belong together: the bootstrap draws groups in place of rows.
    confidence : float, default=0.9
        Confidence of the intervals.
    n_draws : int, default=200
        Number of bootstrap samples; 0: no intervals. All tasks see the same rows of each.
    random_state : int, RandomState or None, default=0
        Seed of the bootstrap.

    Returns
    -------
    TaskReport
        Print it, show it in a notebook, or see its ``table``, ``frame()`` and ``not_better``.

    Raises
    ------
    ValueError
        If X and y do not go together, are of other tasks than the model, or a metric is unknown or suits no task.

    See Also
    --------
    make_task_scorer : One number, for searches.
    skmtl.inspection.PerformanceDisplay : Curves of all tasks.

    Notes
    -----
    The intervals are bias-corrected percentiles of the bootstrap [1]_. They show the noise of these rows, not that of
    another fit. A score that is not defined, such as the ROC-AUC of labels of one class, is NaN; samples in which it is
    not defined are left out. A task has intervals where at least 5 rows, or groups, have a label of it; a task of
    classes where as many have a label other than its most frequent one.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman and Hall, 1993, chapter 14.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNet
    >>> from skmtl.metrics import task_report
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X > 0, 3 * X + 1]).astype(float)
    >>> y[::3, 0] = np.nan  # no label
    >>> model = MultiTaskNet(tasks=["binary", "regression"], hidden_layer_sizes=(16,), random_state=0).fit(X, y)
    >>> report = task_report(model, X, y, metrics=["accuracy", "r2"])
    >>> report.table["n_missing"], report.table["accuracy_trivial"]
    (array([20,  0]), array([0.5, nan]))
    >>> report.not_better
    []
    """
    require_number("confidence", confidence, positive=True, below=1)
    require_integer("n_draws", n_draws, 0)
    judged = Scored(model, X, y, sample_weight, None)
    tasks = judged.likely_tasks
    chosen = choose_metrics(metrics, tasks)
    if metrics is None:  # classifiers of scikit-learn may have no probabilities
        chosen = [[one for one in of_task if hasattr(model, one.metric.response_method)] for of_task in chosen]
    training = None if y_train is None else training_labels(y_train, judged.missing_label, judged.names)
    scored = []
    for place, (task, of_task) in enumerate(zip(tasks, chosen, strict=True)):
        known = None if training is None else training[place]
        for one in of_task:
            cells = judged.cells(one.metric.response_method)[place]
            trivial = trivial_cells(cells, task.kind, one.metric.response_method, known)
            scored.append(ScoredTask(place, task.kind, one, cells, trivial, np.flatnonzero(judged.weights[:, place])))
    table = _label_counts(judged, tasks)
    n_rows = len(judged.weights)
    units = np.arange(n_rows) if groups is None else group_codes(groups, n_rows)
    draws = draw_counts(units, n_draws, check_random_state(random_state))
    fill_scores(table, scored, units, draws, confidence)
    return TaskReport(
        table,
        metrics=[[one.name for one in of_task] for of_task in chosen],
        greater_is_better={one.name: one.metric.greater_is_better for of_task in chosen for one in of_task},
        n_rows=n_rows,
        confidence=confidence,
        n_draws=n_draws,
    )


def _label_counts(judged: Scored, tasks: list[Task]) -> dict[str, np.ndarray]:
    """The columns of a report that tell of the labels."""
    n_rows, n_tasks = judged.weights.shape
    n_labels, n_positives = (judged.weights > 0).sum(axis=0), np.full(n_tasks, np.nan)
    for place, (task, seen) in enumerate(zip(tasks, judged.weights.T > 0, strict=True)):
        if task.classes is not None and len(task.classes) == 2:
            n_positives[place] = np.sum(judged.columns[place][seen] == task.classes[1])
    return {
        "task": object_array(judged.names),
        "n_labels": n_labels,
        "n_missing": n_rows - n_labels,
        "n_positives": n_positives,
    }
