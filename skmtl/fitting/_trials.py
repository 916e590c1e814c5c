"""Settings that held-out rows decide: short runs of several, of which the one with the least loss is trained."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from skmtl.checkpoints import NO_CHECKPOINTS, NoCheckpoints
from skmtl.defaults import ROW_CORRECTIONS, Choice
from skmtl.defaults.trials import (
    EFFORTS,
    LENGTH,
    WEIGHTS,
    Effort,
    Setting,
    alternatives,
    length,
    most_epochs,
    rules_of,
    trial_sizes,
    weights_by_noise,
)
from skmtl.fitting._config import Params
from skmtl.fitting._job import FitJob
from skmtl.fitting._prepare import prepare
from skmtl.fitting._stacking import stack_jobs
from skmtl.fitting._time import seconds_of_epoch
from skmtl.fitting._trainer import StackedTrainer
from skmtl.fitting._trial_losses import PEERS, Losses, ensemble_losses, is_better
from skmtl.processes import current as processes

CAUTION = 1.0  # standard errors by which a setting must be better than the one before it
HOPELESS = 2.0  # standard errors by which a setting is worse than the best when it is dropped in the middle of a trial
# A trial is a short run of which only the held-out losses are asked for.
OF_TRIALS = {
    **dict.fromkeys(ROW_CORRECTIONS, False),
    "calibration": None,
    "threshold_metric": None,
    "n_iter_no_change": np.inf,
}


class Trials:
    """Short runs of a fit under different settings, compared on the rows that their members hold out.

    Parameters
    ----------
    job : FitJob
        Under the rules.
    params : dict
        Parameters of the estimator, with an integer as ``random_state``.
    effort : Effort
        How much is tried.
    checkpoints : Checkpoints or NoCheckpoints
        Where trials that are cut off are gone on with.

    Attributes
    ----------
    epochs : int
        Of a trial.
    tried : list of (dict, Losses)
        Settings, the rules first, without those that failed, or were dropped halfway.
    """

    def __init__(self, job: FitJob, params: Params, effort: Effort, checkpoints: NoCheckpoints) -> None:
        config, self._inputs, self._checkpoints = job.config, job.inputs, checkpoints
        sizes = config.n_folds, config.batch_size, config.max_iter
        n_members, self.epochs = trial_sizes(job.summary, *sizes, effort)
        self._params = {**params, **OF_TRIALS, "n_estimators": n_members, "n_peers": PEERS}
        given = WEIGHTS not in job.choices
        self._weights = job.loss_weights[job.inputs.layout.order] if given else np.ones(len(job.inputs.tasks))
        self._n_members, self.effort = config.members, effort
        self._world = processes().world  # whose first process decides: others may round in another way
        self._scales: dict[float, np.ndarray] = {}
        self._halfway: list[np.ndarray] = []
        self._input_scale: tuple[Any, int | None] | None = None
        self.tried: list[tuple[Setting, Losses]] = []

    def end_before(self, deadline: float) -> bool:
        """Whether all trials take about half of the time at most, from an epoch of one."""
        n_trials = sum(len(settings) for settings in self.effort.rounds)
        seconds = n_trials * self.epochs * seconds_of_epoch(self._prepare({}), self._params)
        return bool(self._world.share(seconds < (deadline - perf_counter()) / 2))

    def run(self, settings: Sequence[Setting]) -> None:
        """Try settings; those that halfway are clearly worse than the best so far are dropped."""
        if self._params["verbose"]:
            sys.stdout.write(f"{len(settings)} settings are compared in runs of {self.epochs} epochs\n")
        jobs = [self._scaled(self._prepare(setting)) for setting in settings]
        trainers = list(stack_jobs(enumerate(jobs), checkpoints=self._checkpoints))
        halfway = self._relative(trainers, 0.5)
        self._halfway += [losses.of_units for losses in halfway.values()]
        best = min(self._halfway, key=np.sum, default=np.zeros(0))
        worse = self._world.share([i for i, own in halfway.items() if is_better(best, own.of_units, HOPELESS)])
        for trainer in trainers:
            trainer.keep([index for index in trainer.jobs if index not in worse or (index == 0 and not self.tried)])
        ended = self._relative(trainers, 1.0)
        self.tried += [(settings[index], ended[index]) for index in sorted(ended)]

    def has(self, setting: Setting) -> bool:
        """Whether a setting was tried to the end."""
        return any(setting == tried for tried, _ in self.tried)

    def better(self, current: Setting) -> Setting:
        """The setting of least loss, if that is less than the current one's by more than its standard error."""
        best, least = min(self.tried, key=lambda pair: float(pair[1].of_units.sum()))
        safe = is_better(least.of_units, self._losses(current).of_units, CAUTION)
        chosen: Setting = self._world.share(best if safe else current)
        return chosen

    def task_losses(self, current: Setting) -> list[float]:
        """Mean held-out loss of each task, in the order of the label matrix."""
        losses = self._inputs.layout.restore(self._losses(current).of_tasks)
        return list(self._world.share(losses.tolist()))

    def gain_of_doubling(self, current: Setting) -> float:
        """By how much the loss of a trial is lower than that of a run of half as many epochs, as a logarithm."""
        half = self._scaled(self._prepare(current, 0.5))
        losses = self._relative(list(stack_jobs([(0, half)], checkpoints=self._checkpoints)), 1.0)
        if not losses:
            return 0.0
        before, after = (max(float(own.of_units.sum()), 1e-12) for own in (losses[0], self._losses(current)))
        return float(self._world.share(math.log(before / after)))

    def _prepare(self, setting: Setting, fraction: float = 1.0) -> FitJob:
        """A run of a fraction of the length of a trial."""
        epochs = math.ceil(fraction * setting.get(LENGTH, 1.0) * self.epochs)
        return prepare({**self._params, **setting, "max_iter": epochs}, self._inputs)

    def _scaled(self, job: FitJob) -> FitJob:
        """A run whose members begin with the scale of the inputs that the first of those that ask for one learns.

        It takes longer to learn than a trial does, and differs little between settings.
        """
        if not job.config.relevance_epochs:
            return job
        if self._input_scale is None:
            (trainer,) = stack_jobs([(0, job)], checkpoints=self._checkpoints)
            self._advance(trainer, 0.0)
            if trainer.errors:
                return job
            architecture = trainer.learned(0)[0].architecture
            self._input_scale = architecture.input_scale, architecture.n_read
        network = job.network.with_input_scale(*self._input_scale)
        return replace(job, network=network, config=replace(job.config, relevance_epochs=0))

    @staticmethod
    def _advance(trainer: StackedTrainer, fraction: float) -> None:
        """Train up to a fraction of the epochs, at least one."""
        trainer.advance(fraction)
        if trainer.interrupted:
            raise KeyboardInterrupt

    def _relative(self, trainers: Sequence[StackedTrainer], fraction: float) -> dict[int, Losses]:
        """Train up to a fraction of the epochs; losses of the runs that do not fail."""
        losses = {}
        for trainer in trainers:
            self._advance(trainer, fraction)
            for index in trainer.jobs.keys() - trainer.errors.keys():
                losses[index] = ensemble_losses(trainer.jobs[index], trainer.learned(index)[0], self._n_members)
        if fraction not in self._scales and losses:
            means = losses[min(losses)].sum(axis=0)
            weights = np.where(means > 0, self._weights, 0.0)
            self._scales[fraction] = np.divide(
                weights, weights.sum() * means, out=np.zeros_like(means), where=means > 0
            )
        return {index: Losses(own @ self._scales[fraction], own.sum(axis=0)) for index, own in losses.items()}

    def _losses(self, setting: Setting) -> Losses:
        return next(losses for tried, losses in self.tried if tried == setting)

    def table(self, current: Setting) -> dict[str, list[Any]]:
        """All that was tried to the end as columns of a table; see ``trials_`` of the estimators."""
        chosen = self._losses(current).of_units
        gains = [losses.of_units - chosen for _, losses in self.tried]
        return {
            "params": [dict(setting) for setting, _ in self.tried],
            "loss": [float(losses.of_units.sum()) for _, losses in self.tried],
            "standard_error": [math.sqrt(len(gain) * np.var(gain)) for gain in gains],
        }

    def reason(self, name: str, current: Setting) -> str:
        """Loss of the chosen setting, and the least with each other value of a parameter, in words."""
        least: dict[str, float] = {}
        rule = self.tried[0][0][name]
        for setting, losses in self.tried:
            text = _text(name, setting[name], rule)
            least[text] = min(least.get(text, np.inf), float(losses.of_units.sum()))
        chosen = _text(name, current[name], rule)
        least[chosen] = float(self._losses(current).of_units.sum())
        if len(least) == 1:
            return f"halfway through runs of {self.epochs} epochs other values lost clearly more on held-out rows"
        values = ", ".join(f"{loss:.3f} with {text}" for text, loss in least.items())
        is_least = least[chosen] == min(least.values())
        why = "" if is_least else "; lower ones are not lower by more than a standard error"
        return f"held-out loss in runs of {self.epochs} epochs, relative to that under the rules: {values}{why}"


def _text(name: str, value: Any, rule: Any) -> str:
    """A value in a reason; weights of many tasks are too many numbers to read."""
    if name != WEIGHTS:
        return repr(value)
    return "those of the rule" if value == rule else "no more than the noise allows"


def decide(
    job: FitJob,
    params: Params,
    deadline: float | None = None,
    checkpoints: NoCheckpoints = NO_CHECKPOINTS,
) -> FitJob:
    """A fit under those of the settings, left open by the user, that lose least on the rows that members hold out.

    Parameters
    ----------
    job : FitJob
        Under the rules.
    params : dict
        Parameters of the estimator.
    deadline : float, optional
        When the fit is to end, in seconds of :func:`time.perf_counter`. Trials take half of the time at most.
    checkpoints : Checkpoints or NoCheckpoints, optional
        Where trials that are cut off are gone on with.

    Returns
    -------
    FitJob
        The same where nothing is open, or short runs tell nothing, or take too long.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts the trials, when there is nothing yet to keep.
    """
    effort, tells = EFFORTS.get(params["effort"]), job.holds_out and not job.inputs.rows.keeps_stored
    if effort is None or not tells or job.config.n_peers > 1:
        return job
    rules, seeded = rules_of(job.summary, job.choices, effort), {**params, "random_state": job.config.seed}
    if rules:
        trials = Trials(job, seeded, effort, checkpoints)
        if trials.epochs and (deadline is None or trials.end_before(deadline)):
            job = _best_of(trials, job, seeded, rules)
    return job


def _best_of(trials: Trials, job: FitJob, params: Params, rules: Setting) -> FitJob:
    current, scales = rules, [task.kind.likelihood[1] for task in job.inputs.tasks]
    for settings in trials.effort.rounds:
        if trials.tried and WEIGHTS in current:
            weighted = {WEIGHTS: weights_by_noise(rules[WEIGHTS], trials.task_losses(current), scales)}
            settings = [weighted, *({**setting, **weighted} for setting in settings)]
        first = [] if trials.tried else [rules]
        trials.run([*first, *(one for one in alternatives(current, settings) if not trials.has(one))])
        if not trials.has(rules):  # it fails, as will the fit itself
            return job
        current = trials.better(current)
    decided = {name: Choice(value, trials.reason(name, current)) for name, value in current.items()}
    if LENGTH in current:
        longest = most_epochs(job.summary, job.config.max_iter, current[LENGTH])
        epochs = round(current[LENGTH] * trials.epochs)
        decided[LENGTH] = length(longest, epochs, trials.gain_of_doubling(current), trials.effort)
    trained = prepare({**params, **{name: choice.value for name, choice in decided.items()}}, job.inputs)
    choices = job.choices | trained.choices | decided
    return replace(trained, choices=choices, trials=trials.table(current), order=job.order)
