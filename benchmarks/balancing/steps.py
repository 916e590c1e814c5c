"""One optimisation step of each library on the same batch, net and method."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

Step = Callable[[], object]
RATE = 1e-3


@dataclass(frozen=True)
class Shape:
    """A batch and a net: hard sharing, one output a task, squared errors."""

    rows: int
    features: int
    hidden: tuple[int, ...]
    tasks: int

    @property
    def label(self) -> str:
        """Sizes in words."""
        return f"batch {self.rows}, {self.features} features, {self.hidden}"

    def data(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and targets with a learnable signal."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.features), dtype=np.float32)
        y = np.tanh(x @ rng.standard_normal((self.features, self.tasks), dtype=np.float32) / self.features**0.5)
        return torch.from_numpy(x), torch.from_numpy(y)


def skmtl_step(shape: Shape, balancer: Any, members: int = 1) -> Step:
    """Build the step of the training loop, all members at once."""
    from benchmarks._steps import skmtl_step as build
    from skmtl.sharing import Hard

    x, y = shape.data()
    return build(Hard(), balancer, shape.hidden, x, y, members=members, rate=RATE)


def make_trunk(shape: Shape) -> nn.Sequential:
    """Hidden layers alone."""
    widths = (shape.features, *shape.hidden)
    return nn.Sequential(*(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())))


class _Net:
    """BodySpec, a linear head a task and fused AdamW: what a user of a gradient library writes."""

    def __init__(self, shape: Shape) -> None:
        torch.manual_seed(0)
        self.x, self.y = shape.data()
        self.trunk = make_trunk(shape)
        self.heads = nn.ModuleList(nn.Linear(shape.hidden[-1], 1) for _ in range(shape.tasks))
        parameters = [*self.trunk.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)

    def losses(self, features: torch.Tensor) -> list[torch.Tensor]:
        """Mean squared error of each task."""
        return [(head(features).squeeze(1) - self.y[:, t]).square().mean() for t, head in enumerate(self.heads)]


def torchjd_step(shape: Shape, aggregator: Any) -> Step:
    """Build torchjd's step for several tasks: ``mtl_backward``, then ``jac_to_grad``."""
    from torchjd.autojac import jac_to_grad, mtl_backward

    net = _Net(shape)

    def step() -> None:
        features = net.trunk(net.x)
        mtl_backward(net.losses(features), features=features)
        jac_to_grad(net.trunk.parameters(), aggregator)
        net.optimizer.step()
        net.optimizer.zero_grad()

    return step


def scalarization_step(shape: Shape, scalarizer: Any) -> Step:
    """Build torchjd's step for methods that see losses."""
    net = _Net(shape)

    def step() -> None:
        losses = torch.stack(net.losses(net.trunk(net.x)))
        scalarizer(losses).backward()
        net.optimizer.step()
        net.optimizer.zero_grad()
        if hasattr(scalarizer, "update"):
            with torch.no_grad():
                scalarizer.update(torch.stack(net.losses(net.trunk(net.x))))

    return step


def libmtl_step(shape: Shape, weighting: str, by_representation: bool = False, **arguments: Any) -> Step:
    """Build the body of the batch loop of LibMTL's trainer, without DataLoader, metrics and display."""
    from benchmarks.speed.heads import make_libmtl_trainer

    warnings.filterwarnings("ignore")
    random.seed(0)
    torch.manual_seed(0)
    names = [f"t{t}" for t in range(shape.tasks)]
    trainer = make_libmtl_trainer(shape, names, weighting, by_representation, arguments)
    x, y = shape.data()
    mask = torch.ones(shape.rows, dtype=torch.bool)
    labels = {name: (y[:, t], mask) for t, name in enumerate(names)}
    trainer.model.zero_grad_share_params = lambda: trainer.model.encoder.zero_grad(set_to_none=False)  # as it expects
    trainer.model.epoch, trainer.model.epochs = 1, 2
    trainer.model.train_loss_buffer = np.ones((shape.tasks, 2))

    def step() -> None:
        losses = trainer._compute_loss(trainer.process_preds(trainer.model(x)), labels)
        trainer.optimizer.zero_grad()
        trainer.model.backward(losses, **trainer.kwargs["weight_args"])
        trainer.optimizer.step()

    return step
