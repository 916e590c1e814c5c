"""Parameters within parameters, and randomness."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, geometric
from skmtl.encoders import TabularEncoder
from skmtl.sharing import Hard, Independent
from skmtl.tasks import Huber, SquaredError
from skmtl.training import SGD
from tests._asserts import assert_same_predictions

# parameters within parameters -----------------------------------------------------------------------------------------


def test_loss_weights_are_a_grid_axis(case):
    assert case.make().set_params(loss_weights__task1=2).loss_weights == {"task1": 2}
    y = pd.DataFrame(case.y, columns=[3, 0])
    for model in (case.make(), case.make(loss_weights={0: 7.0}), case.make(loss_weights={0: 7.0, 3: 1.0})):
        assert_allclose(model.set_params(loss_weights__0=3.0).fit(case.X, y).loss_weights_, [0.25, 0.75])
    with pytest.raises(ValueError, match="names the unknown task '1'; the tasks are 3, 0"):
        case.make().set_params(loss_weights__1=3.0).fit(case.X, y)
    assert case.make(loss_weights=[5, 6]).set_params(loss_weights__task1=2).loss_weights == {"task1": 2}
    given = {"task0": 4}
    assert case.make(loss_weights=given).set_params(loss_weights__task1=2).loss_weights == {"task0": 4, "task1": 2}
    assert given == {"task0": 4}
    both = case.make().set_params(loss_weights__task0=1, loss_weights__task1=3)
    assert_allclose(both.fit(case.X, case.y).loss_weights_, [0.25, 0.75])
    assert_allclose(case.fit(loss_weights={"task1": 3}).loss_weights_, [0.25, 0.75])
    named = case.make().set_params(loss_weights__a__b=3, loss_weights=None)
    assert named.loss_weights == {"a__b": 3}


def test_strategies_are_grid_axes(case):
    sharing = Hard()
    model = case.make(sharing=sharing, optimizer="sgd", encoder="auto")
    model.set_params(optimizer__momentum=0.5, encoder__max_categories=7)
    assert model.optimizer == SGD(momentum=0.5)
    assert model.encoder == TabularEncoder(max_categories=7)
    optimizer = model.optimizer
    model.set_params(optimizer__nesterov=False)
    assert optimizer == SGD(momentum=0.5)
    assert model.optimizer == SGD(momentum=0.5, nesterov=False)
    assert model.sharing is sharing
    model.set_params(optimizer=SGD(), optimizer__momentum=0.1)
    assert model.optimizer == SGD(momentum=0.1)


def test_unknown_nested_parameters(case):
    with pytest.raises(ValueError, match="SGD has no parameter 'speed'; its parameters: 'momentum', 'nesterov'"):
        case.make(optimizer="sgd").set_params(optimizer__speed=1)
    with pytest.raises(ValueError, match=r"Invalid parameter 'dropout__x'.*sharing"):
        case.make().set_params(dropout__x=1)
    with pytest.raises(ValueError, match="Invalid parameter 'speed'"):
        case.make().set_params(speed=1)


def test_parameters_of_a_loss_are_set_by_name():
    model = MultiTaskNetRegressor(loss=SquaredError(2.0))
    assert MultiTaskNetRegressor().set_params(**model.get_params()).loss == SquaredError(2.0)
    assert model.set_params(loss__far=3.0).loss == SquaredError(3.0)
    assert model.set_params(loss="huber", loss__delta=2.0).loss == Huber(2.0)
    for without in (MultiTaskNetRegressor(loss={"task0": "huber"}), MultiTaskNetClassifier()):
        with pytest.raises(ValueError, match=r"'loss__far' .*device, checkpoint have parameters of their own"):
            without.set_params(loss__far=3.0)


@pytest.mark.parametrize(
    "params",
    [
        {"loss_weights": geometric(0.5)},
        {"loss_weights": {"task0": 2}},
        {"sharing": Independent(), "optimizer": SGD(momentum=0.2), "encoder": TabularEncoder(max_categories=3)},
    ],
)
def test_set_params_takes_what_get_params_gives(case, params):
    model = case.make(**params)
    other = case.make().set_params(**model.get_params())
    assert other.get_params() == model.get_params()
    assert_same_predictions(model.fit(case.X, case.y), other.fit(case.X, case.y), case.X)


def test_geometric_loss_weights(case):
    assert_allclose(case.fit(loss_weights=geometric(0.5)).loss_weights_, [2 / 3, 1 / 3])
    model = case.make(loss_weights=geometric(0.5)).set_params(loss_weights__decay=0.25)
    assert_allclose(model.fit(case.X, case.y).loss_weights_, [0.8, 0.2])


def test_loss_weights_are_relative(case):
    reference = case.fit(loss_weights=[3, 1])
    for weights in ([6, 2], (0.75, 0.25), np.array([3, 1]), {"task0": 3}, {"task0": 6, "task1": 2}, [3e300, 1e300]):
        assert_same_predictions(reference, case.fit(loss_weights=weights), case.X)
    assert_same_predictions(case.fit(loss_weights=[1, 1]), case.fit(loss_weights=[7, 7]), case.X)
    assert_same_predictions(case.fit(), case.fit(loss_weights=[7, 70] if case.cls is MultiTaskNet else [7, 7]), case.X)
    assert np.abs(reference.history_["loss"] - case.fit(loss_weights=[1, 3]).history_["loss"]).max() > 1e-4


def test_a_weight_of_zero_leaves_a_task_untrained(case):
    history = case.fit(loss_weights=[1, 0], max_iter=30, learning_rate_init=0.05, early_stopping=False).history_
    assert (history["loss"][-1, :, 0] < 0.9 * history["loss"][0, :, 0]).all()
    assert_array_equal(history["weight"][-1], [[1, 0], [1, 0]])


# randomness -----------------------------------------------------------------------------------------------------------


def losses(case, random_state):
    return case.fit(random_state=random_state, dropout=0.2).history_["loss"]


def test_random_state_is_an_int_a_generator_or_none(case):
    fixed = losses(case, 7)
    for again in (7, np.int64(7), np.uint8(7)):
        assert_array_equal(losses(case, again), fixed)
    stream, other = np.random.RandomState(7), np.random.RandomState(7)
    first, second = losses(case, stream), losses(case, stream)
    assert_array_equal(losses(case, other), first)
    assert np.abs(first - second).max() > 0
    assert np.abs(losses(case, None) - losses(case, None)).max() > 0
    assert np.abs(losses(case, 8) - fixed).max() > 0


def test_a_member_draws_from_its_own_child_of_the_seed(case):
    few, many = (case.fit(n_estimators=members, early_stopping=False).history_["loss"] for members in (2, 4))
    assert_allclose(few, many[:, :2], rtol=1e-10)


def test_patience_without_end(case):
    assert case.fit(n_iter_no_change=np.inf, early_stopping=False, max_iter=40).n_iter_ == 40
    with pytest.raises(ValueError, match="n_iter_no_change"):
        case.fit(n_iter_no_change=2.5)


@pytest.mark.parametrize(
    ("integer", "number"),
    [(np.int8, np.float16), (np.uint16, np.float32), (np.int32, np.longdouble), (np.int64, np.float64)],
)
def test_numbers_of_every_type(case, integer, number):
    integers = {"n_estimators": 2, "batch_size": 16, "max_iter": 3, "n_iter_no_change": 2, "cv": 2}
    integers |= {"random_state": 1, "n_jobs": 1, "verbose": 0}
    numbers = {"learning_rate_init": 0.125, "weight_decay": 0.25, "dropout": 0.5, "input_dropout": 0.5, "tol": 0.25}
    alone = {"kernel_blend": False, "tree_blend": False}
    plain = case.make(hidden_layer_sizes=(4,), **integers, **numbers, **alone).fit(case.X, case.y)
    typed = case.make(
        hidden_layer_sizes=np.array([4], dtype=integer),
        **alone,
        **{name: integer(value) for name, value in integers.items()},
        **{name: number(value) for name, value in numbers.items()},
    )
    assert_same_predictions(plain, typed.fit(case.X, case.y), case.X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_decay": 1e300}, "weight_decay=1e.300 is too large: .* below 20"),
        ({"weight_decay": 25}, "weight_decay=25 is too large"),
        ({"dropout": 1 - 1e-9}, "dropout must be less than 1, which 0.999999999 is not in float32"),
        ({"input_dropout": 1 - 1e-9}, "input_dropout must be less than 1"),
    ],
)
def test_rates_that_no_training_bears(case, settings, message):
    with pytest.raises(ValueError, match=message):
        case.fit(dtype="float32", learning_rate_init=0.1, **settings)
