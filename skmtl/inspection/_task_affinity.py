"""How tasks affect each other: measured gains of pairs, and cheap affinities beside them."""

from __future__ import annotations

from typing import Any

from skmtl._params import require_choice
from skmtl._sklearn import final_model
from skmtl.inputs import read_labels
from skmtl.inspection._affinity import TaskAffinity
from skmtl.inspection._affinity_methods import METHODS, AffinityData, Method
from skmtl.inspection._few_members import with_few_members
from skmtl.metrics._types import MetricName


def task_affinity(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: Method = "gain",
    cv: Any = 5,
    n_repeats: int = 1,
    scoring: MetricName | Any = None,
    n_estimators: int | None = 3,
    sample_weight: Any = None,
    groups: Any = None,
    random_state: Any = None,
) -> TaskAffinity:
    """Measure what each task does to each other one.

    Only "gain" measures what is usually wanted: whether a task is predicted better by a network that learns another
    one, too. The other methods are cheap, and **cheap affinities do not predict gains**: over the published collections
    of measured gains, the rank correlation within a task of "lookahead" with the gain of a group was 0.06 or less, and
    that of cosines of gradients is no better founded. Use them to look at tasks, not to decide which ones to learn
    together. Nor do the gains of pairs say all about larger groups; measure these by :func:`transfer_report`.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's, or a Pipeline that ends in one.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows.
    y : array-like or data frame of shape (n_samples, n_tasks)
        Labels of two tasks or more; some may be missing.
    method : str, default="gain"
        What to measure; see the notes.
    cv : int, splitter or iterable, default=5
        Folds; the methods that look at gradients train on all rows and have none.
    n_repeats : int, default=1
        How often all folds are done.
    scoring : str, callable, TaskScorer or dict, default=None
        For "gain", as in :func:`transfer_report`.
    n_estimators : int or None, default=3
        Greatest number of members of each network; None: as many as the estimator has.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or label.
    groups : array-like of shape (n_samples,), default=None
        Passed to ``cv``.
    random_state : int, RandomState or None, default=None
        Seed; None: that of the estimator.

    Returns
    -------
    TaskAffinity
        Matrix with a row for the task that is affected and a column for the task that affects it.

    Raises
    ------
    ValueError
        If the method is unknown, there is one task only, or the method is not for these tasks or this estimator.

    See Also
    --------
    transfer_report : What each task gains by being learned with all others, with tests.
    GradientConflictDisplay : Cosines of gradients epoch by epoch.

    Notes
    -----
    - "gain": percent by which the score of the row's task is better in a network of both tasks than alone, on the same
      folds; 0 on the diagonal. Not symmetric: often one task of a pair gains and the other loses.
    - "gradient_cosine": mean over the training of a network of all tasks of the cosine between the gradients of two
      tasks by the shared parameters. Symmetric.
    - "lookahead": decrease of the loss of the row's task, as a fraction of itself, for a unit step along the negative
      gradient of the column's task: to first order g_i . g_j / L_i, from the means of each epoch (Fifty et al., 2021).
      It is that of plain gradient descent, whatever the optimizer. Not symmetric.
    - "representation": Spearman correlation of the dissimilarities of all pairs of rows under the last hidden layers of
      networks of single tasks (Dwivedi and Roig, 2019), on the test rows. Symmetric.
    - "output": correlation of what networks of single tasks predict of rows that they did not learn from; of classes
      the probabilities, where more than two have the root of the RV coefficient, which is not negative. Symmetric.
    - "residual": partial correlation of the errors of these predictions on labelled rows, by the graphical lasso: which
      tasks share noise. For numbers and two classes. Symmetric.

    References
    ----------
    Fifty, C., Amid, E., Zhao, Z., Yu, T., Anil, R. and Finn, C. (2021). Efficiently identifying task groupings for
    multi-task learning. NeurIPS 34.

    Dwivedi, K. and Roig, G. (2019). Representation similarity analysis for efficient task taxonomy and transfer
    learning. CVPR.

    Standley, T., Zamir, A., Chen, D., Guibas, L., Malik, J. and Savarese, S. (2020). Which tasks should be learned
    together in multi-task learning? ICML.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.datasets import make_related_tasks
    >>> from skmtl.inspection import task_affinity
    >>> X, y = make_related_tasks(200, 8, 3, random_state=0)
    >>> net = MultiTaskNetRegressor(effort="fast", n_estimators=1, random_state=0)
    >>> affinity = task_affinity(net, X, y, method="gradient_cosine")
    >>> affinity.matrix.shape, affinity.method
    ((3, 3), 'gradient_cosine')
    """
    require_choice("method", method, METHODS)
    estimator = with_few_members(estimator, n_estimators, "task_affinity")
    if random_state is not None:
        final_model(estimator).set_params(random_state=random_state)
    labels = read_labels(y, final_model(estimator).missing_label)
    if len(labels.names) < 2:
        raise ValueError("task_affinity compares tasks: y must have two or more.")
    folds = {"cv": cv, "n_repeats": n_repeats, "groups": groups}
    data = AffinityData(estimator, X, y, sample_weight, labels, scoring, folds)
    return TaskAffinity(METHODS[method](data), labels.names, method)
