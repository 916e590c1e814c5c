"""A fit before its first step, alone or beside others in one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skmtl.network import Network
from skmtl.training import Objective, Run, Settings, Streams, TrainingData, Validation, scout


@dataclass(frozen=True)
class Start:
    """What a training run begins with.

    Attributes
    ----------
    network : Network
        With its first parameters.
    objective : Objective
        Losses of the tasks.
    data : TrainingData
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
    data: TrainingData
    validation: Validation | None
    settings: Settings
    streams: Streams
    resumed: Run | None = None

    @classmethod
    def stack(cls, starts: Sequence[Start]) -> Start:
        """Put fits to the same rows side by side, whose members are then those of one network; a single one as it is.

        Nothing but what belongs to a member may differ between them: parameters, weights of cells and tasks, held-out
        rows, learning rate, weight decay, dropout.
        """
        first = starts[0]
        if len(starts) == 1:
            return first
        members = [start.network.architecture.members for start in starts]
        data = TrainingData.stack([start.data for start in starts], members)
        validations = [start.validation for start in starts if start.validation is not None]
        validation = None
        if validations:
            own = first.validation is not None and first.validation.data is first.data
            judged = data if own else TrainingData.stack([part.data for part in validations], members)
            validation = Validation.stack(validations, judged, common=not own)
        return cls(
            network=Network.stack([start.network for start in starts]),
            objective=first.objective,
            data=data,
            validation=validation,
            settings=Settings.stack([start.settings for start in starts]),
            streams=Streams.stack([start.streams for start in starts]),
        )

    def run(self) -> Run:
        """Begin, or go on with the earlier run."""
        if self.resumed is not None:
            self.resumed.go_on(self.settings, self.data)
            return self.resumed
        parts = self.objective, self.data, self.settings, self.streams
        network = scout(self.network, *parts, self.validation) if self.settings.scouting else self.network
        return Run(network, *parts)
