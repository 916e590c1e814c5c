"""A fit before its first step, alone or beside others in one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from skmtl.network import Network
from skmtl.training import (
    Data,
    JoinedData,
    Objective,
    Run,
    Settings,
    Streams,
    TrainingData,
    Validation,
    learn_input_scale,
)


@dataclass(frozen=True)
class Start:
    """What a training run begins with.

    Attributes
    ----------
    network : Network
        With its first parameters.
    objective : Objective
        Losses of the tasks.
    data : Data
        What to learn from.
    validation : Validation or None
        Held-out rows.
    settings : Settings
        How to train.
    streams : Streams
        Randomness.
    resumed : Run or None
        An earlier run to go on with.
    """

    network: Network
    objective: Objective
    data: Data
    validation: Validation | None
    settings: Settings
    streams: Streams
    resumed: Run | None = None

    @classmethod
    def stack(cls, starts: Sequence[Start]) -> Start:
        """Put fits to the same rows side by side, whose members are then those of one network; a single one as it is.

        Nothing but what belongs to a member may differ between them: parameters, weights of cells and tasks, held-out
        rows, learning rate, weight decay, dropout, strengths of penalties.
        """
        judge = partial(Validation.stack, common=not starts[0].judged_by_own)
        return cls._side_by_side(starts, TrainingData.stack, judge, Streams.stack)

    @classmethod
    def join(cls, starts: Sequence[Start]) -> Start:
        """Put stacks with rows, or orders of their batches, of their own side by side: parts of the members.

        They are alike; see ``likeness``.
        """
        first = starts[0]
        settings = first.settings
        reads_parts = first.network.reads_parts and first.is_plain
        join = partial(JoinedData, batch_size=settings.batch_size if reads_parts else None)
        return cls._side_by_side(starts, join, Validation.join, Streams.join)

    def apart(self) -> Start:
        """Return a start with a network and an order of batches of its own, which no other fit goes through."""
        network = self.network.select(range(self.network.architecture.members))
        return replace(self, network=network, streams=self.streams.apart())

    @property
    def judged_by_own(self) -> bool:
        """Whether members are judged by training rows that they hold out."""
        return self.validation is not None and self.validation.data is self.data

    @classmethod
    def _side_by_side(
        cls,
        starts: Sequence[Start],
        join_data: Callable[[Sequence[Any], Sequence[int]], Data],
        join_validations: Callable[[Sequence[Validation], Any], Validation],
        join_streams: Callable[[Sequence[Streams]], Streams],
    ) -> Start:
        first = starts[0]
        if len(starts) == 1:
            return first
        members = [start.network.architecture.members for start in starts]
        data = join_data([start.data for start in starts], members)
        validations = [start.validation for start in starts if start.validation is not None]
        validation = None
        if validations:
            judged = data if first.judged_by_own else join_data([part.data for part in validations], members)
            validation = join_validations(validations, judged)
        return cls(
            network=Network.stack([start.network for start in starts]),
            objective=first.objective,
            data=data,
            validation=validation,
            settings=Settings.stack([start.settings for start in starts]),
            streams=join_streams([start.streams for start in starts]),
        )

    @property
    def is_plain(self) -> bool:
        """Whether steps look at nothing but the losses of their batch, under constant weights."""
        settings = self.settings
        return not (settings.balancer.needs or settings.record or settings.scouting)

    @property
    def is_fillable(self) -> bool:
        """Whether rows that do not count could fill up a batch without a trace in the fit."""
        replayed_or_drawn = self.settings.cuda_graphs or self.network.architecture.draws
        return self.is_plain and not replayed_or_drawn and self.settings.batch_size < self.data.n_rows

    def likeness(self, *, fill: bool) -> tuple[Any, ...]:
        """What fits to different rows must have in common to be joined.

        With ``fill`` it is the number of steps in an epoch, not that of the rows, if last batches can be filled up.
        """
        n_rows, batch_size = self.data.n_rows, self.settings.batch_size
        length = ("steps", -(-n_rows // batch_size)) if fill and self.is_fillable else ("rows", n_rows)
        architecture, settings = self.network.architecture, self.settings
        sharing, groups = architecture.sharing, self.objective.groups
        own = [(name, value) for name, value in sharing.get_params().items() if name not in sharing.strengths]
        kinds = [(group.kind, group.tasks.stop, group.outputs.stop) for group in groups]
        return (
            (*length, architecture.n_inputs, architecture.dtype, str(self.network.device)),
            (architecture.hidden_layer_sizes, architecture.activation, architecture.input_dropout),
            (type(sharing), repr(own)),
            (architecture.n_outputs, *kinds),
            (settings.optimizer, settings.schedule, settings.balancer, settings.record),
            (settings.batch_size, settings.max_iter, settings.patience, settings.tol, settings.scouting),
            (settings.products, settings.cuda_graphs),
            (self.validation is not None, self.judged_by_own),
            id(architecture.encoder) if self.network.extracts else None,
        )

    def run(self) -> Run:
        """Begin, or go on with the earlier run."""
        if self.resumed is not None:
            self.resumed.go_on(self.settings, self.data)
            return self.resumed
        parts = self.objective, self.data, self.settings, self.streams
        network = learn_input_scale(self.network, *parts, self.validation) if self.settings.scouting else self.network
        return Run(network, *parts)
