"""Settings among which held-out rows decide, and how long each of them is tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skmtl.defaults._summary import FULL_BATCH_ROWS, Choice, DataSummary
from skmtl.defaults.estimators import HIDDEN_LAYERS, MAX_ROW_VISITS, NARROW_LAYERS, NARROW_RATE

Setting = dict[str, Any]

LENGTH = "max_iter"  # in a setting: multiple of the epochs
WEIGHTS = "loss_weights"
NARROW_LENGTH = 3.0  # times the epochs: these take about as long as those of wide layers
LOWER_RATE = 0.001
# Narrower layers, which learn for longer in the same time
NETWORKS: tuple[Setting, ...] = (
    {"hidden_layer_sizes": NARROW_LAYERS, "learning_rate_init": NARROW_RATE, LENGTH: NARROW_LENGTH},
)
# With other steps, of which few data sets gain
MORE_NETWORKS = (*NETWORKS, {"learning_rate_init": LOWER_RATE}, {"activation": "silu"}, {"activation": "relu"})
# Inputs scaled by how much they matter, or a little dropout
REGULARISATIONS: tuple[Setting, ...] = (
    {"dropout": 0.0, "input_dropout": 0.0, "input_scaling": True},
    {"dropout": 0.1, "input_dropout": 0.0, "input_scaling": False},
)
MORE_REGULARISATIONS = (
    *REGULARISATIONS,
    {"dropout": 0.0, "input_dropout": 0.0, "input_scaling": False},
    {"dropout": 0.3, "input_dropout": 0.2, "input_scaling": False},
)
MORE: tuple[Setting, ...] = (
    {"dropout": 0.1, "input_dropout": 0.0, "input_scaling": True},
    {"hidden_layer_sizes": NARROW_LAYERS, LENGTH: NARROW_LENGTH},
    {"hidden_layer_sizes": HIDDEN_LAYERS[:1], "learning_rate_init": NARROW_RATE},
)
TRIAL_STEPS, LEAST_STEPS = 250, 100  # runs so short rank settings as whole ones do, shorter ones do not
LONGEST_TRIAL = 0.5  # of the epochs
SHORTEST = 2  # times the epochs of a trial


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Attributes
    ----------
    rounds : sequence of sequence of dict
        Settings, each round around the best of those before.
    held_out : int
        About as many rows the members of a trial hold out together, where ``folds`` have as many.
    folds : int
        Most folds that they hold out, each by two members.
    gain_of_doubling : float
        Fraction by which the loss has to fall where a run becomes twice as long.
    longest : float
        Greatest number of epochs, in relation to that of the rule.
    """

    rounds: Sequence[Sequence[Setting]]
    held_out: int
    folds: int
    gain_of_doubling: float
    longest: float

    @property
    def decides(self) -> list[str]:
        """Names of the parameters that the settings differ in."""
        named = {name: None for settings in self.rounds for setting in settings for name in setting}
        return [name for name in named if name != LENGTH]


DEFAULT = Effort((NETWORKS, REGULARISATIONS), held_out=150, folds=2, gain_of_doubling=0.03, longest=1.5)
EFFORTS = {
    "default": DEFAULT,
    "best": Effort(
        (MORE_NETWORKS, MORE_REGULARISATIONS, MORE), held_out=800, folds=8, gain_of_doubling=0.01, longest=4.0
    ),
}


def rules_of(data: DataSummary, choices: Mapping[str, Choice], effort: Effort) -> Setting:
    """What the rules say of the parameters that trials decide; empty where none is open, or trials tell nothing."""
    if data.n_apart <= FULL_BATCH_ROWS or data.learned_encoding:
        return {}
    rules = {name: choices[name].value for name in effort.decides if name in choices}
    if WEIGHTS in choices and len(set(choices[WEIGHTS].value)) > 1:
        rules[WEIGHTS] = tuple(choices[WEIGHTS].value)
    return rules | ({LENGTH: 1.0} if rules and LENGTH in choices else {})


def alternatives(current: Setting, settings: Sequence[Setting]) -> list[Setting]:
    """Other settings than the current one, with its values where they say nothing."""
    others = [{name: setting.get(name, value) for name, value in current.items()} for setting in settings]
    return [other for index, other in enumerate(others) if other != current and other not in others[:index]]


def trial_sizes(data: DataSummary, n_folds: int, batch_size: int, max_iter: int, effort: Effort) -> tuple[int, int]:
    """Folds that two members each hold out, and epochs of a trial: {TRIAL_STEPS} steps, but at most {LONGEST_TRIAL} of
    the epochs, and none where that is less than {LEAST_STEPS} steps; folds of about {DEFAULT.held_out} rows together,
    at most {DEFAULT.folds}.
    """
    steps_of_epoch = math.ceil(data.n_rows / batch_size)
    epochs = min(math.ceil(TRIAL_STEPS / steps_of_epoch), round(LONGEST_TRIAL * max_iter))
    n_members = min(max(round(effort.held_out * n_folds / data.n_rows), 1), effort.folds, n_folds)
    return n_members, epochs if epochs * steps_of_epoch >= LEAST_STEPS else 0


def weights_by_noise(weights: Sequence[float], losses: Sequence[float], scales: Sequence[float]) -> tuple[float, ...]:
    """Weights of the rule, but for a regression task beside classification tasks no more than its noise allows.

    Where half a squared error is divided by its held-out mean, it is the negative log likelihood of normal noise
    (Kendall, Gal and Cipolla, 2018), and counts in the same unit as a cross-entropy. They are tried with the best of
    the first settings, and with those around it.
    """
    return tuple(
        min(weight, float(f"{scale / loss:.2g}")) if weight > 1 and loss > 0 else weight
        for weight, loss, scale in zip(weights, losses, scales, strict=True)
    )


def most_epochs(data: DataSummary, max_iter: int, factor: float) -> int:
    """Epochs of the rule times the factor of a setting, unless these visit more than {MAX_ROW_VISITS:,} rows."""
    return max(min(round(factor * max_iter), MAX_ROW_VISITS // data.n_rows), max_iter)


def length(max_iter: int, epochs: int, gain: float, effort: Effort) -> Choice:
    """As many epochs as lower the held-out loss by the fraction {DEFAULT.gain_of_doubling} when they are doubled.

    The gain of each doubling is about half of that before, so that ``epochs * gain / {DEFAULT.gain_of_doubling}``
    epochs do; at least {SHORTEST} times those of a trial, at most {DEFAULT.longest} times those of the rule, for narrow
    layers of {NARROW_LENGTH:g} times as many, unless these visit more than {MAX_ROW_VISITS:,} rows. Losses of classes
    count as if one more row were held out, with a loss of 1: separable classes would come ever nearer to 0.
    """
    wanted = math.ceil(epochs * max(gain / effort.gain_of_doubling, SHORTEST))
    longest = round(effort.longest * max_iter)
    side = "below" if gain >= 0 else "above"
    percent = 100 * abs(math.expm1(-gain))
    told = f"the held-out loss of {epochs} epochs is {percent:.1f}% {side} that of half as many"
    return Choice(min(wanted, longest), f"{told}; at most {longest}")
