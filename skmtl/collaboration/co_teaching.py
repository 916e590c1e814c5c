"""Peers that choose one another's labels."""

from __future__ import annotations

import torch
from torch import Tensor

from skmtl._params import require_choice, require_number
from skmtl.collaboration._collaboration import Collaboration, Effect, PeerCells, Settings, mean_of_others


class CoTeaching(Collaboration):
    """Each peer learns from the labels of a batch that another peer finds least surprising (Han et al., 2018).

    Networks learn what is regular before they learn wrong labels by heart, each in its own way. In each batch and task
    the fraction ``noise_rate`` of the labelled cells with the greatest loss of the next peer is left out of a peer's
    loss. Losses of classes and of numbers alike are ranked within their task; a missing label takes no part. Tell with
    it which labels are probably wrong: the fitted ``label_quality_``.

    Parameters
    ----------
    noise_rate : float in [0, 1), default=0.2
        Fraction of the labels that is left out: that of the wrong ones. 0 trains independent networks.
    ramp : float in [0, 1], default=0.1
        Fraction of the training in which the rate rises from 0 to its value.
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
        self, noise_rate: float = 0.2, ramp: float = 0.1, select: str = "peer", agreement: float = 0.0
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
            return Effect(kept_factors(cells.losses, cells.weights, rate).roll(-1, 1))
        beliefs, agreement = cells.beliefs(), settings["agreement"]
        others = mean_of_others(beliefs)
        scores = torch.lerp(cells.losses, cells.disagreement(beliefs, others), agreement).sum(1, keepdim=True)
        factors = kept_factors(scores.expand_as(cells.losses), cells.weights, rate)
        return Effect((1 - agreement) * factors, cells.pull(beliefs, others), agreement * factors)


def kept_factors(losses: Tensor, weights: Tensor | None, rate: Tensor) -> Tensor:
    """Factors of the labelled cells, ``(..., row, task)``: 0 for those of greatest loss, a fraction ``rate`` by weight.

    Those of the others make up for the weight that is left out.
    """
    weights = torch.ones_like(losses) if weights is None else weights.expand_as(losses)
    order = losses.argsort(-2)  # cells of weight 0 move no other in the sums below
    until = torch.take_along_dim(weights, order, -2).cumsum(-2)
    total = until[..., -1:, :]
    before = torch.cat([torch.zeros_like(total), until[..., :-1, :]], -2)
    sorted_factors = (before < (1 - rate) * total).to(losses.dtype)
    factors = torch.zeros_like(losses).scatter_(-2, order, sorted_factors)
    kept = (factors * weights).sum(-2, keepdim=True)
    return factors * torch.where(kept > 0, total / kept, 1.0)
