"""Peers that label missing cells for others."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from skmtl._params import require_boolean, require_integer, require_number
from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, PeerOutputs, Settings, mean_of_peers

MIN_CELLS = 10  # held-out cells at least that a threshold is calibrated by


class PseudoLabeling(Collaboration):
    """Teachers label the missing cells of which they are sure, and students learn from these labels, too.

    The first half of a cohort are teachers: independent networks that learn from given labels only. From ``start`` on
    the others, their students, also learn from the label that the teachers' mean gives to a missing cell, if they are
    sure enough of it (Lee, 2013). How sure is enough is measured task by task on cells that the cohort holds out: the
    lowest certainty above which labels have the ``precision``. The certainty of a class is its probability; that of a
    number is 1 minus the variance of the teachers' outputs, in units of the variance of the target.

    In the end the students are compared with their teachers by the held-out losses of each task. A task is predicted by
    those who are better by more than two standard errors over the held-out rows, else by all. The teachers are what
    they would be without pseudo-labels. These enter no validation, no score, no class weight and no scale of a target,
    and given labels are never replaced. Labels that are missing for a reason may be harder than those held out, so that
    the precision does not hold for them.

    Parameters
    ----------
    threshold : "auto" or float, default="auto"
        Certainty from which on a label is used: "auto" calibrates it, a number is the same for all tasks; beyond 1
        none is used.
    precision : float in (0, 1), default=0.95
        With "auto" the fraction of right classes, or 1 minus the mean squared error of standardised numbers, among
        held-out cells that are sure enough. Where one class is so frequent that always naming it comes near, half of
        its errors are allowed. Tasks that never reach it are left alone.
    weight : float, default=1.0
        What a cell with a pseudo-label counts: this over the number of rows. 0 trains independent networks.
    start : float in [0, 1), default=0.5
        Fraction of the training before the first pseudo-labels.
    rounds : int, default=1
        How often thresholds are calibrated, at equal distances from ``start`` on. The labels follow the teachers in
        every step.
    peers_only : bool, default=True
        Whether teachers alone give labels; else the students, too, who then may confirm one another's errors.

    References
    ----------
    Lee, D.-H. (2013). Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks.
    ICML Workshop on Challenges in Representation Learning.
    """

    strengths = ("weight", "precision")
    acts_by = ("weight",)

    def __init__(
        self,
        threshold: float | str = "auto",
        precision: float = 0.95,
        weight: float = 1.0,
        start: float = 0.5,
        rounds: int = 1,
        peers_only: bool = True,
    ) -> None:
        self.threshold, self.precision, self.weight = threshold, precision, weight
        self.start, self.rounds, self.peers_only = start, rounds, peers_only

    @property
    def peers(self) -> int:
        """Two teachers and two students."""
        return 4

    def check(self) -> None:
        """Check the settings; see :meth:`Collaboration.check`."""
        is_auto = isinstance(self.threshold, str) and self.threshold == "auto"
        if not is_auto and (not isinstance(self.threshold, Real) or math.isnan(self.threshold)):
            raise ValueError(f"{self.label('threshold')} must be 'auto' or a number; got {self.threshold!r}.")
        require_number(self.label("precision"), self.precision, positive=True, below=1)
        require_number(self.label("weight"), self.weight)
        require_number(self.label("start"), self.start, below=1)
        require_integer(self.label("rounds"), self.rounds, 1)
        require_boolean(self.label("peers_only"), self.peers_only)

    def check_peers(self, n_peers: int) -> None:
        """Check that there are as many teachers as students; see :meth:`Collaboration.check_peers`."""
        if n_peers < 4 or n_peers % 2:
            raise ValueError(
                f"collaboration=PseudoLabeling needs two teachers or more and as many students; got n_peers={n_peers}. "
                f"Set n_peers to 4 or another even number, or leave it 'auto'."
            )

    @property
    def uses_unlabeled(self) -> bool:
        """Whether pseudo-labels count."""
        return self.weight != 0

    @property
    def needs_held_out(self) -> bool:
        """Whether a threshold is calibrated."""
        return self.threshold == "auto"

    def students(self, n_peers: int) -> slice:
        """The second half; see :meth:`Collaboration.students`."""
        return slice(n_peers // 2, n_peers)

    def rounds_begun(self, progress: float) -> int:
        """Rounds at equal distances from the start on; see :meth:`Collaboration.rounds_begun`."""
        if progress < self.start:
            return 0
        return min(int((progress - self.start) / (1 - self.start) * self.rounds) + 1, self.rounds)

    def calibrate(self, cells: PeerCells, settings: Settings) -> Tensor:
        """Find the threshold of each task on held-out cells; see :meth:`Collaboration.calibrate`."""
        label, certainty = self._label(cells, cells.beliefs())
        weights = torch.ones_like(certainty) if cells.weights is None else cells.weights[:, :1].expand_as(certainty)
        precision = torch.maximum(settings["precision"][:, :1], (1 + cells.constant_correctness()) / 2)
        return lowest_threshold(certainty, cells.correctness(label), weights, precision)

    def effect(self, cells: PeerCells, settings: Settings) -> Effect:
        """Pull students to the labels that are sure enough; see :meth:`Collaboration.effect`."""
        beliefs = cells.beliefs()
        label, certainty = self._label(cells, beliefs)
        threshold = settings.get("calibrated") if self.needs_held_out else float(self.threshold)
        if threshold is None or cells.progress < self.start:
            return Effect()
        sure = cells.to_outputs((certainty >= threshold).to(beliefs.dtype))
        gradient = cells.pull(beliefs, cells.hardened(label)).mul_(sure)
        gradient[:, : beliefs.shape[1] // 2] = 0
        return Effect(None, gradient, 0.0, settings["weight"])

    def labelled(self, peers: PeerOutputs, calibrated: Tensor | None) -> Tensor:
        """Cells of which those who label are sure enough; see :meth:`Collaboration.labelled`."""
        _, certainty = self._label(peers, peers.beliefs())
        sure: Tensor = certainty[:, 0] >= (float(self.threshold) if calibrated is None else calibrated[:, 0])
        return sure

    def _label(self, peers: PeerOutputs, beliefs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean belief of those who label, ``(cohort, 1, row, output)``, and how sure they are, by task."""
        who = beliefs[:, : beliefs.shape[1] // 2] if self.peers_only else beliefs
        return mean_of_peers(who), peers.certainty(who)


def lowest_threshold(certainty: Tensor, correctness: Tensor, weights: Tensor, precision: Tensor) -> Tensor:
    """Lowest certainty from which on the mean correctness is the precision or more; infinity where there is none.

    All ``(..., row, task)``, the result ``(..., 1, task)``. Cells of weight 0 do not count, equal certainties are
    taken or left together.
    """
    sorted_certainty, order = certainty.masked_fill(weights == 0, -torch.inf).sort(-2, descending=True)
    right, counts = (torch.take_along_dim(values, order, -2) for values in (correctness, weights))
    total = counts.cumsum(-2)
    mean = (right * counts).cumsum(-2) / total.clamp(min=torch.finfo(total.dtype).tiny)
    enough = (counts > 0).cumsum(-2) >= MIN_CELLS
    last_of_equals = sorted_certainty.diff(dim=-2, append=torch.full_like(total[..., :1, :], -torch.inf)) != 0
    good = (mean >= precision) & enough & last_of_equals & (counts > 0)
    return sorted_certainty.masked_fill(~good, torch.inf).amin(-2, keepdim=True)
