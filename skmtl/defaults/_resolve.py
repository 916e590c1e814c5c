"""From parameters, some of them "auto", to values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skmtl.defaults._summary import Choice, DataSummary
from skmtl.defaults.estimators import RULES
from skmtl.defaults.held_out import BLENDS, MIN_UNITS, ROW_CORRECTIONS, n_held_out_folds, too_few_units

REDUCED = "bfloat16"  # a type for matrix products only
# What learns from rows that members hold out, and which value does not
LEARN_FROM_HELD_OUT_ROWS = {
    **dict.fromkeys(ROW_CORRECTIONS, "auto"),
    "calibration": None,
    "threshold_metric": None,
}
ENCODED_IN_DOUBLE = 4096  # rows; more than this are computed in float32 whatever "auto" means


def resolve(
    params: Mapping[str, Any], data: DataSummary, preferences: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Choice]]:
    """Decide what the parameters leave to the data.

    Parameters
    ----------
    params : dict
        Parameters of the estimator, the sizes of layers as sequences.
    data : DataSummary
        Of the data.
    preferences : dict
        What the encoder prefers in place of "auto": values or :class:`Choice` by name.

    Returns
    -------
    values : dict
        The parameters, none of them "auto"; as ``tol`` what goes with ``n_iter_no_change``.
    choices : dict of str to Choice
        Value and reason of each parameter that was "auto", and of ``loss_weights`` if it was None.

    Raises
    ------
    ValueError
        If what learns from held-out rows is asked for and no member holds out training rows, or one of
        ``ROW_CORRECTIONS`` is True and splits leave rows out of both parts, or a blend is True and they keep rows
        together in too few groups.
    """
    values = requested(params, preferences, data.fitted_dtype)
    required, choices = _required(data, values["dtype"]), dict[str, Choice]()
    for name, rule in RULES.items():
        left_open = params[name] is None if name == "loss_weights" else is_auto(params[name])
        if name in required:
            choice = required[name]
        elif not left_open:
            continue
        elif name in preferences:
            choice = _as_choice(preferences[name])
        else:
            choice = rule if isinstance(rule, Choice) else rule(data, values)
        values[name] = choice.value
        if left_open:
            choices[name] = choice
    if data.fitted_dtype is None and not n_held_out_folds(data, values):
        _require_nothing_of_held_out_rows(values)
    _require_every_row_used(values, data)
    _require_units(values, data)
    if "n_iter_no_change" in choices and values["learning_rate"] == "cosine" and values["early_stopping"]:
        values["tol"] = 0.0
    return values, choices


def _require_nothing_of_held_out_rows(values: Mapping[str, Any]) -> None:
    for name, without in LEARN_FROM_HELD_OUT_ROWS.items():
        value = values.get(name)
        if value is not None and value is not False:
            raise ValueError(
                f"{name}={value!r} needs members that hold out training rows, and none will: early_stopping is False, "
                f"X_val was given, there are fewer distinct rows than folds or, with 'auto', more than 3 copies of "
                f"each. Give more rows, set early_stopping=True and leave X_val out, or set {name}={without!r}."
            )


def _require_every_row_used(values: Mapping[str, Any], data: DataSummary) -> None:
    for name in ROW_CORRECTIONS:
        if values[name] and not data.every_row_used:
            raise ValueError(
                f"{name}=True corrects held-out rows by the errors about all others, and the splits of cv leave rows "
                "out of both parts, as splits in the order of time do: later rows would correct earlier ones. Set "
                f"{name}='auto', or let the training parts be all rows outside of the test parts."
            )


def _require_units(values: Mapping[str, Any], data: DataSummary) -> None:
    for name in BLENDS:
        if values[name] and too_few_units(data):
            raise ValueError(
                f"{name}=True chooses shares by errors about groups of rows that the splits keep together, or their "
                f"test parts where there are no groups, and there are {data.n_units}; at least {MIN_UNITS} are needed. "
                f"Let cv be a number of folds, give more groups or splits, or set {name}='auto'."
            )


def requested(
    params: Mapping[str, Any], preferences: Mapping[str, Any], fitted_dtype: str | None = None
) -> dict[str, Any]:
    """Parameters before the data are looked at: the user's, or else what the encoder prefers.

    Training goes on in the type that it began with.
    """
    preferred = {name: _as_choice(choice).value for name, choice in preferences.items() if is_auto(params[name])}
    values = {**params, **preferred}
    if fitted_dtype is not None and values["dtype"] != REDUCED:
        values["dtype"] = fitted_dtype
    return values


def encoding_dtype(dtype: str, n_rows: int) -> str:
    """Type to encode rows and targets in, which comes before it is known how many rows are distinct."""
    in_double = dtype == "float64" or (dtype == "auto" and n_rows <= ENCODED_IN_DOUBLE)
    return "float64" if in_double else "float32"


def is_auto(value: Any) -> bool:
    """Whether a parameter is left to the data."""
    return isinstance(value, str) and value == "auto"


def _as_choice(preferred: Any) -> Choice:
    return preferred if isinstance(preferred, Choice) else Choice(preferred, "the encoder prefers it")


def _required(data: DataSummary, dtype: str) -> dict[str, Choice]:
    """What the situation leaves no choice in, whatever the user asks for."""
    required = {}
    if data.fitted_dtype is not None:
        required["input_scaling"] = Choice(False, "training goes on, and the network keeps its scale")
        before = Choice(False, "training goes on, and may have learned from any row before")
        required |= dict.fromkeys(ROW_CORRECTIONS, before)
        if dtype != REDUCED:
            required["dtype"] = Choice(dtype, "training goes on in the type that it began with")
    if data.learned_encoding:
        reason = "the encoder is trained with the network and reads X as it is"
        required |= dict.fromkeys(("input_scaling", *ROW_CORRECTIONS), Choice(False, reason))
        required["input_dropout"] = Choice(0.0, reason)
    return required
