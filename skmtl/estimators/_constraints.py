"""What values the parameters of the estimators may have, as scikit-learn's check reads it."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

import numpy as np

from skmtl._sklearn import Interval, Options, StrOptions
from skmtl.checkpoints import Checkpoint
from skmtl.network import ACTIVATIONS
from skmtl.postprocess import CALIBRATIONS
from skmtl.training import SCHEDULES

_AUTO = StrOptions({"auto"})
CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [_AUTO, "array-like", Interval(Integral, 1, None, closed="left")],
    "task_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({"auto", *ACTIVATIONS})],
    "dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
    "input_dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
    "input_scaling": [_AUTO, "boolean"],
    "kernel_blend": [_AUTO, "boolean"],
    "tree_blend": [_AUTO, "boolean"],
    "local_correction": [_AUTO, "boolean"],
    "calibration": [None, StrOptions(set(CALIBRATIONS))],
    "n_estimators": [Interval(Integral, 1, None, closed="left")],
    "n_peers": [_AUTO, Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"auto", *SCHEDULES})],
    "learning_rate_init": [_AUTO, Interval(Real, 0, None, closed="neither")],
    "weight_decay": [_AUTO, Interval(Real, 0, None, closed="left")],
    "batch_size": [_AUTO, Interval(Integral, 1, None, closed="left")],
    "max_iter": [_AUTO, Interval(Integral, 1, None, closed="left")],
    "early_stopping": [_AUTO, "boolean"],
    "cv": ["cv_object"],
    "n_iter_no_change": [
        _AUTO,
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "dtype": [StrOptions({"auto", "float32", "float64", "bfloat16"})],
    "effort": [StrOptions({"fixed", "fast", "default", "best"})],
    "max_time": [None, Interval(Real, 0, None, closed="neither")],
    "n_jobs": [None, Integral],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "checkpoint": [None, str, os.PathLike, Checkpoint],
}
