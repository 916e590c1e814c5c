"""What "auto" stands for."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.defaults import Choice, DataSummary, n_held_out_folds, relevance_epochs, resolve

REGRESSION = DataSummary(n_rows=1000, n_distinct=1000, n_inputs=20, n_outputs=2, classification=(False, False))
CLASSIFICATION = replace(REGRESSION, classification=(True, True))
MIXED = replace(REGRESSION, classification=(True, False))


def resolved(summary, **params):
    """The values of the parameters, and the choices among them."""
    values, choices = resolve({**MultiTaskNetRegressor().get_params(), **params}, summary, {})
    return SimpleNamespace(**values, choices=choices)


def of_rows(summary, n_rows):
    return replace(summary, n_rows=n_rows, n_distinct=n_rows)


def steps(summary):
    found = resolved(summary)
    return found.max_iter * -(-summary.n_rows // found.batch_size)


def test_numbers_take_smooth_activations_and_no_dropout():
    assert (resolved(REGRESSION).activation, resolved(REGRESSION).dropout) == ("silu", 0.0)
    assert (resolved(CLASSIFICATION).activation, resolved(CLASSIFICATION).dropout) == ("relu", 0.3)
    mixed = resolved(MIXED)
    assert (mixed.activation, mixed.dropout) == ("silu", 0.0)


def test_one_full_batch_has_no_dropout():
    assert [resolved(of_rows(CLASSIFICATION, n)).dropout for n in (40, 64, 65)] == [0.0, 0.0, 0.3]
    assert [resolved(of_rows(CLASSIFICATION, n)).input_dropout for n in (40, 64, 65)] == [0.0, 0.0, 0.2]


def test_inputs_are_dropped_where_numbers_do_not_suffer():
    summaries = REGRESSION, MIXED, CLASSIFICATION, of_rows(CLASSIFICATION, 10**6)
    assert [resolved(summary).input_dropout for summary in summaries] == [0.0, 0.0, 0.2, 0.2]
    assert (
        resolved(CLASSIFICATION, input_dropout=0.0).input_dropout
        == resolved(CLASSIFICATION, dropout=0.3).input_dropout
        == 0.0
    )


def test_relevance_is_learned_in_as_many_steps_whatever_an_epoch_has():
    assert [relevance_epochs(100, steps_of_epoch) for steps_of_epoch in (1, 10, 60, 1000)] == [100, 15, 3, 1]


def test_parameters_go_before_the_resolved():
    found = resolved(CLASSIFICATION, activation="tanh", dropout=0.1, max_iter=7, n_iter_no_change=2, tol=0.5)
    assert (found.activation, found.dropout, found.max_iter, found.n_iter_no_change, found.tol) == (
        "tanh",
        0.1,
        7,
        2,
        0.5,
    )


def test_steps_grow_with_rows_and_then_stop_growing():
    small = [steps(of_rows(REGRESSION, n)) for n in (100, 200, 800)]
    assert small == sorted(small)
    assert 400 <= small[0] < small[-1] <= 1400
    assert steps(of_rows(CLASSIFICATION, 800)) < small[-1]
    assert resolved(of_rows(REGRESSION, 10**6)).max_iter == 10


def test_wide_rows_get_fewer_steps():
    assert steps(replace(REGRESSION, n_inputs=4000)) < steps(REGRESSION) / 2


def test_patience_needs_held_out_rows():
    found = resolved(REGRESSION)
    assert found.n_iter_no_change == round(found.max_iter / 3)
    assert found.tol == 0
    assert resolved(REGRESSION, early_stopping=False).n_iter_no_change == np.inf
    assert resolved(REGRESSION, learning_rate="constant").n_iter_no_change == 10


@pytest.mark.parametrize(
    ("model", "y", "expected"),
    [
        (MultiTaskNetRegressor, [0.5, 1.5], ("silu", 0.0)),
        (MultiTaskNetClassifier, [0, 1], ("relu", 0.3)),
        (MultiTaskNet, [0.5, 1.5], ("silu", 0.0)),
    ],
)
def test_a_fit_follows_the_resolved(model, y, expected):
    X = np.random.default_rng(0).normal(size=(100, 2))
    fitted = model(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0).fit(X, np.resize(y, 100))
    architecture = fitted.network_.architecture
    assert (architecture.activation, architecture.dropout[0]) == expected


def test_training_goes_on_under_the_choices_of_its_beginning():
    X, y = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 2
    model = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0, warm_start=True)
    model.fit(X, y).fit(X[:20], y[:20])  # 20 rows alone would get no dropout
    assert model.network_.architecture.dropout == (0.3,)
    with pytest.raises(ValueError, match=r"activation was 'relu' when training began and is now 'tanh'"):
        model.set_params(activation="tanh").fit(X, y)


def test_choices_are_those_left_open_and_say_why():
    choices = resolved(MIXED, batch_size=10, learning_rate="cosine").choices
    assert {"max_iter", "dropout", "loss_weights", "device", "encoder"} <= set(choices)
    assert not {"batch_size", "learning_rate", "n_estimators"} & set(choices)
    assert choices["loss_weights"] == (
        [1.0, 10.0],
        "1 classification task and 1 regression task: squared errors fall far below the noise of cross-entropies",
    )
    assert resolved(REGRESSION).choices["batch_size"] == (64, "1000 rows, by their cube root and at most 256")


def test_the_encoder_goes_before_the_rules_and_behind_the_user():
    params = MultiTaskNetRegressor().get_params()
    preferences = {"max_iter": 7, "dropout": Choice(0.25, "so it is")}
    values, choices = resolve(params, CLASSIFICATION, preferences)
    assert (values["max_iter"], choices["max_iter"].reason) == (7, "the encoder prefers it")
    assert choices["dropout"] == (0.25, "so it is")
    assert values["input_dropout"] == 0.0
    assert resolve({**params, "max_iter": 9}, CLASSIFICATION, preferences)[0]["max_iter"] == 9


def test_what_must_be_goes_before_the_user():
    asked = {"input_scaling": True, "input_dropout": 0.5, "local_correction": True, "dtype": "float64"}
    behind = resolved(replace(REGRESSION, learned_encoding=True), **asked)
    assert (behind.input_scaling, behind.input_dropout, behind.local_correction) == (False, 0.0, False)
    further = resolved(replace(REGRESSION, fitted_dtype="float32"), **asked)
    assert (further.input_scaling, further.local_correction, further.dtype) == (False, False, "float32")
    assert "local_correction" not in further.choices


def test_a_fit_with_the_chosen_values_is_the_same_fit():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 3)), rng.normal(size=(150, 2))
    y[:, 0] = y[:, 0] > 0
    given = {"hidden_layer_sizes": (8,), "random_state": 0, "tol": 0.0, "tasks": ["binary", "regression"]}
    given |= {"n_estimators": 2, "effort": "fixed"}
    chosen = MultiTaskNet(**given, dtype="float32").fit(X, y)
    values = {name: choice.value for name, choice in chosen.auto_params_.items()}
    again = MultiTaskNet(**given, dtype="float32").set_params(**values).fit(X, y)
    assert again.auto_params_ == {}
    assert {"max_iter", "batch_size", "dropout", "input_scaling", "n_iter_no_change"} < set(values)
    np.testing.assert_allclose(again.predict(X), chosen.predict(X), rtol=1e-6)


def values(name, summaries, **params):
    return [resolved(summary, **params).choices[name].value for summary in summaries]


@pytest.mark.parametrize(
    ("name", "below", "above", "expected"),
    [
        ("batch_size", of_rows(REGRESSION, 511), of_rows(REGRESSION, 512), [32, 64]),
        ("batch_size", of_rows(REGRESSION, 4095), of_rows(REGRESSION, 4096), [64, 128]),
        ("batch_size", of_rows(REGRESSION, 32767), of_rows(REGRESSION, 32768), [128, 256]),
        ("early_stopping", of_rows(REGRESSION, 7), of_rows(REGRESSION, 8), [False, True]),
        ("early_stopping", replace(REGRESSION, n_distinct=334), replace(REGRESSION, n_distinct=333), [True, False]),
        ("input_scaling", of_rows(REGRESSION, 199), of_rows(REGRESSION, 200), [True, False]),
        ("input_scaling", replace(REGRESSION, n_inputs=400), replace(REGRESSION, n_inputs=399), [True, False]),
        ("input_dropout", replace(CLASSIFICATION, n_inputs=400), replace(CLASSIFICATION, n_inputs=399), [0.5, 0.2]),
        ("input_scaling", of_rows(MIXED, 64), of_rows(MIXED, 65), [False, True]),
        ("input_scaling", of_rows(CLASSIFICATION, 199), of_rows(REGRESSION, 199), [False, True]),
        ("kernel_blend", of_rows(REGRESSION, 1000), of_rows(REGRESSION, 1001), [True, False]),
        ("kernel_blend", replace(REGRESSION, n_inputs=500), replace(REGRESSION, n_inputs=501), [True, False]),
        ("tree_blend", of_rows(REGRESSION, 64), of_rows(REGRESSION, 65), [False, True]),
        ("tree_blend", of_rows(REGRESSION, 20_000), of_rows(REGRESSION, 20_001), [True, False]),
        ("tree_blend", replace(REGRESSION, n_outputs=131), replace(REGRESSION, n_outputs=132), [True, False]),
        ("local_correction", of_rows(REGRESSION, 20_000), of_rows(REGRESSION, 20_001), [True, False]),
        ("local_correction", replace(REGRESSION, n_inputs=8386), replace(REGRESSION, n_inputs=8387), [True, False]),
        ("dtype", of_rows(REGRESSION, 64), of_rows(REGRESSION, 65), ["float64", "float32"]),
    ],
)
def test_rules_change_at_their_bounds(name, below, above, expected):
    assert values(name, (below, above)) == expected


@pytest.mark.parametrize(
    ("summary", "epochs"),
    [
        (of_rows(REGRESSION, 50), 60),  # one batch
        (of_rows(REGRESSION, 100), 128),  # 4 n = 400 steps of 32 rows
        (of_rows(REGRESSION, 1000), 84),  # 1300 steps of 64 rows
        (of_rows(CLASSIFICATION, 400), 56),  # 700 steps
        (of_rows(CLASSIFICATION, 1600), 28),  # 700 steps of 64 rows
        (of_rows(CLASSIFICATION, 10_000), 20),
        (of_rows(REGRESSION, 75_000), 13),  # 1,000,000 / n epochs
        (of_rows(REGRESSION, 10**6), 10),
        (replace(REGRESSION, n_inputs=1000), 39),  # 7.5e10 operations are 606 steps
        (replace(REGRESSION, n_inputs=40_000), 20),
    ],
)
def test_lengths_of_training(summary, epochs):
    assert values("max_iter", [summary]) == [epochs]


def test_rates_and_folds():
    found = resolved(REGRESSION)
    assert (found.learning_rate_init, found.weight_decay) == (0.004, 0.01)

    def folds(summary, stopping=True, cv=None):
        return n_held_out_folds(summary, {"early_stopping": stopping, "cv": cv})

    assert [folds(REGRESSION, cv=cv) for cv in (5, np.int8(3), None)] == [5, 3, 8]
    assert [folds(REGRESSION, stopping) for stopping in (np.True_, False)] == [8, 0]
    assert folds(replace(REGRESSION, n_splits=3), cv="splits") == 3
    assert folds(replace(REGRESSION, validation_given=True)) == 0
    assert folds(of_rows(REGRESSION, 7)) == 0


def test_fast_fits_blend_few_differences():
    few, many = replace(REGRESSION, n_inputs=5), replace(REGRESSION, n_inputs=6)
    assert [resolved(data, effort="fast").kernel_blend for data in (few, many)] == [True, False]
    assert resolved(many).kernel_blend
