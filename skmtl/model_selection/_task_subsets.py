"""Errors of networks that learn some of the tasks: all subsets on the same folds, trained side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, indexable

from skmtl._params import require_integer
from skmtl._sklearn import final_model, fit_steps, requests_groups
from skmtl._torch_state import torch_settings
from skmtl.checkpoints import NoCheckpoints, checkpoints_of
from skmtl.estimators._fit_inputs import fitted_copy, prepare_candidate, read_inputs
from skmtl.estimators._identity import identity_of
from skmtl.estimators._types import CheckpointLike
from skmtl.fitting import FitJob, SharedInputs, StackedTrainer, fit_many
from skmtl.inputs import count_rows, read_labels, read_sample_weight, take_rows
from skmtl.model_selection._inputs import settle_kinds
from skmtl.model_selection._subset_folds import Fit, Split, SubsetFit, split_rows
from skmtl.model_selection._subset_measurements import Subset, SubsetMeasurements
from skmtl.model_selection._subset_scores import SubsetScorer, read_tested
from skmtl.model_selection.search._candidates import require_net
from skmtl.processes import current

MEMORY = 2.0**30  # bytes of the networks that train at once


@torch_settings()
def measure_subsets(
    estimator: Any,
    X: Any,
    y: Any,
    subsets: Iterable[Subset],
    *,
    cv: Any = 5,
    n_repeats: int = 1,
    scoring: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    own_recipe: bool = False,
    random_state: Any = None,
    observe: Callable[[SubsetFit], None] | None = None,
    checkpoint: CheckpointLike | NoCheckpoints = None,
) -> SubsetMeasurements:
    """Train a network for each subset of the tasks and score it, all on the same folds and as few stacked networks.

    All networks of a fold see the same rows in the same batches, begin with the same parameters and share what is
    "auto": the recipe of a network of all tasks. Tasks outside a subset have a loss weight of 0: they are neither
    trained nor looked at by early stopping, and those inside share their normalised weights as in a network of all. So
    a subset is the same whatever is measured beside it, and the subset of all tasks is what ``fit`` makes of the
    estimator. Rows without a label of a subset's tasks stay in its batches, where they count nothing.

    Parameters
    ----------
    estimator : estimator
        One of skmtl's, or a Pipeline that ends in one; the steps before it are fitted once a fold.
    X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        Rows.
    y : array-like or data frame of shape (n_samples, n_tasks)
        Labels with holes.
    subsets : iterable of tuple of int
        Sorted indices of the tasks that each network learns; names are read by :func:`read_subsets`.
    cv : int, splitter or iterable, default=5
        Folds.
    n_repeats : int, default=1
        How often all is done, with other random numbers each time; with a number as ``cv`` also with other folds.
    scoring : str, callable, TaskScorer or dict, default=None
        Metric of all tasks, or a dict of metrics by task. None: the mean loss by the kind of the task over the test
        labels, its root where the loss is squared: the standardised error of numbers, the log loss of classes.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weight of each row or label, in training and in the scores.
    groups : array-like of shape (n_samples,), default=None
        Passed to ``cv`` and, with metadata routing, to nets that request them.
    own_recipe : bool, default=False
        Whether to train networks of single tasks, too, to which the other tasks are unknown: from the rows with a label
        of the task, with an encoder and what is "auto" of their own.
    random_state : int, RandomState or None, default=None
        Seed of the networks and folds of all repeats; None: that of the estimator.
    observe : callable, optional
        Called with every fit once it is scored.
    checkpoint : None, path, Checkpoint or NoCheckpoints, default=None
        Where networks are kept until all are scored, or those of a fit around this one; None: that of the estimator.

    Returns
    -------
    SubsetMeasurements
        Scores and losses.

    Raises
    ------
    ValueError
        If a task has no label to train on in a fold, or has a loss weight of 0.
    TypeError
        If the estimator is not one of skmtl's.
    """
    require_net(estimator, "Training side by side")
    require_integer("n_repeats", n_repeats, 1)
    X, y = indexable(X, y)
    estimator, subsets = settle_kinds(estimator, y), list(subsets)
    net = final_model(estimator)
    how = subsets, cv, n_repeats, sample_weight, groups, own_recipe, random_state
    identity = partial(identity_of, estimator, X, y, how)
    with checkpoints_of(net.checkpoint if checkpoint is None else checkpoint, identity, keep_ended=True) as checkpoints:
        own = checkpoints.seed(net.random_state if random_state is None else random_state)
        random = current().world.share(check_random_state(copy.deepcopy(own)))
        seeds = random.randint(2**31 - 1, size=n_repeats).tolist()
        rows = split_rows(estimator, X, y, groups, cv, seeds)
        units = np.arange(count_rows(X))
        if groups is not None:
            units = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
        inner = units if groups is not None and requests_groups(estimator) else None
        measurement = _Measurement(estimator, X, y, sample_weight, inner, subsets, own_recipe, rows, scoring)
        for trainer in fit_many(measurement.jobs(seeds), MEMORY, fill=True, checkpoints=checkpoints):
            measurement.take(trainer, observe)
        return measurement.result(units)


class _Measurement:
    """What is to be measured, and what has been found so far."""

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: np.ndarray | None,
        subsets: Iterable[Subset],
        own_recipe: bool,
        rows: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
        scoring: Any,
    ) -> None:
        self.estimator, self.X, self.y, self.groups = estimator, X, y, groups
        self.labels = read_labels(y, final_model(estimator).missing_label)
        names, n_tasks = self.labels.names, len(self.labels.names)
        weights = read_sample_weight(sample_weight, len(self.labels.observed), names, self.labels.one_dimensional)
        self.sample_weight = sample_weight
        self.weights = weights * self.labels.observed
        self.subsets = list(subsets)
        self.rows = [split for of_repeat in rows for split in of_repeat]
        self.repeat_of_split = np.repeat(np.arange(len(rows)), [len(of_repeat) for of_repeat in rows])
        self.scorer = None if scoring is None else SubsetScorer(scoring, names)
        row, task = np.nonzero(self.weights)
        self.cells = row, task
        self.cell_of = np.full(self.weights.shape, -1)  # position among the cells
        self.cell_of[self.cells] = np.arange(len(row))
        singles = [Fit((k,), own_recipe=True) for k in range(n_tasks)] if own_recipe else []
        self.fits = [*map(Fit, self.subsets), *singles]
        self.scores = np.full((len(self.fits), len(self.rows), n_tasks), np.nan)
        self.n_train, self.n_test = np.zeros((2, len(self.rows), n_tasks), dtype=int)
        self.sums = np.zeros((len(self.fits), len(rows), len(row)))
        self.counts = np.zeros(self.sums.shape, dtype=np.int32)
        self.degrees = np.ones(n_tasks, dtype=int)
        self.open: dict[int, Split] = {}  # folds by number, while their networks are not all scored

    def jobs(self, seeds: Sequence[int]) -> Iterator[tuple[int, FitJob]]:
        """Fits of all subsets to all folds, prepared as they are asked for."""
        for number, (train, test) in enumerate(self.rows):
            try:
                split = self._split(train, test, seeds[self.repeat_of_split[number]])
            except Exception as error:
                error.add_note(f"In fold {number}.")
                raise
            self.open[number] = split
            self.n_train[number] = np.count_nonzero(self.weights[train], axis=0)
            self.n_test[number] = [len(task.rows) for task in split.tested]
            self.degrees[:] = [tested.task.kind.degree for tested in split.tested]
            for k, fit in enumerate(self.fits):
                yield number * len(self.fits) + k, split.job(fit)

    def _split(self, train: np.ndarray, test: np.ndarray, seed: int) -> Split:
        """Fit the steps before the net, and read the rows of a fold."""
        X_train, y_train, X_test = take_rows(self.X, train), take_rows(self.y, train), take_rows(self.X, test)
        net = clone(final_model(self.estimator)).set_params(random_state=seed)
        of_rows = np.asarray(self.sample_weight).ndim > 0  # or one weight for all, or None
        weights = take_rows(self.sample_weight, train) if of_rows else self.sample_weight
        groups = None if self.groups is None else self.groups[train]
        if isinstance(self.estimator, Pipeline) and len(self.estimator) > 1:
            given = {} if weights is None else {"sample_weight": weights}
            steps, X_train = fit_steps(self.estimator[:-1], X_train, y_train, given)
            X_test = steps.transform(X_test)
        inputs = read_inputs(net, X_train, y_train, weights, groups=groups)
        joint = prepare_candidate(net, inputs)
        for k in sorted({task for subset in self.subsets for task in subset}):
            if joint.loss_weights[k] == 0:
                raise ValueError(
                    f"loss_weights is 0 for task {self.labels.names[k]!r}, so that no network can learn it."
                )
        tested = read_tested(inputs.tasks, self.labels, self.weights, test)
        return Split(net, joint, X_test, np.asarray(test), tested, len(self.fits))

    def take(self, trainer: StackedTrainer, observe: Callable[[SubsetFit], None] | None) -> None:
        """Score the fits of a network.

        Raises
        ------
        Exception
            What made a fit fail.
        """
        if trainer.interrupted:
            raise KeyboardInterrupt
        for index, error in trainer.errors.items():
            number, k = divmod(index, len(self.fits))
            names = ", ".join(repr(self.labels.names[task]) for task in self.fits[k].tasks)
            error.add_note(f"In the fit of the tasks {names} in fold {number}.")
            raise error
        alike: dict[SharedInputs, list[int]] = {}
        for index in trainer.indices:
            alike.setdefault(trainer.jobs[index].inputs, []).append(index)
        for indices in alike.values():
            number = indices[0] // len(self.fits)
            split = self.open[number]
            for index, responses in trainer.responses(indices, split.X_test).items():
                k = index % len(self.fits)
                self._score(k, number, responses)
                if self.scorer is not None:
                    model = fitted_copy(split.net, trainer.result(index))
                    self.scores[k, number] = self.scorer(model, split.X_test, split.tested, self.fits[k].tasks)
                if observe is not None:
                    tasks = self.fits[k].tasks
                    observe(SubsetFit(tasks, number, trainer.result(index), split.X_test, split.test, responses))
                split.n_waiting -= 1
            if not split.n_waiting:
                del self.open[number]

    def _score(self, k: int, number: int, responses: Sequence[np.ndarray]) -> None:
        """Add losses of fit ``k`` on the test rows of a fold, and its scores where these are the losses'."""
        split, repeat, fit = self.open[number], self.repeat_of_split[number], self.fits[k]
        for task, response in zip(fit.tasks if fit.own_recipe else range(len(split.tested)), responses, strict=True):
            if task not in fit.tasks:
                continue
            tested = split.tested[task]
            losses = tested.losses(response)
            cells = self.cell_of[split.test[tested.rows], task]
            self.sums[k, repeat, cells] += losses
            self.counts[k, repeat, cells] += 1
            if self.scorer is None:
                self.scores[k, number, task] = tested.error(losses)

    def result(self, units: np.ndarray) -> SubsetMeasurements:
        """All that was found."""
        n_subsets, counts = len(self.subsets), self.counts[: len(self.subsets)]
        alone = self.scores[n_subsets:]  # each has one task only
        losses = np.full(counts.shape, np.nan)
        np.divide(self.sums[:n_subsets], counts, out=losses, where=counts > 0)
        greater = np.zeros(len(self.labels.names), bool) if self.scorer is None else self.scorer.greater_is_better
        return SubsetMeasurements(
            task_names=self.labels.names,
            subsets=self.subsets,
            scores=self.scores[:n_subsets],
            greater_is_better=greater,
            repeat_of_split=self.repeat_of_split,
            n_train=self.n_train,
            n_test=self.n_test,
            cells=self.cells,
            cell_weights=self.weights[self.cells],
            cell_losses=losses,
            degrees=self.degrees,
            test_rows=[np.asarray(test) for _, test in self.rows],
            unit_of_row=units,
            own_scores=alone.diagonal(axis1=0, axis2=2) if len(alone) else None,
        )
