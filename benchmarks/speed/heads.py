"""Rivals with a head per task, for label matrices with holes: LibMTL's step and a ModuleList of heads."""

from __future__ import annotations

import contextlib
import io
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from benchmarks.speed.rivals import RATE, make_net
from benchmarks.speed.shapes import Shape

if TYPE_CHECKING:
    import torch

LIBMTL = "LibMTL"
HEADS = "ModuleList of heads"


def make_trunk(shape: Shape) -> torch.nn.Module:
    """Hidden layers alone, their last activation included."""
    from torch import nn

    layers = list(make_net(shape).children())[:-1]
    return nn.Sequential(*layers)


class _Loop:
    """Slices of shuffled rows, targets with zeros in place of missing labels, and the mask of the labels."""

    def __init__(self, shape: Shape, epochs: int, seed: int = 0) -> None:
        self.shape, self.epochs, self.seed = shape, epochs, seed

    def fit(self, x: Any, y: Any) -> Self:
        """Train for all epochs on the mean over tasks of the masked mean squared error."""
        import torch

        torch.manual_seed(self.seed)
        rows, raw = torch.from_numpy(x), torch.from_numpy(y)
        mask = ~raw.isnan()
        targets = raw.nan_to_num(0.0)
        self.start()
        for _ in range(self.epochs):
            order = torch.randperm(len(rows))
            for batch in torch.split(order, self.shape.batch):
                self.step(rows[batch], targets[batch], mask[batch])
        self.n_iter_ = self.epochs
        return self

    def start(self) -> None:
        """Build net and optimizer."""
        raise NotImplementedError

    def step(self, rows: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> None:
        """Take one optimisation step."""
        raise NotImplementedError


class HeadsLoop(_Loop):
    """A plain torch net: one linear head a task in a ModuleList, a loss a task, the fused AdamW."""

    def start(self) -> None:
        """Build net and optimizer."""
        import torch
        from torch import nn

        self.trunk = make_trunk(self.shape)
        self.heads = nn.ModuleList(nn.Linear(self.shape.hidden[-1], 1) for _ in range(self.shape.tasks))
        parameters = [*self.trunk.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=RATE, fused=True)

    def step(self, rows: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> None:
        """Take one optimisation step."""
        import torch

        self.optimizer.zero_grad()
        shared = self.trunk(rows)
        losses = [masked_error(head(shared), targets[:, task], mask[:, task]) for task, head in enumerate(self.heads)]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def masked_error(outputs: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of one task over its labels, 0 where it has none."""
    return ((outputs.squeeze(-1) - targets).square() * mask).sum() / mask.sum().clamp(min=1)


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Make LibMTL 1.1.5 importable.

    It imports its ResNets, and these ``torchvision.models.utils``, which torchvision no longer has. No ResNet is used
    here, so an empty module stands for them. It also prints, which would mix with the tables.
    """
    sys.modules.setdefault("LibMTL.model", types.ModuleType("LibMTL.model"))
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class LibMTLLoop(_Loop):
    """LibMTL's own trainer object: hard parameter sharing (HPS), equal weights (EW), its Adam, its losses.

    The step is the body of the batch loop of its ``Trainer.train``. Left out, in its favour: DataLoader, metrics and
    the display after an epoch. Changed: the device, which its constructor fixes to the first GPU.
    """

    def start(self) -> None:
        """Build net and optimizer."""
        self.names = [f"task{task}" for task in range(self.shape.tasks)]
        self.trainer = make_libmtl_trainer(self.shape, self.names)

    def step(self, rows: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> None:
        """Take one optimisation step."""
        trainer = self.trainer
        labels = {name: (targets[:, task], mask[:, task]) for task, name in enumerate(self.names)}
        predictions = trainer.process_preds(trainer.model(rows))
        losses = trainer._compute_loss(predictions, labels)
        trainer.optimizer.zero_grad()
        trainer.model.backward(losses, **trainer.kwargs["weight_args"])
        trainer.optimizer.step()


def make_libmtl_trainer(
    shape: Any,
    names: list[str],
    weighting: str = "EW",
    by_representation: bool = False,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """Build LibMTL's trainer on the CPU with a linear decoder and a masked squared error for each task."""
    with _importable():
        return _libmtl_trainer(shape, names, weighting, by_representation, arguments or {})


def _libmtl_trainer(
    shape: Any, names: list[str], weighting: str, by_representation: bool, arguments: dict[str, Any]
) -> Any:
    import torch
    from LibMTL import Trainer
    from LibMTL import weighting as weightings
    from LibMTL.architecture import HPS
    from LibMTL.loss import AbsLoss
    from torch import nn

    class MaskedError(AbsLoss):  # type: ignore[misc]
        def compute_loss(self, pred: torch.Tensor, gt: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return masked_error(pred, *gt)

    class OnCPU(Trainer):  # type: ignore[misc]
        def _prepare_model(self, *parts: Any) -> None:
            self.device = torch.device("cpu")
            super()._prepare_model(*parts)

    return OnCPU(
        task_dict={n: {"metrics": [], "metrics_fn": None, "loss_fn": MaskedError(), "weight": []} for n in names},
        weighting=getattr(weightings, weighting),
        architecture=HPS,
        encoder_class=lambda: make_trunk(shape),
        decoders=nn.ModuleDict({name: nn.Linear(shape.hidden[-1], 1) for name in names}),
        rep_grad=by_representation,
        multi_input=False,
        optim_param={"optim": "adam", "lr": RATE},
        scheduler_param=None,
        weight_args=arguments,
        arch_args={},
    )
