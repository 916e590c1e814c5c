"""A search over candidates that trains them as members of stacked networks."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone

from skmtl._sklearn import (
    BaseSearchCV,
    FitProgress,
    Interval,
    StrOptions,
    _check_method_params,
    _num_samples,
    final_model,
    with_callbacks,
)
from skmtl._torch_state import torch_settings
from skmtl.checkpoints import Checkpoint, NoCheckpoints, checkpoints_of
from skmtl.estimators._identity import identity_of, seeded
from skmtl.estimators._types import CheckpointLike
from skmtl.metrics._types import MetricName
from skmtl.model_selection._inputs import read_rows, settle_kinds
from skmtl.model_selection._splitters import read_cv
from skmtl.model_selection.search._by_task import ByTaskMixin
from skmtl.model_selection.search._candidates import read_candidates, read_settings
from skmtl.model_selection.search._elimination import ELIMINATIONS, read_elimination
from skmtl.model_selection.search._evaluation import Evaluation, Fold
from skmtl.model_selection.search._halving import Halving
from skmtl.model_selection.search._results import ResultsMixin
from skmtl.model_selection.search._runner import SearchRunner
from skmtl.processes import current, fitting_together


class MultiTaskSearchCV(ByTaskMixin, ResultsMixin):
    """Cross-validated search over parameters that trains its candidates together.

    It takes the place of :class:`~sklearn.model_selection.GridSearchCV` and
    :class:`~sklearn.model_selection.RandomizedSearchCV` for the estimators of skmtl, in a fraction of the time.
    Candidates train as one stacked network, on all folds together, where they differ only in
    ``calibration``, ``class_weight``, ``dropout``, ``kernel_blend``, ``learning_rate_init``, ``local_correction``,
    ``loss_weights``, ``n_estimators``, ``n_jobs``, ``random_state``, ``threshold_metric``, ``tree_blend``,
    ``weight_decay`` or the strengths of penalties of ``sharing`` ("hard", "soft", "additive", "relationship",
    "latent_tasks"). Others train as networks of their own. So do folds with another number of encoded features, with an
    encoder that learns or, where dropout draws or balancing looks at the losses, with another number of rows. Networks
    fit into the processor's cache and ``memory``. joblib spreads them over processes, or a cluster within
    ``joblib.parallel_config(backend="dask")``.

    Each candidate becomes what it would become alone: members draw random numbers of their own, and the encoder, the
    scaling of the targets and whatever is "auto" are those of each fold. With ``elimination=None`` and an int as
    ``random_state`` of the estimator, the results are those of ``GridSearchCV`` up to rounding; with None,
    candidates on a fold see their batches in one order. Ctrl-C ends the search with a warning: candidates scored on all
    folds keep their scores, others have NaN.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's estimators, or a :class:`~sklearn.pipeline.Pipeline` whose last step is one. The steps before it
        are fitted once per fold and per setting of their own parameters.
    param_grid : dict or list of dict, default=None
        Values by parameter name; all combinations are tried.
    param_distributions : dict or list of dict, default=None
        Values or distributions by parameter name, in place of ``param_grid``; ``n_iter`` settings are drawn.
    n_iter : int, default=10
        Number of settings drawn from ``param_distributions``.
    scoring : str, callable, list, tuple or dict, default=None
        As in :func:`cross_validate`, by names of :mod:`skmtl.metrics` or scikit-learn; None is the estimator's
        ``score``, the mean over the tasks.
    n_jobs : int, default=None
        Number of processes; the fits are divided evenly among them.
    refit : bool, str or callable, default=True
        As in ``GridSearchCV``: whether to fit the best candidate to all rows; the metric that decides; or a function of
        ``cv_results_`` that returns the best index.
    cv : int, splitter or iterable, default=None
        Folds; None is 5, and a number is that of a :class:`MultiTaskKFold`, which takes missing labels.
    verbose : int, default=0
        1 prints the number of fits and jobs, 2 also the rungs of the elimination.
    error_score : "raise" or float, default=nan
        What a candidate scores whose fit fails. Other candidates are not disturbed.
    return_train_score : bool, default=False
        Whether to score on the training rows, too.
    random_state : int, RandomState or None, default=None
        Seed of the draws from ``param_distributions``.
    elimination : None, "auto", "halving" or Halving, default=None
        How candidates are dropped; None: not at all. "auto": ``Halving(resource="n_estimators")``, by few members, if
        they have 4 or more and ``refit`` names the metric that decides; but None if they differ in ``n_estimators``,
        in the blends, ``local_correction``, ``calibration`` or ``threshold_metric``, which learn from rows that all
        members hold out, or in ``loss_weights``, where a search looks for trade-offs. "halving": by few epochs.
    memory : float, default=2**30
        Bytes that the networks in training may take in each job, and the encoded rows of several folds. With
        ``elimination``, bytes of the networks of all jobs together: where they would take more, the candidates are
        divided into groups that are trained and eliminated one after another.
    checkpoint : None, path or Checkpoint, default=None
        Folder in which the networks are kept until the search is over. A search that is killed and run again trains
        none of them twice, goes on with those that were in training, and ends with the results of an undisturbed one.
        None takes the ``checkpoint`` of the estimator.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As ``GridSearchCV`` has it. Times are those of a network over the candidates in it. With ``elimination`` the
        scores are those at which a candidate ended; "rung" says where, from 0 for the first, "n_resources" with how
        many members, where they are the resource. Ranks put later rungs first. Compare scores within a rung only.
    elimination_ : Halving or None
        How candidates were dropped.
    best_estimator_ : estimator
        Fitted to all rows, if ``refit``.
    best_index_, best_params_, best_score_, refit_time_
        The best candidate, its parameters, its mean score and the seconds of the last fit.
    multimetric_, scorer_ : bool, callable or dict
        Whether there are several metrics; the scorers.
    n_splits_ : int
        Number of folds.
    task_names_ : ndarray of shape (n_tasks,)
        Names of the tasks.
    task_scores_ : ndarray of shape (n_candidates, n_tasks)
        Mean over the folds of each candidate's score on each task: accuracy of classes, R2 of numbers.
    pareto_front_ : ndarray of int
        Candidates that no other is better than on all tasks, by ``task_scores_``.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if they are strings and ``refit``.

    See Also
    --------
    SimplexGrid : Loss weights on a grid.
    Dirichlet : Random loss weights.
    ParetoDisplay : A picture of the Pareto front.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.model_selection import MultiTaskSearchCV, SimplexGrid
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.column_stack([X[:, 0], np.sin(5 * X[:, 0])])
    >>> y[::4, 0] = np.nan  # no label
    >>> net = MultiTaskNetRegressor(hidden_layer_sizes=(8,), n_estimators=1, random_state=0)
    >>> search = MultiTaskSearchCV(net, {"loss_weights": SimplexGrid(2, 4, interior=True)}, cv=3).fit(X, y)
    >>> sorted(search.best_params_), search.task_scores_.shape
    (['loss_weights'], (3, 2))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: rule for name, rule in BaseSearchCV._parameter_constraints.items() if name != "pre_dispatch"},
        "scoring": [str, callable, list, tuple, dict, None],
        "param_grid": [dict, list, None],
        "param_distributions": [dict, list, None],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "elimination": [None, StrOptions({"auto", *ELIMINATIONS}), Halving],
        "memory": [Interval(Real, 0, None, closed="neither")],
        "checkpoint": [None, str, os.PathLike, Checkpoint],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any = None,
        *,
        param_distributions: Any = None,
        n_iter: int = 10,
        scoring: MetricName | Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        elimination: Literal["auto", "halving"] | Halving | None = None,
        memory: float = 2**30,
        checkpoint: CheckpointLike = None,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state
        self.elimination = elimination
        self.memory = memory
        self.checkpoint = checkpoint

    @with_callbacks
    @torch_settings()
    @fitting_together()
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Train and score all candidates, and fit the best to all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples,) or (n_samples, n_tasks)
            Labels, with holes as in the estimator's ``fit``.
        **params : dict
            Further arguments of the estimator's ``fit``, such as ``sample_weight``, and ``groups`` of the splitter.
            What has as many rows as X is split with it. ``sample_weight`` also goes to scorers that take it.

        Returns
        -------
        Self
            The fitted search.

        Raises
        ------
        ValueError
            If a parameter is not usable, or all fits fail.
        """
        self._validate_params()
        checkpoint = getattr(final_model(self.estimator), "checkpoint", None)
        if self.checkpoint is not None:
            checkpoint = self.checkpoint
        drawn = self.param_grid, self.param_distributions, self.n_iter, self.random_state
        identity = partial(identity_of, self.estimator, type(self), drawn, self.cv, self.elimination, X, y, params)
        with checkpoints_of(checkpoint, identity, keep_ended=True) as checkpoints:
            return self._fit(X, y, params, checkpoints)

    def _fit(self, X: Any, y: Any, params: Mapping[str, Any], checkpoints: NoCheckpoints) -> Self:
        world, seed = current().world, checkpoints.seed(self.random_state)
        if world.size > 1 and effective_n_jobs(self.n_jobs) > 1:
            raise ValueError(
                f"n_jobs must be None or 1 in a group of processes, which train the fits; got {self.n_jobs!r}."
            )
        settings = world.share(read_settings(self.param_grid, self.param_distributions, self.n_iter, seed))
        scorers, metric = self._get_scorers()
        X, y = read_rows(type(self).__name__, X, y)
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        folds = world.share(self._folds(X, y, routed.splitter.split))
        given = X, y, routed.estimator.fit, routed.scorer.score
        estimator = seeded(settle_kinds(self.estimator, y), checkpoints)
        evaluation = Evaluation(estimator, *given, scorers, self.error_score, self.return_train_score)
        candidates = read_candidates(estimator, settings)
        self.elimination_ = None
        if self.elimination is not None:
            self.elimination_ = read_elimination(self.elimination, candidates, self.refit)
        for candidate in candidates:
            candidate.check_arguments(routed.estimator.fit)
        runner = SearchRunner(
            candidates,
            folds,
            evaluation,
            n_jobs=self.n_jobs,
            memory=self.memory,
            verbose=self.verbose,
            halving=self.elimination_,
            metric=self.refit if isinstance(self.refit, str) else None,
            checkpoints=checkpoints,
        )
        progress = FitProgress(self, runner.n_steps, X, y, params.get("sample_weight"))
        runner.run(progress.step)
        if runner.interrupted:
            checkpoints.keep()
        results = runner.by_candidate()
        with warnings.catch_warnings():
            if runner.interrupted:  # which has been told
                warnings.filterwarnings("ignore", message="One or more of the .* scores are non-finite")
            self._collect(settings, results, runner, scorers, metric)
        if self.refit:
            self._fit_best(X, y, routed.estimator.fit, checkpoints)
        progress.end()
        return self

    def _folds(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Fold]:
        rows = np.arange(_num_samples(X))
        splits = read_cv(self.cv, self.estimator).split(X, y, **split_params)
        folds = [Fold(k, rows[train], rows[test]) for k, (train, test) in enumerate(splits)]
        self.n_splits_ = len(folds)
        if not folds:
            raise ValueError("cv gives no fold; pass a splitter or an iterable with at least one.")
        return folds

    def _fit_best(self, X: Any, y: Any, fit_params: Mapping[str, Any], checkpoints: NoCheckpoints) -> None:
        self.best_estimator_ = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        net = final_model(self.best_estimator_)
        given, net.checkpoint = net.checkpoint, checkpoints.inner
        start = time.perf_counter()
        self.best_estimator_.fit(X, y, **fit_params)
        net.checkpoint = given
        self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _run_search(self, evaluate_candidates: Any, **_: Any) -> None:
        raise NotImplementedError("The candidates of MultiTaskSearchCV are not evaluated one by one.")
