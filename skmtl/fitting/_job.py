"""One fit, ready to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from skmtl.blocks import StreamedData
from skmtl.defaults import Choice, DataSummary
from skmtl.fitting._shared_inputs import EncodedRows, SharedInputs
from skmtl.network import Network
from skmtl.postprocess import Postprocessor, Score
from skmtl.processes import ALONE, Collective
from skmtl.training import (
    ColumnData,
    Data,
    FitConfig,
    IndexedData,
    JoinedData,
    Objective,
    PeerRows,
    StoredData,
    Streams,
    Training,
    TrainingData,
    Validation,
    keeps_stored,
    learn_input_scale,
    sliced,
)

PARAMETER_COPIES = 5  # values, gradient, two moments, kept values
ACTIVATION_COPIES = 3  # output and gradient of every layer, a mask


@dataclass(frozen=True, eq=False)
class FitJob:
    """A fit before its first step.

    Attributes
    ----------
    inputs : SharedInputs
        Rows, encoder and tasks.
    config : FitConfig
        Settings.
    network : Network
        With its first parameters; training goes on with a copy.
    data : TrainingData, ColumnData, StoredData or StreamedData
        What to learn from.
    validation : Validation or None
        Rows that decide which epoch's weights are kept.
    objective : Objective
        Losses of the tasks.
    streams : Streams
        Randomness.
    loss_weights : ndarray of shape (n_tasks,)
        Normalised, tasks in the order of the label matrix.
    summary : DataSummary
        What the defaults have looked at.
    choices : dict of str to Choice
        Value and reason of each parameter that the data decided.
    order : int or None
        What the order of the batches is drawn from; None where ``random_state`` leaves it open.
    encoded : EncodedRows
        Training rows.
    units : ndarray of shape (n,) or None
        Equal for rows that tell of one another, see :class:`HeldOut`; None where no member holds out any.
    postprocessors : tuple of Postprocessor
        What learns from held-out responses, in the order in which it acts; not fitted.
    threshold_scores : dict of int to callable
        Score by which the threshold of a task is chosen, by its position in the label matrix.
    responds : bool
        Whether every member has rows that it never learned from, for out-of-fold predictions.
    resumed : Training or None
        An earlier training to go on with.
    member_weights : ndarray of shape (member, n_tasks) or None
        Weight of each member in the prediction of each task, tasks in the order of the label matrix; each column sums
        to 1. None: a task is predicted by the mean of all members.
    prequential_loss : ndarray of shape (n_tasks,) or None
        Loss of each task on the rows before they are learned from, where the tasks' relations are followed.
    trials : dict of str to list
        What was tried before, as columns of a table.
    """

    inputs: SharedInputs
    config: FitConfig
    network: Network
    data: TrainingData | ColumnData | StoredData | StreamedData
    validation: Validation | None
    objective: Objective
    streams: Streams
    loss_weights: np.ndarray
    summary: DataSummary
    choices: dict[str, Choice]
    order: int | None
    encoded: EncodedRows
    units: np.ndarray | None
    postprocessors: tuple[Postprocessor, ...]
    threshold_scores: dict[int, Score]
    responds: bool
    resumed: Training | None = None
    member_weights: np.ndarray | None = None
    prequential_loss: np.ndarray | None = None
    trials: dict[str, list[Any]] = field(default_factory=lambda: {"params": [], "loss": [], "standard_error": []})

    def with_loss_weights(self, weights: np.ndarray) -> FitJob:
        """Return a fit that begins like this one with other loss weights, tasks in the order of the label matrix."""
        weights = weights / weights.sum()
        ours = torch.as_tensor(weights[self.inputs.layout.order]).to(self.config.loss_weights)
        config = replace(self.config, loss_weights=ours.expand_as(self.config.loss_weights))
        return replace(self, config=config, loss_weights=weights)

    def part(self, first: int, last: int) -> FitJob:
        """Some of the cohorts as a fit of their own, without what learns from the rows that all members hold out.

        They become what they become in the whole fit.
        """
        members = torch.arange(first * self.config.n_peers, last * self.config.n_peers)
        data = self.data.select(members)
        own: Any = data if self.holds_out else None
        validation = None if self.validation is None else self.validation.select(members, own)
        return replace(
            self,
            config=replace(self.config.select(members), members=len(members)),
            network=self.network.select(members.tolist()),
            data=data,
            validation=validation,
            streams=self.streams.select(members),
            postprocessors=(),
            threshold_scores={},
        )

    @property
    def resident(self) -> TrainingData:
        """What to learn from, of a fit to rows in memory."""
        assert isinstance(self.data, TrainingData)
        return self.data

    @property
    def members(self) -> int:
        """Number of members."""
        return self.network.buffer.members

    @property
    def memory(self) -> float:
        """Bytes of parameters and activations in training."""
        network, architecture = self.network, self.network.architecture
        of_tasks = len(architecture.n_outputs) * sum(architecture.task_layer_sizes)
        per_row = max(sum(architecture.hidden_layer_sizes) + of_tasks, network.peak_activations) + network.n_outputs
        activations = ACTIVATION_COPIES * self.config.batch_size * per_row
        values = PARAMETER_COPIES * network.n_parameters + activations
        return network.buffer.values.element_size() * self.members * values

    @property
    def rows_memory(self) -> float:
        """Bytes of the encoded rows, if they are dense."""
        return float(self.data.n_rows * self.data.n_features * self.data.totals.element_size())

    @property
    def holds_out(self) -> bool:
        """Whether members are judged by training rows that they hold out."""
        return self.validation is not None and self.validation.data is self.data

    @property
    def is_plain(self) -> bool:
        """Whether steps look at nothing but the losses of their batch, under constant weights."""
        config = self.config
        return not (config.balancer.needs or config.record or config.relevance_epochs or config.divides_rows)

    @property
    def is_fillable(self) -> bool:
        """Whether rows that do not count could fill up a batch without a trace in the fit."""
        recorded_or_drawn = self.config.cuda_graphs or self.network.draws
        return self.is_plain and not recorded_or_drawn and self.config.batch_size < self.data.n_rows

    def network_key(self, *, fill: bool) -> tuple[Any, ...]:
        """What jobs must have in common to be members of one network.

        With ``fill`` it is the number of steps in an epoch, not that of the rows, if last batches can be filled up.
        """
        config, n_rows, reads = self.config, self.data.n_rows, self.network.architecture
        length = ("steps", -(-n_rows // config.batch_size)) if fill and self.is_fillable else ("rows", n_rows)
        groups = [(group.kind, group.tasks.stop, group.outputs.stop) for group in self.objective.groups]
        encoder = id(self.inputs.encoder) if self.network.layers.extractor is not None else None
        inputs = self.data.n_features, reads.n_read, reads.input_scale is None, encoder
        shapes = (*length, *inputs, reads.n_outputs, *groups)
        return (*shapes, self.validation is not None, self.holds_out, *config.network_key())


def join_members(jobs: Sequence[FitJob], member_weights: np.ndarray) -> FitJob:
    """Make one fit of fits to the same rows; each of its members, theirs in this order, learns what it would alone.

    Parameters
    ----------
    jobs : sequence of FitJob
        Of one ``network_key``, and prepared with one seed.
    member_weights : ndarray of shape (member, n_tasks)
        As in :class:`FitJob`.

    Returns
    -------
    FitJob
        Its loss weights and choices are those of the first job.
    """
    sizes = [job.members for job in jobs]
    data = TrainingData.stack([job.resident for job in jobs], sizes)
    return replace(
        jobs[0],
        config=replace(FitConfig.stack([job.config for job in jobs]), members=sum(sizes)),
        network=Network.stack([job.network for job in jobs]),
        data=data,
        validation=_stacked_validation([jobs], [sum(sizes)], [data], data, None),
        streams=Streams.join([[job.streams for job in jobs]]),
        member_weights=member_weights,
    )


def begin_training(
    parts: Sequence[Sequence[FitJob]],
    teams: np.ndarray,
    *,
    relevance: bool = True,
    network: Network | None = None,
    collective: Collective = ALONE,
) -> Training:
    """Put the members of jobs side by side as one network and begin to train it.

    Parameters
    ----------
    parts : sequence of sequence of FitJob
        Jobs of a part share rows and the order of their batches; all have one ``network_key``.
    teams : ndarray of shape (member,), int
        Index of the job that a member belongs to.
    relevance : bool, default=True
        Whether the scale of the inputs is learned first, where the jobs ask for it.
    network : Network, optional
        Of all members, where their training has begun before.
    collective : Collective, optional
        Processes that train the same members, each on its slice of every batch.
    """
    jobs, first = [job for part in parts for job in part], parts[0][0]
    names = [task.name for task in first.inputs.layout.tasks]
    config = FitConfig.stack([job.config for job in jobs])
    if first.resumed is not None:
        own = PeerRows(first.resident, config.n_peers, first.members) if config.divides_rows else first.data
        return first.resumed.go_on(own, config, first.validation, teams)
    if fresh := network is None:
        once = keeps_stored(first.data)  # which is large, so that a network that begins once is not copied
        network = first.network.copy() if len(jobs) == 1 and not once else Network.stack([job.network for job in jobs])
    sizes = [sum(job.members for job in part) for part in parts]
    batch_size = config.batch_size if network.reads_parts and first.is_plain else None
    learned, validation = _stacked_data(parts, sizes, config, batch_size)
    if collective.size > 1:
        learned = sliced(learned, collective)
    streams = Streams.join([[job.streams for job in part] for part in parts])
    trained = first.objective, learned, config, streams
    if config.relevance_epochs and relevance and fresh:
        network = learn_input_scale(network, *trained, validation, collective)
    return Training(network, *trained, validation, teams=teams, task_names=names, collective=collective)


def _stacked_data(
    parts: Sequence[Sequence[FitJob]], sizes: Sequence[int], config: FitConfig, batch_size: int | None
) -> tuple[Data, Validation | None]:
    """What the members of all parts learn from, and what they are judged by."""
    first = parts[0][0]
    if not isinstance(first.data, TrainingData):  # of a fit alone
        return first.data, first.validation
    stacked = [TrainingData.stack([job.resident for job in part], [job.members for job in part]) for part in parts]
    data = stacked[0] if len(parts) == 1 else JoinedData(stacked, sizes, batch_size)
    validation = _stacked_validation(parts, sizes, stacked, data, batch_size)
    return PeerRows(data, config.n_peers, sum(sizes)) if config.divides_rows else data, validation


def _stacked_validation(
    parts: Sequence[Sequence[FitJob]],
    sizes: Sequence[int],
    stacked: Sequence[TrainingData],
    data: IndexedData,
    batch_size: int | None,
) -> Validation | None:
    """Rows that judge the members of all parts: training rows that they hold out, or rows of their own."""
    holds_out = parts[0][0].holds_out
    validations = [[job.validation for job in part if job.validation is not None] for part in parts]
    if not validations[0]:
        return None
    if not holds_out:
        judges: list[list[Any]] = [[validation.data for validation in own] for own in validations]
        counts = [[job.members for job in part] for part in parts]
        stacked = [TrainingData.stack(*own) for own in zip(judges, counts, strict=True)]
    of_parts = [Validation.stack(*pair, common=not holds_out) for pair in zip(validations, stacked, strict=True)]
    if len(parts) == 1:
        return of_parts[0]
    return Validation.join(of_parts, sizes, data if holds_out else JoinedData(stacked, sizes, batch_size))
