"""Types of the parameters that take names, for type checkers and completion; tests compare them with what is known."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from skmtl.balancing import Balancer, Recorded
from skmtl.checkpoints import Checkpoint
from skmtl.collaboration import Collaboration
from skmtl.encoders import Encoder
from skmtl.sharing import Sharing
from skmtl.tasks import Kind
from skmtl.training import Device, Optimizer, PeerSharing

Auto: TypeAlias = Literal["auto"]

ActivationName: TypeAlias = Literal["auto", "identity", "logistic", "tanh", "relu", "silu"]
ScheduleName: TypeAlias = Literal["auto", "constant", "cosine"]
EffortName: TypeAlias = Literal["default", "fast", "best", "fixed"]
DtypeName: TypeAlias = Literal["auto", "float32", "float64", "bfloat16"]
CalibrationName: TypeAlias = Literal["temperature", "sigmoid", "isotonic"]
EncoderName: TypeAlias = Literal["auto", "tabular", "convolution", "sequence"]
SharingName: TypeAlias = Literal[
    "hard",
    "independent",
    "soft",
    "additive",
    "relationship",
    "low_rank",
    "latent_tasks",
    "attention",
    "bypass",
    "mmoe",
    "ple",
    "cgc",
    "cross_stitch",
]
BalancingName: TypeAlias = Literal[
    "static",
    "log",
    "uncertainty",
    "soft_optimal_uncertainty",
    "dwa",
    "random",
    "famo",
    "stch",
    "alternating",
    "gradnorm",
    "pcgrad",
    "mgda",
    "cagrad",
    "imtl_g",
    "nash_mtl",
    "aligned_mtl",
    "fairgrad",
    "upgrad",
]
CollaborationName: TypeAlias = Literal["mutual", "co_teaching", "co_training", "mean_teacher", "pseudo_labels"]
PeerSharingName: TypeAlias = Literal["averaging", "elastic", "additive", "batch_ensemble"]
OptimizerName: TypeAlias = Literal["adamw", "sgd"]
LossName: TypeAlias = Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
KindName: TypeAlias = Literal["binary", "multiclass", "regression"] | LossName
TransformName: TypeAlias = Literal["log1p", "sqrt", "quantile", "yeo-johnson"]
ConformalMethod: TypeAlias = Literal["cv", "cv+"]

EncoderLike: TypeAlias = EncoderName | Encoder | torch.nn.Module
SharingLike: TypeAlias = SharingName | Sharing
BalancingLike: TypeAlias = BalancingName | Balancer | Recorded
CollaborationLike: TypeAlias = CollaborationName | Collaboration | None
PeerSharingLike: TypeAlias = PeerSharingName | PeerSharing | None
OptimizerLike: TypeAlias = OptimizerName | Optimizer
DeviceLike: TypeAlias = Literal["auto", "cpu", "cuda"] | str | torch.device | Device
CheckpointLike: TypeAlias = str | os.PathLike[str] | Checkpoint | None
RandomState: TypeAlias = int | np.random.RandomState | None

# by task: a dict or a series, whose values type checkers see too late to narrow them to literals
LossLike: TypeAlias = LossName | Kind | Mapping[Any, Any] | Any
KindsLike: TypeAlias = Mapping[Any, KindName | Kind] | Sequence[KindName | Kind] | Any
TransformLike: TypeAlias = TransformName | Mapping[Any, Any] | Any
