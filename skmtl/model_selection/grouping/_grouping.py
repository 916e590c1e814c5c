"""A multi-task estimator that chooses which tasks to learn together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.utils import check_random_state

from skmtl._sklearn import HasMethods, Interval, StrOptions
from skmtl.checkpoints import checkpoints_of
from skmtl.estimators._identity import identity_of
from skmtl.inputs import read_labelled_rows
from skmtl.model_selection._inputs import read_rows, settle_kinds
from skmtl.model_selection._splitters import read_cv
from skmtl.model_selection._task_subsets import measure_subsets
from skmtl.model_selection.grouping._fit import fit_subsets
from skmtl.model_selection.grouping._fitted import FittedByAnother
from skmtl.model_selection.grouping._gains import FoldGains
from skmtl.model_selection.grouping._reports import ProposedGroup, SubsetGains
from skmtl.model_selection.grouping._serving import Decision, decide
from skmtl.model_selection.grouping._smoothing import smoothed_gains
from skmtl.model_selection.grouping._subsets import first_subsets, propose
from skmtl.model_selection.search._candidates import require_net
from skmtl.processes import current


class TaskGroupingCV(FittedByAnother):
    """Multi-task estimator that learns by cross-validation which tasks to learn together.

    It measures how well networks of subsets of the tasks predict, all of them trained side by side on the same folds.
    Then it chooses which network serves each task: its single net, the net of all tasks, or one of up to ``n_networks``
    groups, nets of some of the tasks, so that the gains of the tasks sum to the most. That is an integer programme,
    solved exactly. Groups may overlap, and may hold tasks only because others gain by them. The gains are smoothed
    first: drawn towards gains that add up over the other tasks of a subset, as far as the rest is noise.

    The best of many measured gains is too good to be true. So every choice is repeated without each fold and judged on
    that fold. It starts from one kind of net for all tasks, single or joint, whichever is better. Choosing between the
    two task by task, and more and more groups, are taken only where they gain on the folds left out, and a group is
    kept only where the lower confidence bound of its gain exceeds ``min_gain``.

    Fitted, it is one network: the groups are its members, each task is predicted by the members of one group, and
    prediction is one pass. To choose from losses of your own use :func:`choose_task_groups`.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's estimators, or a :class:`~sklearn.pipeline.Pipeline` whose last step is one.
    n_networks : int, default=3
        Most groups of two tasks or more, beside single nets and the net of all tasks.
    subsets : "auto", "all", "pairs", int or list of lists, default="auto"
        Subsets that are measured besides the single tasks and all tasks. "auto": all of them for up to 7 tasks, else
        200 random ones and, for up to 30 tasks, all pairs. "pairs": all pairs. An int: so many random ones. Unless
        they are all subsets, gains of others are predicted by an additive model of those measured, and groups that
        look best by it are measured too. A list of lists of task names or indices: these subsets and no others; where
        names are integers, integers are names.
    cv : int, splitter or iterable, default=5
        Folds; a number is that of a :class:`MultiTaskKFold`, whose rows keep their order.
    min_gain : float, default=0.0
        Relative decrease of the error that a group must bring, such as 0.01, over the nets that would serve else.
    confidence : float, default=0.9
        Probability with which all groups together must bring it.
    random_state : int, RandomState or None, default=None
        Seed of the networks that are measured and of random subsets; None: that of the estimator.

    Attributes
    ----------
    groups_ : list of list
        Names of the tasks that each fitted network learns.
    serving_ : dict
        Task name to the position in ``groups_`` of the network that predicts it.
    subset_gains_ : SubsetGains
        Gain of each task by each measured subset, with standard errors, and smoothed.
    predicted_gain_ : dict
        Task name to its smoothed gain over learning alone by the network that serves it, on the folds that chose this
        network: too good on average.
    verified_gain_ : dict
        The same where the choice without each fold is judged on that fold.
    proposed_groups_ : list of ProposedGroup
        The groups chosen with all folds, and whether they were kept.
    best_estimator_ : estimator
        The estimator, fitted to all rows: a network whose members are ``n_estimators`` for each of ``groups_``.
    task_names_ : ndarray of shape (n_tasks,)
        Names of the tasks.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if they are strings.
    classes_ : list
        Classes of each task, as the estimator has them; not where all tasks are numbers.

    Raises
    ------
    ValueError
        By :meth:`fit`, if there is one task only, ``subsets`` names an unknown task, or a task has no label to learn
        from or to test by.

    See Also
    --------
    choose_task_groups : The choice alone, from a table of losses.

    References
    ----------
    Standley, T., Zamir, A., Chen, D., Guibas, L., Malik, J. and Savarese, S. (2020). Which tasks should be learned
    together in multi-task learning? ICML, 9120-9132.

    Fifty, C., Amid, E., Zhao, Z., Yu, T., Anil, R. and Finn, C. (2021). Efficiently identifying task groupings for
    multi-task learning. NeurIPS 34, 27503-27516.

    Examples
    --------
    >>> from skmtl import MultiTaskNetRegressor
    >>> from skmtl.datasets import make_related_tasks
    >>> from skmtl.model_selection import TaskGroupingCV
    >>> X, Y = make_related_tasks(120, 8, 4, relatedness=0.9, groups=2, missing=0.3, random_state=0)
    >>> net = MultiTaskNetRegressor(hidden_layer_sizes=(8,), n_estimators=1, max_iter=5, random_state=0)
    >>> grouping = TaskGroupingCV(net, cv=3).fit(X, Y)
    >>> len(grouping.subset_gains_.subsets), sorted(grouping.serving_), grouping.predict(X).shape
    (15, ['task0', 'task1', 'task2', 'task3'], (120, 4))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "n_networks": [Interval(Integral, 1, None, closed="left")],
        "subsets": [StrOptions({"auto", "all", "pairs"}), Interval(Integral, 1, None, closed="left"), "array-like"],
        "cv": ["cv_object"],
        "min_gain": [Interval(Real, None, None, closed="neither")],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        n_networks: int = 3,
        subsets: Literal["auto", "all", "pairs"] | int | Sequence[Sequence[Any]] = "auto",
        cv: Any = 5,
        min_gain: float = 0.0,
        confidence: float = 0.9,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_networks = n_networks
        self.subsets = subsets
        self.cv = cv
        self.min_gain = min_gain
        self.confidence = confidence
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Measure subsets, choose and verify groups, and fit their networks to all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like or data frame of shape (n_samples, n_tasks)
            Labels of at least two tasks, with holes as in the estimator's ``fit``.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weight of each row or cell, for the networks and their errors.
        groups : array-like of shape (n_samples,), default=None
            Passed to ``cv``: rows of a group stay in one fold. With metadata routing also to nets that request them.

        Returns
        -------
        Self
            The fitted estimator.
        """
        self._validate_params()
        net = require_net(self.estimator, "TaskGroupingCV")
        X, y = read_rows("TaskGroupingCV", X, y)
        names = read_labelled_rows(X, y, sample_weight, net.missing_label, type(self).__name__).labels.names
        if len(names) < 2:
            raise ValueError(
                "TaskGroupingCV needs y with two tasks at least; there is nothing to group in one. Fit "
                "the estimator itself."
            )
        estimator = settle_kinds(self.estimator, y)
        splits = list(read_cv(self.cv, estimator).split(X, y, groups))
        if len(splits) < 2:
            raise ValueError(f"TaskGroupingCV needs a cv of at least 2 folds to verify its choice; got {len(splits)}.")
        drawn = self.subsets, self.n_networks, splits, self.random_state
        identity = partial(identity_of, estimator, type(self), drawn, X, y, sample_weight, groups)
        with checkpoints_of(net.checkpoint, identity, keep_ended=True) as checkpoints:
            given = checkpoints.seed(net.random_state if self.random_state is None else self.random_state)
            random = current().world.share(check_random_state(copy.deepcopy(given)))
            seed = int(random.randint(2**31 - 1))
            fits = {"cv": splits, "sample_weight": sample_weight, "groups": groups, "random_state": seed}
            table, pools = self._measure(estimator, X, y, names, fits | {"checkpoint": checkpoints}, random)
            decision = decide(table, pools, self.n_networks, self.min_gain, self.confidence)
            subsets, serving = np.unique(decision.serving, return_inverse=True)
            chosen = [tuple(np.flatnonzero(table.members[subset]).tolist()) for subset in subsets]
            given = X, y, sample_weight, groups
            self.best_estimator_ = fit_subsets(estimator, *given, chosen, serving, seed, checkpoints)
        self._adopt()
        self._report(table, decision, names)
        return self

    def _measure(
        self, estimator: Any, X: Any, y: Any, names: list[Any], fits: dict[str, Any], random: np.random.RandomState
    ) -> tuple[FoldGains, np.ndarray]:
        """Gains of subsets, and which may be chosen without each fold and with all, ``(n_folds + 1, n_subsets)``."""
        subsets, extrapolate = first_subsets(self.subsets, names, random)
        measured = [measure_subsets(estimator, X, y, subsets, **fits)]
        table = FoldGains.of(measured)
        parts = [*(table.without(fold) for fold in range(table.n_folds)), table]
        extrapolate = extrapolate and len(subsets) < 2 ** len(names) - 1
        proposals = [propose(part, self.n_networks, random) if extrapolate else [] for part in parts]
        new = sorted({subset for own in proposals for subset in own} - set(subsets))
        if new:
            table = FoldGains.of([*measured, measure_subsets(estimator, X, y, new, **fits)])
        known = [*subsets, *new]
        pools = np.array([[k < len(subsets) or known[k] in own for k in range(len(known))] for own in proposals])
        return table, pools

    def _report(self, table: FoldGains, decision: Decision, names: list[Any]) -> None:
        """Set the attributes that tell of subsets and groups."""

        def names_of(tasks: Any) -> list[Any]:
            return [names[task] for task in np.arange(len(names))[tasks]]

        subsets, serving = np.unique(decision.serving, return_inverse=True)
        self.groups_ = [names_of(table.members[subset]) for subset in subsets]
        self.serving_ = dict(zip(names, serving.tolist(), strict=True))
        members = [tuple(names_of(row)) for row in table.members]
        measured = table.mean(), table.standard_errors(), smoothed_gains(table)
        self.subset_gains_ = SubsetGains(members, names, *measured)
        self.predicted_gain_ = dict(zip(names, decision.predicted_gain.tolist(), strict=True))
        self.verified_gain_ = dict(zip(names, decision.verified_gain.tolist(), strict=True))
        self.proposed_groups_ = [
            ProposedGroup(
                names_of(table.members[found.subset]),
                names_of(found.served),
                found.gain,
                found.low,
                found.low > self.min_gain,
            )
            for found in decision.verifications
        ]
