"""One fit, ready to train."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from skmtl.blocks import StreamedData
from skmtl.defaults import Choice, DataSummary
from skmtl.fitting._config import require_all_learned
from skmtl.fitting._shared_inputs import EncodedRows, SharedInputs
from skmtl.network import Network
from skmtl.postprocess import Postprocessor, Score
from skmtl.training import (
    ColumnData,
    FitConfig,
    Objective,
    StoredData,
    Streams,
    Training,
    TrainingData,
    Validation,
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
        require_all_learned(self.config.sharing, weights, self.inputs.tasks)
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
    def memory(self) -> float:
        """Bytes of parameters and activations in training."""
        network, architecture = self.network, self.network.architecture
        of_tasks = len(architecture.n_outputs) * sum(architecture.task_layer_sizes)
        per_row = max(sum(architecture.hidden_layer_sizes) + of_tasks, network.peak_activations) + network.n_outputs
        activations = ACTIVATION_COPIES * self.config.batch_size * per_row
        values = PARAMETER_COPIES * network.n_parameters + activations
        return network.buffer.values.element_size() * self.config.members * values

    @property
    def work(self) -> float:
        """Operations of a step."""
        return 6.0 * self.config.batch_size * self.config.members * self.network.operations

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
