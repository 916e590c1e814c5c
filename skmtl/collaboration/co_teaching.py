"""Peers that choose one another's labels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from skmtl._params import require_choice, require_number
from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, Settings, mean_of_others


class CoTeaching(Collaboration):
    """Each peer learns from the labels of a batch that another peer finds least surprising (Han et al., 2018).

    Networks learn what is regular before they learn wrong labels by heart, each in its own way. In each batch and task
    the fraction ``noise_rate`` of the labelled cells with the greatest loss of the next peer is left out of a peer's
    loss; a missing label takes no part. The fitted ``label_quality_`` tells which labels are probably wrong.

    Numbers are ranked within their task, classes by their place among the labels of the same class. In the paper all
    labels are ranked together, and those of rare and hard classes, which have the greatest losses before they are
    learned, are left out first: they are then never learned. Where the losses of all classes are distributed alike,
    both choose the same labels. Wrong labels are thus taken to be about as frequent in each class.

    Parameters
    ----------
    noise_rate : float in [0, 1), default=0.2
        Fraction of the labels that is left out: that of the wrong ones. 0 trains independent networks.
    ramp : float in [0, 1], default=0.5
        Fraction of the training in which the rate rises from 0 to its value: as much as the networks need to learn what
        is regular. Lower it where they learn wrong labels by heart before.
    select : {"peer", "joint"}, default="peer"
        Who chooses the labels of a peer: the next peer, or all together by the sum of their losses, as JoCoR does
        (Wei et al., 2020).
    agreement : float in [0, 1), default=0.0
        With "joint" the weight of the peers' disagreement beside that of their losses, both in the choice of the labels
        and in what is minimised.

    References
    ----------
    Han, B. et al. (2018). Co-teaching: robust training of deep neural networks with extremely noisy labels. NeurIPS.

    Wei, H., Feng, L., Chen, X. and An, B. (2020). Combating noisy labels by agreement: a joint training method with
    co-regularization. CVPR.
    """

    strengths = ("noise_rate", "agreement")
    acts_by = strengths
    judges_labels = True

    def __init__(
        self,
        noise_rate: float = 0.2,
        ramp: float = 0.5,
        select: Literal["peer", "joint"] = "peer",
        agreement: float = 0.0,
    ) -> None:
        self.noise_rate, self.ramp, self.select, self.agreement = noise_rate, ramp, select, agreement

    def check(self) -> None:
        """Check the settings; see :meth:`Collaboration.check`."""
        require_number(self.label("noise_rate"), self.noise_rate, below=1)
        require_number(self.label("ramp"), self.ramp, maximum=1)
        require_choice(self.label("select"), self.select, ("peer", "joint"))
        require_number(self.label("agreement"), self.agreement, below=1)
        if self.agreement and self.select != "joint":
            raise ValueError(
                f"{self.label('agreement')} needs select='joint'; got {self.agreement!r} with select={self.select!r}."
            )

    def effect(self, cells: PeerCells, settings: Settings) -> Effect:
        """Leave out the labels that others find most surprising; see :meth:`Collaboration.effect`."""
        rate = settings["noise_rate"] * (min(cells.progress / self.ramp, 1.0) if self.ramp else 1.0)
        if self.select == "peer":
            places = places_in_class(cells, cells.losses)
            return Effect(kept_factors(cells.losses, cells.weights, rate, places).roll(-1, 1))
        beliefs, agreement = cells.beliefs(), settings["agreement"]
        others = mean_of_others(beliefs)
        scores = torch.lerp(cells.losses, cells.disagreement(beliefs, others), agreement).sum(1, keepdim=True)
        scores = scores.expand_as(cells.losses)
        factors = kept_factors(scores, cells.weights, rate, places_in_class(cells, scores))
        return Effect((1 - agreement) * factors, cells.pull(beliefs, others), agreement * factors)


def places_in_class(cells: PeerCells, losses: Tensor) -> Tensor:
    """Where, from 0 to 1, each label ``(cohort, peer, row, task)`` is among those of its class; 0 for numbers.

    It is by weight, in ascending order of the losses, and the middle of a label counts: that of one alone is 0.5.
    """
    weights = _weights_like(losses, cells.weights)
    targets, places = cells.targets.expand_as(losses), torch.zeros_like(losses)
    for tasks in (group.tasks for group in cells.groups if group.kind.is_classifier):
        places[..., tasks] = _places(losses[..., tasks], targets[..., tasks], weights[..., tasks])
    return places


def _places(losses: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    order = _argsort(classes, losses)
    until = weights.gather(-2, order).cumsum(-2)
    starts = torch.cat([torch.zeros_like(until[..., :1, :]), until[..., :-1, :]], -2)
    changes = classes.gather(-2, order).diff(dim=-2) != 0
    first = torch.nn.functional.pad(changes, (0, 0, 1, 0), value=True)
    last = torch.nn.functional.pad(changes, (0, 0, 0, 1), value=True)
    begin = torch.where(first, starts, 0.0).cummax(-2).values  # of the class, as `until` only grows
    end = torch.where(last, until, torch.inf).flip(-2).cummin(-2).values.flip(-2)
    total = (end - begin).clamp(min=torch.finfo(losses.dtype).tiny)
    return torch.zeros_like(losses).scatter_(-2, order, ((starts + until) / 2 - begin) / total)


def _argsort(keys: Tensor, ties: Tensor) -> Tensor:
    """Order of the rows by keys, and by ties where these are equal."""
    by_ties = ties.argsort(-2)
    return by_ties.gather(-2, keys.gather(-2, by_ties).argsort(dim=-2, stable=True))


def _weights_like(losses: Tensor, weights: Tensor | None) -> Tensor:
    return torch.ones_like(losses) if weights is None else weights.expand_as(losses)


def kept_factors(losses: Tensor, weights: Tensor | None, rate: Tensor, places: Tensor | None = None) -> Tensor:
    """Factors of the labelled cells, ``(..., row, task)``: 0 for the last by places, then losses, ``rate`` by weight.

    Those of the others make up for the weight that is left out.
    """
    weights = _weights_like(losses, weights)
    # cells of weight 0 move no other in the sums below
    order = losses.argsort(-2) if places is None else _argsort(places, losses)
    until = torch.take_along_dim(weights, order, -2).cumsum(-2)
    total = until[..., -1:, :]
    before = torch.cat([torch.zeros_like(total), until[..., :-1, :]], -2)
    sorted_factors = (before < (1 - rate) * total).to(losses.dtype)
    factors = torch.zeros_like(losses).scatter_(-2, order, sorted_factors)
    kept = (factors * weights).sum(-2, keepdim=True)
    return factors * torch.where(kept > 0, total / kept, 1.0)
