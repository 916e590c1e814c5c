"""Optimizers: one file each."""

from skmtl.training.optimizers._optimizer import Memberwise, Optimizer, Penalties, ProximalSteps, Update
from skmtl.training.optimizers.adamw import AdamW
from skmtl.training.optimizers.sgd import SGD
from skmtl.training.optimizers.weight_average import AVERAGES, EMA, SWA, AverageWeights, WeightAverage

OPTIMIZERS: dict[str, type[Optimizer]] = {"adamw": AdamW, "sgd": SGD}

__all__ = [
    "AVERAGES",
    "EMA",
    "OPTIMIZERS",
    "SGD",
    "SWA",
    "AdamW",
    "AverageWeights",
    "Memberwise",
    "Optimizer",
    "Penalties",
    "ProximalSteps",
    "Update",
    "WeightAverage",
]
