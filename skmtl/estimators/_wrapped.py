"""What the nets can do with rows, of whatever ends in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from skmtl.estimators._frames import Library, label_frame, probability_frame
from skmtl.estimators._inner import at_net, detached
from skmtl.estimators._task_view import TaskView
from skmtl.estimators._types import ConformalMethod
from skmtl.estimators._viewed_task import view_task

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@overload
def predict_frame(estimator: Any, X: Any, library: Literal["pandas"]) -> pd.DataFrame: ...
@overload
def predict_frame(estimator: Any, X: Any, library: Literal["polars"]) -> pl.DataFrame: ...
@overload
def predict_frame(estimator: Any, X: Any, library: None = None) -> Any: ...
def predict_frame(estimator: Any, X: Any, library: Library | None = None) -> Any:
    """Predict labels as a data frame with a column a task, by anything that ends in a net.

    Parameters
    ----------
    estimator : estimator
        Fitted: an estimator of skmtl, or a Pipeline, a search, a :class:`~skmtl.model_selection.TaskGroupingCV` or a
        FrozenEstimator around one, also one within another. Steps of pipelines transform X.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.
    library : {"pandas", "polars"} or None, default=None
        Library of the frame. None: that of X, and for an X that is no frame pandas, or polars where pandas is not
        installed.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame of shape (n_samples, n_tasks)
        As of the net's own method: types and categories are those of y, the index of a pandas frame is that of X.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import skmtl
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = pd.DataFrame({"age": np.arange(40.0)}, index=[f"row{k}" for k in range(40)])
    >>> y = pd.DataFrame({"old": X["age"] > 20, "size": X["age"] / 3})
    >>> net = skmtl.MultiTaskNet(hidden_layer_sizes=(8,), random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), net).fit(X, y)
    >>> skmtl.predict_frame(pipeline, X)["old"].tail(2)
    row38    True
    row39    True
    Name: old, dtype: bool
    """
    net, rows = at_net(estimator, X)
    return label_frame(net, net._predict_columns(rows), X, library)


@overload
def predict_proba_frame(estimator: Any, X: Any, library: Literal["pandas"]) -> pd.DataFrame: ...
@overload
def predict_proba_frame(estimator: Any, X: Any, library: Literal["polars"]) -> pl.DataFrame: ...
@overload
def predict_proba_frame(estimator: Any, X: Any, library: None = None) -> Any: ...
def predict_proba_frame(estimator: Any, X: Any, library: Library | None = None) -> Any:
    """Predict the probabilities of the classes of all tasks as one data frame, by anything that ends in a net.

    Parameters
    ----------
    estimator : estimator
        As in :func:`predict_frame`.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.
    library : {"pandas", "polars"} or None, default=None
        As in :func:`predict_frame`.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame of shape (n_samples, n_classes of all tasks)
        A column ``<task>_<class>`` for each class of each task.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.
    ValueError
        If no task has classes.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(int)
    >>> net = skmtl.MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=2, effort="fixed").fit(X, y)
    >>> list(skmtl.predict_proba_frame(net, X).columns)
    ['task0_0', 'task0_1', 'task1_0', 'task1_1']
    """
    net, rows = at_net(estimator, X)
    if not hasattr(net, "predict_proba"):
        raise ValueError("No task has classes, so that there are no probabilities. Use predict_frame.")
    return probability_frame(net, net._responses(rows), X, library)


def predict_interval(
    estimator: Any, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv", normalize: bool = True
) -> np.ndarray:
    """Predict intervals that contain the labels of new rows with a given probability, by anything that ends in a net.

    Parameters
    ----------
    estimator : estimator
        As in :func:`predict_frame`.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.
    coverage : float, default=0.9
        Fraction of labels that the intervals of each task shall contain, between 0 and 1.
    method : {"cv", "cv+"}, default="cv"
        As in the net's own method.
    normalize : bool, default=True
        As in the net's own method.

    Returns
    -------
    ndarray of shape (n_samples, 2) or (n_samples, n_tasks, 2)
        Lower and upper bound; NaN for tasks of classes.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.
    ValueError
        If no task has numbers, a parameter is not usable, or there are too few held-out labels for the coverage.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X, X**2])
    >>> net = skmtl.MultiTaskNetRegressor(hidden_layer_sizes=(8,), max_iter=2, effort="fixed", random_state=0).fit(X, y)
    >>> skmtl.predict_interval(net, X[:3], coverage=0.8).shape
    (3, 2, 2)
    """
    net, rows = at_net(estimator, X)
    if not hasattr(net, "predict_interval"):
        raise ValueError("No task has numbers, so that there are no intervals. Use predict_proba_frame.")
    intervals: np.ndarray = net.predict_interval(rows, coverage, method=method, normalize=normalize)
    return intervals


def predict_set(estimator: Any, X: Any, coverage: float = 0.9, *, method: ConformalMethod = "cv") -> Any:
    """Predict sets of classes that contain the labels of new rows with a given probability, by whatever ends in a net.

    Parameters
    ----------
    estimator : estimator
        As in :func:`predict_frame`.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.
    coverage : float, default=0.9
        Fraction of labels that the sets of each task shall contain, between 0 and 1.
    method : {"cv", "cv+"}, default="cv"
        As in the net's own method.

    Returns
    -------
    list of ndarray of shape (n_samples, n_classes), bool
        Which classes are in the set, None for numeric tasks; for 1-D y the entry of its task.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.
    ValueError
        If no task has classes, a parameter is not usable, or there are too few held-out labels for the coverage.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(int)
    >>> net = skmtl.MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=2, effort="fixed").fit(X, y)
    >>> [classes.shape for classes in skmtl.predict_set(net, X[:3], coverage=0.8)]
    [(3, 2), (3, 2)]
    """
    net, rows = at_net(estimator, X)
    if not hasattr(net, "predict_set"):
        raise ValueError("No task has classes, so that there are no sets of them. Use predict_interval.")
    return net.predict_set(rows, coverage, method=method)


def score_tasks(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> dict[Any, float]:
    """Score of each task on its observed labels, of anything that ends in a net.

    Parameters
    ----------
    estimator : estimator
        As in :func:`predict_frame`.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows as the estimator takes them.
    y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels with holes.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or cell.

    Returns
    -------
    dict
        Task name to score: accuracy of classes, R2 of numbers; NaN where it is not defined.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.
    ValueError
        If no cell is observed.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(int)
    >>> net = skmtl.MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=2, effort="fixed", random_state=0)
    >>> list(skmtl.score_tasks(make_pipeline(StandardScaler(), net).fit(X, y), X, y))
    ['task0', 'task1']
    """
    net, rows = at_net(estimator, X)
    scores: dict[Any, float] = net.score_tasks(rows, y, sample_weight)
    return scores


def task_view(estimator: Any, task: Any) -> TaskView:
    """View one task as a fitted classifier or regressor of its own, of anything that ends in a net.

    Parameters
    ----------
    estimator : estimator
        As in :func:`predict_frame`.
    task : name or int
        Name or position of the task.

    Returns
    -------
    TaskView
        Takes rows as the estimator does: the steps of pipelines transform them. Later fits do not change it.

    Raises
    ------
    TypeError
        If no net is at the end of the estimator.
    ValueError
        If there is no such task.

    Examples
    --------
    >>> import numpy as np
    >>> import skmtl
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(int)
    >>> net = skmtl.MultiTaskNetClassifier(hidden_layer_sizes=(8,), max_iter=2, effort="fixed").fit(X, y)
    >>> view = skmtl.task_view(net, "task1")  # to pass to sklearn.inspection, say
    >>> view.classes_, view.predict(X).shape
    (array([0, 1]), (40,))
    """
    return view_task(detached(estimator), task)
