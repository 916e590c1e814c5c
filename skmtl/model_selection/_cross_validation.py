"""scikit-learn's cross-validation for label matrices with missing cells."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
from sklearn import model_selection

from skmtl._sklearn import final_model
from skmtl.inputs import count_rows, read_labels, take_rows
from skmtl.metrics._scorer import read_scoring
from skmtl.metrics._types import MetricName
from skmtl.model_selection._inputs import read_rows, settle_kinds
from skmtl.model_selection._splitters import read_cv

Method: TypeAlias = Literal["predict", "predict_proba", "predict_log_proba"]
_METHODS = get_args(Method)


@overload
def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    method: Literal["predict"] = "predict",
) -> np.ndarray: ...
@overload
def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    method: Literal["predict_proba", "predict_log_proba"],
) -> Any: ...
def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    method: Method = "predict",
) -> Any:
    """Predict each row by a model that was not fitted to it, where labels may be missing.

    As :func:`sklearn.model_selection.cross_val_predict`, which takes a missing label for a class. The probabilities are
    those of all classes that y holds: a class that is absent from a training part has probability 0 there.

    Parameters
    ----------
    estimator : estimator
        Cloned and fitted for each fold.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows.
    y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels with holes.
    groups : array-like of shape (n_samples,), default=None
        Passed to ``cv``.
    cv : int, splitter or iterable, default=None
        Folds; a number of folds or None (5) stands for :class:`MultiTaskKFold` with the estimator's ``missing_label``.
    n_jobs : int, default=None
        Folds fitted at a time.
    verbose : int, default=0
        How much joblib prints.
    params : dict, default=None
        Passed to ``fit``; arrays of n_samples rows are cut to the training rows.
    pre_dispatch : int or str, default="2*n_jobs"
        Folds handed out ahead.
    method : {"predict", "predict_proba", "predict_log_proba"}, default="predict"
        What to ask of the fitted estimators.

    Returns
    -------
    ndarray or list of ndarray
        Predicted labels of the shape of y; or an array ``(n_samples, n_classes)``, for 2-D y a list of these, in the
        order of the sorted classes of each task, with None for a task of numbers.

    Raises
    ------
    ValueError
        If ``method`` is another one, or the test parts are no partition of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetClassifier
    >>> from skmtl.model_selection import cross_val_predict
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(float)
    >>> y[::4, 0] = np.nan  # no label
    >>> model = MultiTaskNetClassifier(hidden_layer_sizes=(8,), n_estimators=1, random_state=0)
    >>> [p.shape for p in cross_val_predict(model, X, y, cv=2, method="predict_proba")]
    [(40, 2), (40, 2)]
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}.")
    X, y = read_rows("cross_val_predict", X, y)
    estimator = settle_kinds(estimator, y)
    common = {"groups": groups, "cv": read_cv(cv, estimator), "n_jobs": n_jobs, "verbose": verbose}
    common |= {"params": params, "pre_dispatch": pre_dispatch}
    if method == "predict":
        return model_selection.cross_val_predict(estimator, X, y, **common)
    # scikit-learn's own would take missing labels for a class
    folds = model_selection.cross_validate(
        estimator, X, y, scoring=_no_score, return_estimator=True, return_indices=True, error_score="raise", **common
    )
    labels = read_labels(y, getattr(final_model(estimator), "missing_label", None))
    classes = [np.unique(column[seen]) for column, seen in zip(labels.columns, labels.observed.T, strict=True)]
    responses = _join_folds(folds["estimator"], folds["indices"]["test"], X, method, classes)
    return responses[0] if labels.one_dimensional else responses


def _no_score(estimator: Any, X: Any, y: Any) -> float:
    return 0.0


def _join_folds(
    models: list[Any], tests: list[np.ndarray], X: Any, method: str, classes: list[np.ndarray]
) -> list[np.ndarray | None]:
    """Each task's probabilities of all classes, for each row by the model that did not see it; None for numbers."""
    n_samples = count_rows(X)
    if not np.array_equal(np.sort(np.concatenate(tests)), np.arange(n_samples)):
        raise ValueError("cross_val_predict needs folds whose test parts partition the rows. Pass K folds as cv.")
    absent = 0.0 if method == "predict_proba" else float(np.finfo(np.float32).min)
    joined: list[np.ndarray | None] = [None] * len(classes)
    for model, test in zip(models, tests, strict=True):
        responses, known = getattr(model, method)(take_rows(X, test)), final_model(model).classes_
        if not isinstance(responses, list):
            responses, known = [responses], [known]
        for task, response in enumerate(responses):
            if response is not None:
                if (block := joined[task]) is None:
                    block = joined[task] = np.full((n_samples, len(classes[task])), absent, response.dtype)
                block[np.ix_(test, np.searchsorted(classes[task], known[task]))] = response
    return joined


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    scoring: MetricName | Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
) -> dict[str, Any]:
    """Score by cross-validation where labels may be missing.

    As :func:`sklearn.model_selection.cross_validate`, but the default folds take missing labels, and the names of the
    metrics of :mod:`skmtl.metrics` stand for these in ``scoring``.

    Parameters
    ----------
    estimator : estimator
        Cloned and fitted for each fold.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows.
    y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
        Labels with holes.
    groups : array-like of shape (n_samples,), default=None
        Passed to ``cv``.
    scoring : str, callable, list, tuple or dict, default=None
        As in scikit-learn; a name of :mod:`skmtl.metrics`, such as "roc_auc", is the mean of that metric over the tasks
        (negated if lower is better). None: ``estimator.score``.
    cv : int, splitter or iterable, default=None
        Folds; a number of folds or None (5) stands for :class:`MultiTaskKFold` with the estimator's ``missing_label``.
    n_jobs : int, default=None
        Folds fitted at a time.
    verbose : int, default=0
        How much is printed.
    params : dict, default=None
        Passed to ``fit``; arrays of n_samples rows are cut to the training rows.
    pre_dispatch : int or str, default="2*n_jobs"
        Folds handed out ahead.
    return_train_score : bool, default=False
        Whether to score the training rows too.
    return_estimator : bool, default=False
        Whether to return the fitted estimators.
    return_indices : bool, default=False
        Whether to return the rows of each split.
    error_score : "raise" or float, default=nan
        Score of a fit that fails.

    Returns
    -------
    dict
        ``test_score`` or ``test_<name>`` by fold, times and what else was asked for, as scikit-learn names them.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetClassifier
    >>> from skmtl.model_selection import cross_validate
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X > 0, X > 0.5]).astype(float)
    >>> y[::4, 0] = np.nan  # no label
    >>> model = MultiTaskNetClassifier(hidden_layer_sizes=(8,), n_estimators=1, random_state=0)
    >>> sorted(cross_validate(model, X, y, cv=2, scoring=["roc_auc", "brier"]))
    ['fit_time', 'score_time', 'test_brier', 'test_roc_auc']
    """
    X, y = read_rows("cross_validate", X, y)
    scores: dict[str, Any] = model_selection.cross_validate(
        settle_kinds(estimator, y),
        X,
        y,
        groups=groups,
        scoring=read_scoring(scoring),
        cv=read_cv(cv, estimator),
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
        return_train_score=return_train_score,
        return_estimator=return_estimator,
        return_indices=return_indices,
        error_score=error_score,
    )
    return scores
