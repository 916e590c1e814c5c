"""The estimators that are compared, each built for the same net, batch and number of epochs.

Imports stay inside the functions: one of the tables times them, in a process that imports one library alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from benchmarks.speed.shapes import Shape

if TYPE_CHECKING:
    import torch

NEVER = 10**9  # epochs without improvement that no fit reaches: every rival runs all its epochs
RATE = 1e-3

SKMTL = "skmtl"
MLP = "scikit-learn MLP"
SKORCH = "skorch"
LOADER = "torch, DataLoader"
SLICES = "torch, slices, fused Adam"


def _skmtl_settings(shape: Shape, epochs: int, seed: int) -> dict[str, Any]:
    from skmtl.encoders import TabularEncoder

    return {
        "hidden_layer_sizes": shape.hidden,
        "activation": "relu",
        "n_estimators": 1,
        "encoder": TabularEncoder(numeric="scaled"),
        "batch_size": shape.batch,
        "max_iter": epochs,
        "early_stopping": False,
        "dropout": 0.0,
        "learning_rate_init": RATE,
        "learning_rate": "constant",
        "optimizer": "adamw",
        "dtype": "float32",
        "n_iter_no_change": NEVER,
        "random_state": seed,
    }


def build_skmtl(shape: Shape, epochs: int, seed: int = 0, **changes: Any) -> Any:
    """One member, no early stopping, one encoded column per column: the arithmetic is that of the rivals."""
    from skmtl import MultiTaskNetRegressor

    return MultiTaskNetRegressor(**(_skmtl_settings(shape, epochs, seed) | changes))


def build_skmtl_classifier(shape: Shape, epochs: int, seed: int = 0) -> Any:
    """Build the same net with a binary task in every column."""
    from skmtl import MultiTaskNetClassifier

    return MultiTaskNetClassifier(**_skmtl_settings(shape, epochs, seed))


def build_mlp(shape: Shape, epochs: int, seed: int = 0) -> Any:
    """Build scikit-learn's MLP with Adam; it keeps the float32 of its input."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    warnings.filterwarnings("ignore", category=ConvergenceWarning)  # every epoch is run on purpose
    return MLPRegressor(
        hidden_layer_sizes=shape.hidden,
        solver="adam",
        batch_size=min(shape.batch, shape.rows),
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=NEVER,
        learning_rate_init=RATE,
        random_state=seed,
    )


def build_mlp_classifier(shape: Shape, epochs: int, seed: int = 0) -> Any:
    """Build scikit-learn's MLP for a label matrix of zeros and ones."""
    from sklearn.neural_network import MLPClassifier

    regressor = build_mlp(shape, epochs, seed)
    return MLPClassifier(**{k: v for k, v in regressor.get_params().items() if k != "loss"})


def make_net(shape: Shape) -> torch.nn.Module:
    """Linear layers with ReLU between them."""
    from torch import nn

    layers: list[nn.Module] = []
    width = shape.features
    for size in shape.hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, shape.tasks))


def build_skorch(shape: Shape, epochs: int, seed: int = 0) -> Any:
    """Build skorch's regressor with Adam, without its inner validation split."""
    import torch
    from skorch import NeuralNetRegressor

    torch.manual_seed(seed)
    return NeuralNetRegressor(
        make_net(shape),
        max_epochs=epochs,
        batch_size=shape.batch,
        lr=RATE,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


class TorchLoop:
    """The loop that a user writes by hand: over a DataLoader with Adam, or over slices with the fused AdamW."""

    def __init__(self, shape: Shape, epochs: int, seed: int, by_slices: bool) -> None:
        self.shape, self.epochs, self.seed, self.by_slices = shape, epochs, seed, by_slices

    def fit(self, x: Any, y: Any) -> Self:
        """Train for all epochs on the mean squared error."""
        import torch

        torch.manual_seed(self.seed)
        rows, targets = torch.from_numpy(x), torch.from_numpy(y)
        self.net_ = make_net(self.shape)
        parameters = list(self.net_.parameters())
        if self.by_slices:
            self._run(self._slices(rows, targets), torch.optim.AdamW(parameters, lr=RATE, fused=True))
        else:
            dataset = torch.utils.data.TensorDataset(rows, targets)
            loader = torch.utils.data.DataLoader(dataset, batch_size=self.shape.batch, shuffle=True)
            self._run(lambda: loader, torch.optim.Adam(parameters, lr=RATE))
        self.n_iter_ = self.epochs
        return self

    def _slices(self, rows: torch.Tensor, targets: torch.Tensor) -> Callable[[], Any]:
        import torch

        def batches() -> Any:
            order, size = torch.randperm(len(rows)), self.shape.batch
            return zip(torch.split(rows[order], size), torch.split(targets[order], size), strict=True)

        return batches

    def _run(self, batches: Callable[[], Any], optimizer: torch.optim.Optimizer) -> None:
        from torch.nn.functional import mse_loss

        for _ in range(self.epochs):
            for rows, targets in batches():
                optimizer.zero_grad()
                mse_loss(self.net_(rows), targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()


def build_loader(shape: Shape, epochs: int, seed: int = 0) -> TorchLoop:
    """Build the loop over a DataLoader."""
    return TorchLoop(shape, epochs, seed, by_slices=False)


def build_slices(shape: Shape, epochs: int, seed: int = 0) -> TorchLoop:
    """Build the loop over slices of the shuffled rows, with the fused optimizer."""
    return TorchLoop(shape, epochs, seed, by_slices=True)


RIVALS: dict[str, Callable[..., Any]] = {
    SKMTL: build_skmtl,
    MLP: build_mlp,
    SKORCH: build_skorch,
    LOADER: build_loader,
    SLICES: build_slices,
}
