"""A fit from encoder to trained network, apart from the estimator that asked for it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from joblib import effective_n_jobs

from skmtl.correction import LocalCorrection
from skmtl.defaults import DataSummary, Resolved, loss_weights, requested_dtype, resolve
from skmtl.encoders import Encoder
from skmtl.estimators._correcting import correct_locally
from skmtl.estimators._encoded import EncodedData, Encodings
from skmtl.estimators._fitting import (
    hidden_sizes,
    make_common_validation,
    make_network,
    make_objective,
    make_plan,
    make_settings,
    make_training_data,
    make_validation,
    read_seed,
    require_same_architecture,
    summarise,
)
from skmtl.estimators._out_of_fold import OutOfFold, held_out_responses, out_of_fold
from skmtl.estimators._start import Start
from skmtl.estimators._weights import read_loss_weights
from skmtl.inputs import LabelledRows
from skmtl.network import Network
from skmtl.tasks import Task, TaskLayout
from skmtl.training import History, Run, Streams, choose_device, threads_for, train

Judged = tuple[LabelledRows, np.ndarray]  # observations with the weights of their cells


class Learner:
    """One fit.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.
    encoder : Encoder
        Fitted.
    tasks : list of Task
        Fitted.
    one_dimensional : bool
        Whether y was 1-D.
    network : Network, optional
        To go on with; a new one otherwise.

    Attributes
    ----------
    start : Start
        What :meth:`prepare` put together.
    summary, resolved : DataSummary, Resolved
        What the defaults looked at, and what they chose.
    network : Network
        Being trained, or trained.
    run : Run
        Network, optimizer and streams, for :meth:`resume`; only after :meth:`train`.
    order : int or None
        What the order of the batches is drawn from: the seed, or None where ``random_state`` leaves it open.
    held_out : list of ndarray, optional
        After training: the responses, by task, of members to rows that they never learned from; None without such.
    correction : LocalCorrection, optional
        After training: what to add to responses for what the members got wrong about these rows.
    """

    start: Start
    summary: DataSummary
    resolved: Resolved
    network: Network
    run: Run
    order: int | None
    held_out: list[np.ndarray] | None = None
    correction: LocalCorrection | None = None
    _history: History
    _to_correct_by: tuple[EncodedData, np.ndarray] | None

    def __init__(
        self,
        params: dict[str, Any],
        encoder: Encoder,
        tasks: list[Task],
        one_dimensional: bool,
        network: Network | None = None,
    ) -> None:
        self.params, self.encoder, self.tasks, self.one_dimensional = params, encoder, tasks, one_dimensional
        self.layout = TaskLayout(tasks)
        self._network = network
        self._resumed: Run | None = None
        self._encodings = Encodings(encoder, self.layout)
        self._learns_inputs = encoder.build() is not None  # found once: what is made to tell may be large

    def sibling(self, params: dict[str, Any]) -> Learner:
        """Return a learner under other parameters with the same encoder and tasks; both encode common rows once."""
        other = copy.copy(self)
        other.params = params
        return other

    @property
    def max_iter(self) -> int:
        """Greatest number of epochs."""
        return self.start.settings.max_iter

    @property
    def work(self) -> float:
        """Operations a step."""
        buffer = self.start.network.buffer
        return 6.0 * self.start.network.operations * buffer.members * self.start.settings.batch_size

    @property
    def corrects(self) -> bool:
        """Whether held-out errors are to correct predictions."""
        return self._to_correct_by is not None

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Arrays ``(epoch, member, task, ...)`` by quantity, tasks in the order of the label matrix."""
        return self._restored(self._history)

    def _restored(self, history: History, first: int = 0) -> dict[str, np.ndarray]:
        empty = (0, self.network.buffer.members, len(self.tasks))
        arrays = history.arrays(first).items()
        return {
            name: self.layout.restore(values, 2) if len(values) else values.reshape(empty) for name, values in arrays
        }

    @property
    def n_iter(self) -> int:
        """Epochs done."""
        return len(self._history)

    def resume(self, run: Run | None) -> None:
        """Go on with an earlier run's optimizer and streams, if there is one."""
        self._resumed = run

    def prepare(
        self,
        observations: LabelledRows,
        weights: np.ndarray,
        validation: Judged | None,
        **overrides: Any,
    ) -> None:
        """Encode the data and put the run together.

        Parameters
        ----------
        observations : LabelledRows
            Training rows.
        weights : ndarray of shape (n, n_tasks)
            Weight of each cell, 0 where no label is.
        validation : tuple of LabelledRows and weights, optional
            Rows that judge all members.
        **overrides : dict
            Parameters that this fit replaces.
        """
        params, preferences = {**self.params, **overrides}, self.encoder.preferences(len(weights))
        fitted_dtype = None if self._network is None else self._network.architecture.dtype
        dtype = requested_dtype(params, preferences, fitted_dtype)
        device, seed = choose_device(params["device"]), read_seed(params["random_state"])
        self.order = None if params["random_state"] is None else seed
        data = self._encodings.of(observations, weights, dtype)
        self.summary, hashes = summarise(
            params,
            preferences,
            self.tasks,
            data,
            seed,
            on_gpu=device.type != "cpu",
            validation_given=validation is not None,
            learned_encoding=self._learns_inputs,
            fitted_dtype=fitted_dtype,
        )
        self.resolved = resolve(params, hidden_sizes(params["hidden_layer_sizes"]), self.summary, preferences)
        members = int(params["n_estimators"])
        plan = make_plan(self.resolved, self.layout, self.loss_weights, members, seed, device, hashes)
        training = make_training_data(plan, data)
        if self._network is not None:
            require_same_architecture(self._network.architecture, params, self.resolved)
        settings = make_settings(params, plan)
        self._holds_out = validation is None and self._network is None  # earlier weights may have learned from any row
        self._to_correct_by = None if plan.content is None else (data, plan.content)
        judges = (
            make_validation(plan, training)
            if validation is None
            else make_common_validation(plan, self._encodings.of(*validation, dtype))
        )
        resumed = self._resumed if self._resumed and self._resumed.settings.agrees_with(settings) else None
        streams = self._resumed.streams if self._resumed else Streams.from_seed(seed, plan.members)
        if resumed is not None:
            self.network = resumed.network
        else:
            self.network = (
                self._network.to(device) if self._network else make_network(params, plan, data, self.encoder, streams)
            )
        self.start = Start(self.network, make_objective(plan), training, judges, settings, streams, resumed)

    def prepare_as(self, other: Learner) -> None:
        """Begin where the fit to the same rows begins that ``other`` has prepared, with settings of one's own.

        Their parameters differ in ``loss_weights``, ``learning_rate_init`` and ``weight_decay`` at most. Both starts
        have one network and one order of batches: see :meth:`Start.apart`.
        """
        preferences = self.encoder.preferences(other.summary.n_rows)
        self.summary = other.summary
        sizes = hidden_sizes(self.params["hidden_layer_sizes"])
        self.resolved = resolve(self.params, sizes, self.summary, preferences)
        alike, importance = other.start.settings, self.loss_weights[self.layout.order]
        settings = replace(
            alike,
            learning_rate=torch.full_like(alike.learning_rate, self.resolved.learning_rate),
            weight_decay=torch.full_like(alike.weight_decay, self.resolved.weight_decay),
            importance=torch.as_tensor(importance).to(alike.importance).expand_as(alike.importance),
        )
        self.start = replace(other.start, settings=settings)
        self.network, self.order = other.network, other.order
        self._holds_out, self._to_correct_by = other._holds_out, other._to_correct_by

    @property
    def loss_weights(self) -> np.ndarray:
        """Of the tasks, normalised to sum 1."""
        given = self.params["loss_weights"]
        return read_loss_weights(loss_weights(self.summary).value if given is None else given, self.tasks)

    def forget_encoded(self) -> None:
        """Forget the encoded rows, for siblings too; the data of what has been prepared stays."""
        self._encodings.clear()

    def train(self, *, verbose: bool, after_epoch: Callable[[], bool] = lambda: False) -> None:
        """Train; on failure the network is as it was before."""
        names = [task.name for task in self.layout.tasks]
        n_jobs = self.params["n_jobs"]
        given = self.network
        before = given.buffer.values.clone()

        def report(epoch: int, history: History) -> bool:
            self._history = history
            if verbose:
                last = self._restored(history, first=epoch)
                sys.stdout.write(_progress_line(epoch, last, [task.name for task in self.tasks]))
            return after_epoch()

        try:
            with threads_for(self.work, None if n_jobs is None else effective_n_jobs(n_jobs)):
                self.run = self._begin()
                self.network = self.run.network
                self._history, _ = train(
                    self.run, self.start.data, self.start.validation, report=report, task_names=names
                )
                self._respond_to_held_out()
        except BaseException:
            self.network = given
            given.buffer.values.copy_(before)
            raise

    def _respond_to_held_out(self) -> None:
        if self._holds_out and self.start.validation is not None:
            self.held_out = held_out_responses(self.start.validation, self.network, self.layout)
            if self._to_correct_by is not None:
                self.correction, self.held_out = correct_locally(
                    *self._to_correct_by, self.layout, self.tasks, self.network, self.held_out
                )

    def out_of_fold(self, observations: LabelledRows) -> OutOfFold | None:
        """Score the held-out responses to the rows that were learned from; None without such."""
        return None if self.held_out is None else out_of_fold(self.tasks, self.held_out, observations)

    def _begin(self) -> Run:
        """Begin the run; an interruption of the runs ahead of it ends it before its first epoch."""
        try:
            return self.start.run()
        except KeyboardInterrupt:
            run = replace(self.start, settings=replace(self.start.settings, scouting=0)).run()
            run.interrupted = True
            return run

    def take_over(self, network: Network, history: History) -> None:
        """Adopt what became of this fit beside others."""
        self.network, self._history = network, history
        self._respond_to_held_out()


def _progress_line(epoch: int, history: dict[str, np.ndarray], names: list[str]) -> str:
    """One line an epoch: mean over the members of each task's loss, and of the held-out loss where there is one."""
    losses = np.nanmean(history["loss"][-1], axis=0)
    held_out = history["validation_loss"][-1]
    parts = [f"{name} {loss:.4f}" for name, loss in zip(names, losses, strict=True)]
    if not np.isnan(held_out).all():
        parts.append(f"held out {np.nanmean(held_out):.4f}")
    return f"epoch {epoch + 1}: " + ", ".join(parts) + "\n"
