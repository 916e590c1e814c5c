"""A peer that is the average of what another has been."""

from __future__ import annotations

from torch import Tensor

from skmtl._params import require_number
from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, Settings, ramp_up


class MeanTeacher(Collaboration):
    """A student learns from a teacher whose weights are the running mean of its own (Tarvainen and Valpola, 2017).

    After each step the teacher's parameters become decay * teacher + (1 - decay) * student. The student's loss is its
    own plus strength * D(student, teacher), where D is as in :class:`MutualLearning` and the teacher is constant. Other
    units are dropped for each of them, so that predictions shall not depend on noise, nor on a single step.

    Each cohort is one student and one teacher, and predictions are the mean of both.

    Parameters
    ----------
    decay : float in [0, 1), default=0.999
        Weight of what the teacher was, from the first steps on at most that of a plain mean. Lower it where training
        takes few steps: 0.99 suits some hundred.
    strength : float, default=1.0
        Weight of the agreement on labelled cells, beside a loss of weight 1.
    unlabeled_strength : float, default=1.0
        The same on cells without a label, of which each counts one over the number of rows. Where it is not 0, rows
        without any label are kept.
    temperature : float, default=1.0
        Divisor of the outputs of classes: above 1 the unlikely classes count more.
    ramp : float in [0, 1], default=0.25
        Fraction of the training in which the strengths rise to their values.

    References
    ----------
    Tarvainen, A. and Valpola, H. (2017). Mean teachers are better role models: weight-averaged consistency targets
    improve semi-supervised deep learning results. NeurIPS.
    """

    follows = True
    strengths = ("decay", "strength", "unlabeled_strength")

    def __init__(
        self,
        decay: float = 0.999,
        strength: float = 1.0,
        unlabeled_strength: float = 1.0,
        temperature: float = 1.0,
        ramp: float = 0.25,
    ) -> None:
        self.decay, self.strength, self.unlabeled_strength = decay, strength, unlabeled_strength
        self.temperature, self.ramp = temperature, ramp

    def check(self) -> None:
        """Check the settings; see :meth:`Collaboration.check`."""
        require_number(self.label("decay"), self.decay, below=1)
        require_number(self.label("strength"), self.strength)
        require_number(self.label("unlabeled_strength"), self.unlabeled_strength)
        require_number(self.label("temperature"), self.temperature, positive=True)
        require_number(self.label("ramp"), self.ramp, maximum=1)

    def check_peers(self, n_peers: int) -> None:
        """Check that there are a student and a teacher; see :meth:`Collaboration.check_peers`."""
        if n_peers != 2:
            raise ValueError(
                f"collaboration=MeanTeacher needs two peers, a student and a teacher; got n_peers={n_peers}. Set "
                f"n_peers to 2 or leave it 'auto'."
            )

    @property
    def uses_unlabeled(self) -> bool:
        """Whether agreement on cells without a label counts."""
        return self.unlabeled_strength != 0

    def effect(self, cells: PeerCells, settings: Settings) -> Effect:
        """Pull the student towards the teacher, which learns nothing itself; see :meth:`Collaboration.effect`."""
        beliefs = cells.beliefs(self.temperature)
        rise = ramp_up(cells.progress, self.ramp)
        gradient = cells.pull(beliefs, beliefs[:, 1:], self.temperature)
        only_student = beliefs.new_tensor([1.0, 0.0]).view(1, 2, 1, 1)
        return Effect(only_student, gradient, rise * settings["strength"], rise * settings["unlabeled_strength"])

    def follower_decay(self, step: int, settings: Settings) -> Tensor:
        """At most the weight of a plain mean of all steps; see :meth:`Collaboration.follower_decay`."""
        return settings["decay"][:, 0, 0, 0].clamp(max=1 - 1 / (step + 1))
