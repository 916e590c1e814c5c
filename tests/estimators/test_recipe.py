"""What "auto" stands for."""

from dataclasses import replace

import numpy as np
import pytest

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.estimators._recipe import Shape, resolve_recipe

NUMBERS = Shape(n_rows=1000, n_distinct=1000, n_inputs=20, n_tasks=2, n_of_classes=0, n_outputs=2, on_gpu=False)
CLASSES = replace(NUMBERS, n_of_classes=2)


def recipe(shape, **params):
    return resolve_recipe({**MultiTaskNetRegressor().get_params(), **params}, (256, 256), shape)


def of_rows(shape, n_rows):
    return replace(shape, n_rows=n_rows, n_distinct=n_rows)


def steps(shape):
    found = recipe(shape)
    return found.max_iter * -(-shape.n_rows // found.batch_size)


def test_numbers_take_smooth_activations_and_no_dropout():
    assert (recipe(NUMBERS).activation, recipe(NUMBERS).dropout) == ("silu", 0.0)
    assert (recipe(CLASSES).activation, recipe(CLASSES).dropout) == ("relu", 0.3)
    mixed = recipe(replace(NUMBERS, n_of_classes=1))
    assert (mixed.activation, mixed.dropout) == ("silu", 0.1)


def test_one_full_batch_has_no_dropout():
    assert [recipe(of_rows(CLASSES, n)).dropout for n in (40, 64, 65)] == [0.0, 0.0, 0.3]
    assert [recipe(of_rows(CLASSES, n)).input_dropout for n in (40, 64, 65)] == [0.0, 0.0, 0.2]


def test_inputs_are_dropped_where_numbers_do_not_suffer():
    mixed = replace(NUMBERS, n_of_classes=1)
    shapes = NUMBERS, mixed, CLASSES, of_rows(CLASSES, 10**6)
    assert [recipe(shape).input_dropout for shape in shapes] == [0.0, 0.0, 0.2, 0.2]
    assert recipe(CLASSES, input_dropout=0.0).input_dropout == recipe(CLASSES, dropout=0.3).input_dropout == 0.0


def test_more_inputs_and_fewer_hidden_units_are_dropped_where_many_rows_are_wide():
    wide = replace(of_rows(CLASSES, 1500), n_inputs=400)
    narrow, few = replace(wide, n_inputs=399), of_rows(wide, 1499)
    found = [recipe(shape) for shape in (wide, narrow, few)]
    assert [(one.dropout, one.input_dropout) for one in found] == [(0.1, 0.4), (0.3, 0.2), (0.3, 0.2)]
    assert recipe(replace(wide, n_of_classes=1)).input_dropout == 0.0


def test_inputs_are_scaled_where_numbers_have_few_rows_or_many_inputs():
    few, wide = of_rows(NUMBERS, 100), replace(NUMBERS, n_inputs=300)
    for shape in (few, wide, replace(few, n_of_classes=1), replace(wide, n_of_classes=1)):
        assert recipe(shape).scouting == round(0.2 * recipe(shape).max_iter)
    for shape in (NUMBERS, of_rows(NUMBERS, 50), of_rows(CLASSES, 100), replace(wide, n_of_classes=2)):
        assert recipe(shape).scouting == 0
    assert recipe(few, input_scaling=False).scouting == 0
    assert recipe(CLASSES, input_scaling=True, max_iter=2).scouting == 1


@pytest.mark.parametrize(
    ("sizes", "share"),
    [((256, 256), 0.2), ((512, 16), 0.2), ((128, 64), 0.4), ((256,), 0.4), ((32,), 1.0), ((), 0.2)],
)
def test_networks_that_learn_slowly_look_longer_for_what_matters(sizes, share):
    params = {**MultiTaskNetRegressor().get_params(), "max_iter": 100}
    assert resolve_recipe(params, sizes, of_rows(NUMBERS, 100)).scouting == round(100 * share)


def test_parameters_go_before_the_recipe():
    found = recipe(CLASSES, activation="tanh", dropout=0.1, max_iter=7, n_iter_no_change=2, tol=0.5)
    assert (found.activation, found.dropout, found.max_iter, found.patience, found.tol) == ("tanh", 0.1, 7, 2, 0.5)


def test_steps_grow_with_rows_and_then_stop_growing():
    small = [steps(of_rows(NUMBERS, n)) for n in (100, 200, 800)]
    assert small == sorted(small)
    assert 500 <= small[0] < small[-1] <= 3100
    assert steps(of_rows(CLASSES, 800)) < small[-1]
    assert recipe(of_rows(NUMBERS, 10**6)).max_iter == 10


def test_wide_rows_get_fewer_steps():
    assert 500 <= steps(replace(NUMBERS, n_inputs=4000)) < steps(NUMBERS) / 2


def test_more_tasks_get_more_passes():
    passes = [recipe(replace(of_rows(NUMBERS, 20000), n_tasks=t)).max_iter for t in (1, 4, 8, 50)]
    assert passes == [13, 22, 34, 34]


def test_patience_needs_held_out_rows():
    found = recipe(NUMBERS)
    assert found.patience == round(found.max_iter / 3)
    assert found.tol == 0
    assert recipe(NUMBERS, early_stopping=False).patience is None
    assert recipe(NUMBERS, learning_rate="constant").patience == 10


@pytest.mark.parametrize(
    ("model", "y", "expected"),
    [
        (MultiTaskNetRegressor, [0.5, 1.5], ("silu", 0.0)),
        (MultiTaskNetClassifier, [0, 1], ("relu", 0.3)),
        (MultiTaskNet, [0.5, 1.5], ("silu", 0.0)),
    ],
)
def test_a_fit_follows_the_recipe(model, y, expected):
    X = np.random.default_rng(0).normal(size=(100, 2))
    fitted = model(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0).fit(X, np.resize(y, 100))
    architecture = fitted.network_.architecture
    assert (architecture.activation, architecture.dropout[0]) == expected


def test_training_goes_on_under_the_recipe_of_its_beginning():
    X, y = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 2
    model = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=1, max_iter=1, random_state=0, warm_start=True)
    model.fit(X, y).fit(X[:20], y[:20])  # 20 rows alone would get no dropout
    assert model.network_.architecture.dropout == (0.3,)
    with pytest.raises(ValueError, match=r"activation was 'relu' when training began and is now 'tanh'"):
        model.set_params(activation="tanh").fit(X, y)
