"""The rules of ``skmtl.defaults`` that can be measured, and what takes the place of each.

A variant replaces attributes of modules while an estimator is fitted and asked, mostly of those of ``skmtl.defaults``;
nothing else in skmtl knows of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

from skmtl.defaults import Choice, _summary, encoders, estimators, tasks, trials
from skmtl.fitting import _trials
from skmtl.postprocess import _kernel_scale

Variant = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Shape:
    """What is looked at to tell whether a rule decides anything: training rows, columns and kinds of tasks."""

    n_rows: int
    n_columns: int
    kinds: frozenset[str]


Concerns = Callable[[Shape], bool]


@dataclass(frozen=True)
class Rule:
    """What takes the place of a rule, by name, and which tables the rule concerns."""

    concerns: Concerns
    variants: dict[str, Variant]


def _constants(module: ModuleType, **values: Any) -> Variant:
    """Other values of constants of a module."""
    return partial(patch.multiple, module, **values)


def _parameters(**values: Any) -> Variant:
    """The same values for all data in place of the rules for these parameters."""
    choices = {name: Choice(value, "a variant of the ablation") for name, value in values.items()}
    return partial(patch.dict, estimators.RULES, choices)


def _tried(*rounds: Sequence[trials.Setting]) -> Variant:
    """Other settings among which held-out rows decide."""
    return partial(patch.dict, trials.EFFORTS, {"default": replace(trials.DEFAULT, rounds=rounds)})


# ---- tables that a rule concerns ----


def _all(shape: Shape) -> bool:
    return True


def _numbers(shape: Shape) -> bool:
    return "regression" in shape.kinds


def _classes(shape: Shape) -> bool:
    return shape.kinds != {"regression"}


def _mixed(shape: Shape) -> bool:
    return _numbers(shape) and _classes(shape)


def _rows(low: float, high: float, too: Concerns = _all) -> Concerns:
    """Tables of at least ``low`` and fewer than ``high`` training rows."""
    return lambda shape: low <= shape.n_rows < high and too(shape)


def _columns(low: float, high: float, too: Concerns = _all) -> Concerns:
    """Tables of at least ``low`` and fewer than ``high`` columns."""
    return lambda shape: low <= shape.n_columns < high and too(shape)


RULES = {
    "activation": Rule(_all, {"relu": _parameters(activation="relu"), "silu": _parameters(activation="silu")}),
    "dropout": Rule(_classes, {"none": _parameters(input_dropout=0.0, dropout=0.0)}),
    "input_dropout": Rule(_classes, {"none": _parameters(input_dropout=0.0)}),
    "input_scaling": Rule(_all, {"never": _parameters(input_scaling=False), "always": _parameters(input_scaling=True)}),
    "kernel_blend": Rule(_rows(0, 1001), {"never": _parameters(kernel_blend=False)}),
    "tree_blend": Rule(_all, {"never": _parameters(tree_blend=False)}),
    "local_correction": Rule(_all, {"never": _parameters(local_correction=False)}),
    "loss_weights": Rule(_mixed, {"equal": _constants(estimators, REGRESSION_WEIGHT=1.0)}),
    "batch_size": Rule(
        _rows(65, math.inf),
        {"32": _parameters(batch_size=32), "64": _parameters(batch_size=64), "128": _parameters(batch_size=128)},
    ),
    "patience": Rule(
        _all, {"none": _parameters(n_iter_no_change=math.inf), "10 epochs": _parameters(n_iter_no_change=10)}
    ),
    "dtype": Rule(_rows(0, 65), {"float32": _parameters(dtype="float32")}),
    "one batch of tiny data": Rule(_rows(0, 65), {"none": _constants(_summary, FULL_BATCH_ROWS=0)}),
    "steps per row": Rule(
        _rows(65, 1000),
        {"half": _constants(estimators, STEPS_PER_ROW=2), "twice": _constants(estimators, STEPS_PER_ROW=8)},
    ),
    "inputs read": Rule(_columns(50, math.inf, _numbers), {"all": _constants(estimators, READ_FRACTION=1.0)}),
    "rows from which bins are made": Rule(
        _rows(20, 500),
        {"any": _constants(encoders, PIECEWISE_ROWS=0), "never": _constants(encoders, PIECEWISE_ROWS=math.inf)},
    ),
    "bins": Rule(_rows(200, math.inf), {"none": _constants(encoders, PIECEWISE_ROWS=math.inf)}),
    "bins of a column": Rule(
        _rows(200, math.inf),
        {str(n): _constants(encoders, MIN_BINS=n, MAX_BINS=n) for n in (4, 8, 16)}
        | {"16 at most": _constants(encoders, MAX_BINS=16)},
    ),
    "settings tried": Rule(
        _rows(65, math.inf),
        {
            "none": _tried(),
            "no narrow layers": _tried(trials.REGULARISATIONS),
            "other steps": _tried(trials.MORE_NETWORKS, trials.REGULARISATIONS),
            "other dropout": _tried(trials.NETWORKS, trials.MORE_REGULARISATIONS),
            "no regularisations": _tried(trials.NETWORKS),
            "no scaled inputs": _tried(trials.NETWORKS, trials.REGULARISATIONS[1:]),
            "no little dropout": _tried(trials.NETWORKS, trials.REGULARISATIONS[:1]),
        },
    ),
    "weights by noise": Rule(_mixed, {"never": _constants(_trials, weights_by_noise=lambda weights, *_: weights)}),
    "scale of the inputs of kernels": Rule(_rows(0, 1001), {"never": _constants(_kernel_scale, ROUNDS=0)}),
    "far labels": Rule(_numbers, {"all squared": _constants(tasks, MAX_OUTLIERS=-1)}),
    "glitches": Rule(_numbers, {"none": _constants(tasks, MAX_GLITCHES=-1.0)}),
}


def varied(name: str | None) -> AbstractContextManager[Any]:
    """Context in which a variant, "rule: variant", holds; with None the rules are as they are."""
    if name is None:
        return nullcontext()
    rule, variant = name.split(": ")
    return RULES[rule].variants[variant]()
