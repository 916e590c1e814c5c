"""From parameters, some of them "auto", to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from skmtl.defaults import estimators as rules
from skmtl.defaults._choice import Choice
from skmtl.defaults._summary import DataSummary
from skmtl.defaults.input_scaling import relevance_epochs

REDUCED = "bfloat16"  # a type for matrix products only
ENCODED_IN_DOUBLE = 4096  # rows; more than this are computed in float32 whatever "auto" means


@dataclass(frozen=True)
class Resolved:
    """Parameters of a fit with nothing left to the data.

    Attributes
    ----------
    batch_size, max_iter : int
        Rows of a step, and greatest number of epochs.
    learning_rate, weight_decay, dropout, input_dropout : float
        Rates of every member.
    schedule : str
        Name of the learning-rate schedule.
    holds_out : bool
        Whether the epoch that is kept is chosen on rows not trained on.
    n_folds : int or None
        Folds of the training rows, of which each member holds one out; None where they hold out none.
    patience : int or None
        Epochs without an improvement after which a member stops; None: never.
    tol : float
        Smallest decrease of the loss that counts as an improvement.
    dtype : str
        Type of the parameters.
    matmul_dtype : str or None
        Type of the matrix products in training, if another.
    activation : str
        Activation of the hidden layers.
    n_peers : int
        Peers of a cohort, which hold out the same rows.
    relevance_epochs : int
        Epochs of the runs that learn the scale of the inputs; 0: the inputs are not scaled.
    local_correction : bool
        Whether predictions are corrected by out-of-fold residuals of similar rows.
    loss_weights : object
        Weights of the tasks, not normalised.
    choices : dict of str to Choice
        Value and reason of each parameter that was "auto", and of ``loss_weights`` if it was None.
    """

    batch_size: int
    max_iter: int
    learning_rate: float
    weight_decay: float
    dropout: float
    input_dropout: float
    schedule: str
    holds_out: bool
    n_folds: int | None
    patience: int | None
    tol: float
    dtype: str
    matmul_dtype: str | None
    activation: str
    n_peers: int
    relevance_epochs: int
    local_correction: bool
    loss_weights: Any
    choices: dict[str, Choice]


def resolve(
    params: Mapping[str, Any],
    hidden_layer_sizes: Sequence[int],
    summary: DataSummary,
    preferences: Mapping[str, Any],
) -> Resolved:
    """Decide what the parameters leave to the data.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers on the way to an output.
    summary : DataSummary
        Of the data.
    preferences : dict
        What the encoder prefers in place of "auto": values or :class:`Choice` by name.

    Returns
    -------
    Resolved
        All values, and the reasons for those chosen here.

    Raises
    ------
    ValueError
        If ``local_correction`` is True and no member holds out training rows.
    """
    value = _Values(params, preferences, summary)
    batch_size = min(int(value("batch_size", rules.batch_size, summary)), summary.n_rows)
    max_iter = value("max_iter", rules.max_iter, summary, batch_size, hidden_layer_sizes)
    schedule = value("learning_rate", rules.learning_rate)
    stopping = value("early_stopping", rules.early_stopping, summary)
    holds_out = bool(stopping)
    patience = value("n_iter_no_change", rules.n_iter_no_change, schedule, holds_out, max_iter)
    stops_by_rule = "n_iter_no_change" in value.choices and schedule == "cosine"
    dropout_given = requested("dropout", params, preferences) != "auto"
    scales = value("input_scaling", rules.input_scaling, summary, holds_out)
    n_folds = _n_folds(stopping, summary)
    dtype = value("dtype", rules.dtype, summary)
    value("device", rules.device, summary.on_gpu)
    value("encoder", rules.encoder)
    return Resolved(
        batch_size=batch_size,
        max_iter=max_iter,
        learning_rate=float(value("learning_rate_init", rules.learning_rate_init)),
        weight_decay=float(value("weight_decay", rules.weight_decay)),
        dropout=float(value("dropout", rules.dropout, summary)),
        input_dropout=float(value("input_dropout", rules.input_dropout, summary, dropout_given)),
        schedule=schedule,
        holds_out=holds_out,
        n_folds=n_folds,
        patience=None if stops_by_rule and not holds_out else patience,
        tol=0.0 if stops_by_rule and holds_out else params["tol"],
        dtype="float32" if dtype == REDUCED else dtype,
        matmul_dtype=REDUCED if dtype == REDUCED else None,
        activation=value("activation", rules.activation, summary),
        n_peers=int(value("n_peers", rules.n_peers)),
        relevance_epochs=relevance_epochs(max_iter, hidden_layer_sizes) if scales else 0,
        local_correction=_corrects(value, params, summary, n_folds),
        loss_weights=value("loss_weights", rules.loss_weights, summary),
        choices=value.choices,
    )


class _Values:
    """Values of parameters: what must be, else the user's, else the encoder's preference, else what a rule chooses."""

    def __init__(self, params: Mapping[str, Any], preferences: Mapping[str, Any], summary: DataSummary) -> None:
        self._params, self._preferences = params, preferences
        self._required = _required(summary, requested_dtype(params, preferences, summary.fitted_dtype))
        self.choices: dict[str, Choice] = {}

    def __call__(self, name: str, rule: Callable[..., Choice], *arguments: Any) -> Any:
        given = self._params[name]
        left_open = given is None if name == "loss_weights" else _is_auto(given)
        if name in self._required:
            choice = self._required[name]
        elif not left_open:
            return given
        elif name in self._preferences:
            choice = _as_choice(self._preferences[name])
        else:
            choice = rule(*arguments)
        if left_open:
            self.choices[name] = choice
        return choice.value


def requested(name: str, params: Mapping[str, Any], preferences: Mapping[str, Any]) -> Any:
    """Value of a parameter before the data are looked at: the user's, or else the encoder's preference."""
    value = params[name]
    return _as_choice(preferences[name]).value if _is_auto(value) and name in preferences else value


def requested_dtype(params: Mapping[str, Any], preferences: Mapping[str, Any], fitted_dtype: str | None) -> str:
    """Requested type to compute in; training goes on in the type that it began with."""
    dtype: str = requested("dtype", params, preferences)
    return dtype if fitted_dtype is None or dtype == REDUCED else fitted_dtype


def encoding_dtype(dtype: str, n_rows: int) -> str:
    """Type to encode rows and targets in, which comes before it is known how many rows are distinct."""
    in_double = dtype == "float64" or (dtype == "auto" and n_rows <= ENCODED_IN_DOUBLE)
    return "float64" if in_double else "float32"


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _as_choice(preferred: Any) -> Choice:
    return preferred if isinstance(preferred, Choice) else Choice(preferred, "the encoder prefers it")


def _required(summary: DataSummary, dtype: str) -> dict[str, Choice]:
    """What the situation leaves no choice in, whatever the user asks for."""
    required = {}
    if summary.fitted_dtype is not None:
        required["input_scaling"] = Choice(False, "training goes on, and the network keeps its scale")
        required["local_correction"] = Choice(False, "training goes on, and may have learned from any row before")
        if dtype != REDUCED:
            required["dtype"] = Choice(dtype, "training goes on in the type that it began with")
    if summary.learned_encoding:
        reason = "the encoder is trained with the network and reads X as it is"
        required["input_scaling"] = required["local_correction"] = Choice(False, reason)
        required["input_dropout"] = Choice(0.0, reason)
    return required


def _n_folds(early_stopping: Any, summary: DataSummary) -> int | None:
    """Folds of the training rows; None without early stopping, with given validation rows, or with too few rows."""
    is_number = isinstance(early_stopping, Integral) and not isinstance(early_stopping, bool)
    n_folds = int(early_stopping) if is_number else rules.FOLDS
    return n_folds if early_stopping and not summary.validation_given and summary.n_distinct >= n_folds else None


def _corrects(value: _Values, params: Mapping[str, Any], summary: DataSummary, n_folds: int | None) -> bool:
    corrects = value("local_correction", rules.local_correction, summary, n_folds, int(params["n_estimators"]))
    if corrects and n_folds is None:
        raise ValueError(
            "local_correction=True needs members that hold out training rows, and none will: early_stopping is False, "
            "X_val was given, there are fewer distinct rows than folds or, with 'auto', more than 3 copies of each. "
            "Give more rows, set early_stopping=True and leave X_val out, or set local_correction='auto'."
        )
    return bool(corrects)
