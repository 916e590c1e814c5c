"""How much each column of X matters to each task."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from skmtl._params import require_integer
from skmtl.estimators._inner import at_net, require_net
from skmtl.inputs import count_rows, from_tensor, take_rows
from skmtl.inspection._feature_relevance_display import FeatureRelevanceDisplay


class FeatureRelevance:
    """How much each column of X matters to each task; made by :func:`feature_relevance`.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_tasks)
        The relevances.
    feature_names : list
        Names of the columns.
    task_names : list
        Names of the tasks.

    Attributes
    ----------
    matrix : ndarray of shape (n_features, n_tasks)
        Fraction of the variance of a task's predictions in which a column takes part.
    feature_names, task_names : list
        Names of the rows and columns of the matrix.
    """

    def __init__(self, matrix: np.ndarray, feature_names: list[Any], task_names: list[Any]) -> None:
        self.matrix, self.feature_names, self.task_names = matrix, feature_names, task_names

    def frame(self) -> Any:
        """Return the relevances as a pandas frame.

        Returns
        -------
        pandas.DataFrame of shape (n_features, n_tasks)
            A row for each column of X.
        """
        import pandas as pd

        index = pd.Index(self.feature_names, name="feature")
        return pd.DataFrame(self.matrix, index=index, columns=pd.Index(self.task_names, name="task"))

    def plot(self, *, ax: Any = None, **kwargs: Any) -> FeatureRelevanceDisplay:
        """Draw the relevances.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Passed to :meth:`FeatureRelevanceDisplay.from_relevance`.

        Returns
        -------
        FeatureRelevanceDisplay
            The drawn display.
        """
        return FeatureRelevanceDisplay.from_relevance(self, ax=ax, **kwargs)

    def __repr__(self) -> str:
        return f"FeatureRelevance(n_features={len(self.feature_names)}, n_tasks={len(self.task_names)})"


def feature_relevance(model: Any, X: Any, *, max_rows: int = 512, random_state: Any = 0) -> FeatureRelevance:
    """Tell how much each column of X matters to the predictions of each task, without any label.

    The values of one column are exchanged between rows, and the squared change of the predictions is averaged. As
    permutation importance, which needs labels and takes longer, it tells what the model looks at. It has the same
    limits: each of several correlated columns may seem to matter little, and some of the changed rows may be
    impossible in the data.

    Parameters
    ----------
    model : estimator
        Fitted: one of skmtl's, or a pipeline or search around one. The columns are those that it takes, so that those
        of a pipeline are the columns before its first step.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows; two at least.
    max_rows : int, default=512
        Greatest number of rows that are used, drawn at random where there are more. Each column takes a prediction of
        them, so that a smaller number saves time where columns are thousands.
    random_state : int, RandomState or None, default=0
        Seed of the rows.

    Returns
    -------
    FeatureRelevance
        See its ``matrix``, ``frame()`` and ``plot()``.

    Raises
    ------
    ValueError
        If X has no columns, or a single row.
    TypeError
        If no net is at the end of the model.

    See Also
    --------
    sklearn.inspection.permutation_importance : What columns matter to a score, with a :meth:`task_view`.

    Notes
    -----
    With f the predictions of a task, in the units of y or as probabilities of its classes, the relevance of column j is
    ``mean((f(x) - f(x'))**2) / (2 var(f))``, where x' is x with the value of column j in another row. For independent
    columns it estimates the total-effect index, the fraction of the variance of f in which the column takes part, alone
    and together with others [1]_; so the relevances of a task sum to 1 or more. They are 0 where all predictions are
    equal.

    References
    ----------
    .. [1] M. J. W. Jansen, "Analysis of variance designs for model output", Computer Physics Communications 117, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.inspection import feature_relevance
    >>> X = np.random.default_rng(0).normal(size=(80, 3))
    >>> y = np.column_stack([X[:, 0], X[:, 1] + X[:, 2] / 3])
    >>> model = MultiTaskNetRegressor(effort="fast", n_estimators=2, random_state=0).fit(X, y)
    >>> feature_relevance(model, X).frame().idxmax().tolist()
    ['x0', 'x1']
    """
    require_integer("max_rows", max_rows, 2)
    X = from_tensor(X)
    n_rows = count_rows(X)
    if n_rows < 2:
        raise ValueError(f"feature_relevance compares rows, two at least; X has {n_rows}. Pass more.")
    order = check_random_state(random_state).permutation(n_rows)[:max_rows]
    X = take_rows(X if hasattr(X, "shape") else np.asarray(X), order)
    if len(X.shape) != 2:
        raise ValueError(f"X must be a table of rows and columns; its shape is {X.shape}.")
    expected = _responses(model, X)
    spread = np.array([response.var(axis=0).sum() for response in expected])
    matrix = np.empty((X.shape[1], len(expected)))
    others = np.roll(np.arange(len(order)), 1)  # in random order, so any other row will do
    for column in range(X.shape[1]):
        changed = _responses(model, _with_column_of(X, column, others))
        matrix[column] = [np.mean(np.sum((a - b) ** 2, axis=1)) / 2 for a, b in zip(expected, changed, strict=True)]
    matrix = np.divide(matrix, spread, out=np.zeros_like(matrix), where=spread > 0)
    names = list(X.columns) if hasattr(X, "columns") else [f"x{column}" for column in range(X.shape[1])]
    return FeatureRelevance(matrix, names, require_net(model)[-1].task_names_.tolist())


def _responses(model: Any, X: Any) -> list[np.ndarray]:
    """Probabilities, or numbers in the units of y, of each task, ``(n, n_classes or 1)`` in float64."""
    net, rows = at_net(model, X)
    pairs = zip(net.tasks_, net._responses(rows), strict=True)
    return [task.restored(response.astype(np.float64)) for task, response in pairs]


def _with_column_of(X: Any, column: int, rows: np.ndarray) -> Any:
    """X with the values that one column has in other rows."""
    other = take_rows(X, rows)
    if hasattr(X, "isetitem"):  # pandas
        changed = X.copy()
        changed.isetitem(column, other.iloc[:, column].set_axis(X.index))
        return changed
    if hasattr(X, "with_columns"):  # polars
        return X.with_columns(other[:, column])
    if hasattr(X, "tocsr"):
        X, other = X.tocsr(), other.tocsr()
        return sparse.hstack([X[:, :column], other[:, [column]], X[:, column + 1 :]], format="csr")
    changed = np.array(X)
    changed[:, column] = other[:, column]
    return changed
