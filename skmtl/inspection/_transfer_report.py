"""Whether tasks gain by being learned together: measured, with intervals and tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sklearn.utils import check_random_state

from skmtl._params import require_boolean, require_number
from skmtl._sklearn import final_model
from skmtl.inputs import read_labels
from skmtl.inspection._few_members import with_few_members
from skmtl.inspection._transfer import TransferReport
from skmtl.metrics._types import MetricName
from skmtl.model_selection._subset_measurements import read_subsets
from skmtl.model_selection._task_subsets import measure_subsets


def transfer_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    n_repeats: int = 1,
    scoring: MetricName | Any = None,
    rope: float = 0.01,
    level: float = 0.1,
    subsets: Literal["single", "leave_one_out"] | Sequence[Sequence[Any]] = "single",
    n_estimators: int | None = 3,
    own_recipe: bool = False,
    sample_weight: Any = None,
    groups: Any = None,
    random_state: Any = None,
) -> TransferReport:
    """Tell whether tasks should be learned together: compare a network of all tasks with networks of one task each.

    All networks train side by side on the same folds, from the same first parameters and in the same batches, so that
    the differences of their scores are due to the tasks. Networks of one task have the settings of the network of all:
    what is "auto" is decided for all tasks once ("the joint recipe"), and the other tasks have a loss weight of 0.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's, or a Pipeline that ends in one; the steps before it are fitted once a fold.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows.
    y : array-like or data frame of shape (n_samples, n_tasks)
        Labels of two tasks or more; some may be missing.
    cv : int, splitter or iterable, default=5
        Folds; a number stands for :class:`~skmtl.model_selection.MultiTaskKFold`.
    n_repeats : int, default=1
        How often all is done, with other random numbers and, with a number as ``cv``, other folds. More repeats make
        the tests sharper: with 5 folds alone only large gains are told from noise.
    scoring : str, callable, TaskScorer or dict, default=None
        A metric of :mod:`skmtl.metrics` for all tasks, or a dict of metrics by task. None: the error that each kind of
        task is trained for: log loss of classes; root mean squared error of numbers in standard deviations of the
        target, or the mean of another loss. A gain in percent needs a metric that is positive, so "rmse" and not "r2".
    rope : float, default=0.01
        Gains of at most this fraction of the score of the single task count as none in the probabilities.
    level : float, default=0.1
        Level of the tests; intervals have the confidence 1 minus this.
    subsets : {"single", "leave_one_out"} or list of lists of task names, default="single"
        Which networks are trained beside that of all tasks and those of single tasks: none, those of all tasks but one,
        or those of the tasks named.
    n_estimators : int or None, default=3
        Greatest number of members of the networks that are compared; None: as many as the estimator has. Fewer take
        less time; single members gain more by other tasks than ensembles do, whose averaging has some of that effect.
    own_recipe : bool, default=False
        Whether to train networks of single tasks in their own right, too: from the rows that have a label of the task,
        with what is "auto" decided for it. They are shown beside those of the joint recipe, and nothing is tested
        against them.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or label, in training and in the scores.
    groups : array-like of shape (n_samples,), default=None
        Passed to ``cv``; the bootstrap draws groups in place of rows.
    random_state : int, RandomState or None, default=None
        Seed of networks, folds and the bootstrap; None: that of the estimator.

    Returns
    -------
    TransferReport
        Gains of all tasks. Print it, or see its ``table``, ``delta_m``, ``negative`` and ``plot()``.

    Raises
    ------
    ValueError
        If there is one task only, a subset names an unknown task, a task has no label to train on in a fold, or the
        score of a task is not positive.
    TypeError
        If the estimator is not one of skmtl's.

    See Also
    --------
    task_affinity : What each task does to each other one.
    skmtl.metrics.delta_m : The mean gain in percent.

    Notes
    -----
    It takes ``cv * n_repeats`` fits of all tasks and of each task alone, less what they share. Small networks share
    most of the time of a step; those of the size of the defaults take about as long as one after the other.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.datasets import make_related_tasks
    >>> from skmtl.inspection import transfer_report
    >>> X, y = make_related_tasks(200, 8, 3, relatedness=1.0, missing=0.6, random_state=0)
    >>> net = MultiTaskNetRegressor(hidden_layer_sizes=(32,), n_estimators=1, random_state=0)
    >>> report = transfer_report(net, X, y, cv=3)
    >>> report.delta_m > 0
    True
    >>> report.negative
    []
    """
    estimator = with_few_members(estimator, n_estimators, "transfer_report")
    net = final_model(estimator)
    require_number("rope", rope, maximum=1)
    require_number("level", level, positive=True, below=1)
    require_boolean("own_recipe", own_recipe)
    names = read_labels(y, net.missing_label).names
    if len(names) < 2:
        raise ValueError("transfer_report compares tasks learned together with tasks alone: y must have two or more.")
    everything = tuple(range(len(names)))
    further = [s for s in _further(subsets, names) if s != everything and len(s) > 1]
    measured = measure_subsets(
        estimator,
        X,
        y,
        [*((k,) for k in everything), everything, *further],
        cv=cv,
        n_repeats=n_repeats,
        scoring=scoring,
        sample_weight=sample_weight,
        groups=groups,
        own_recipe=own_recipe,
        random_state=random_state,
    )
    seed = net.random_state if random_state is None else random_state
    return TransferReport(measured, rope=rope, level=level, by_losses=scoring is None, rng=check_random_state(seed))


def _further(subsets: Any, names: Sequence[Any]) -> list[tuple[int, ...]]:
    """Subsets beside single tasks and all of them."""
    if isinstance(subsets, str):
        if subsets not in ("single", "leave_one_out"):
            raise ValueError(
                f"subsets must be 'single', 'leave_one_out' or a list of lists of task names; got {subsets!r}."
            )
        every = range(len(names))
        return [tuple(k for k in every if k != left_out) for left_out in every] if subsets == "leave_one_out" else []
    if not isinstance(subsets, Iterable):
        raise TypeError(f"subsets must be 'single', 'leave_one_out' or a list of lists; got {subsets!r}.")
    return list(dict.fromkeys(read_subsets(subsets, names)))
