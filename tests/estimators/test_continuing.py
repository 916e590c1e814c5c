"""Training that goes on: partial_fit and warm starts."""

import gc
import pickle
import weakref

import numpy as np
import pytest
from torch import nn

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.encoders import ModuleEncoder, TabularEncoder
from skmtl.sharing import Hard, Soft
from skmtl.tasks import Huber, Quantile, SquaredError
from skmtl.training import TrainingData

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = np.column_stack([X @ [1.0, 2.0, 3.0], X[:, 0] - X[:, 1]])
SMALL = {"hidden_layer_sizes": (16,), "n_estimators": 2, "random_state": 0}


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_constant_first_batch_does_not_freeze_a_task(loss):
    counts = np.round(np.exp(X[:, 0])) + 1
    model = MultiTaskNetRegressor(loss=loss, learning_rate_init=0.03, **SMALL)
    first = np.flatnonzero(counts == 2)[:3]
    assert len(first) == 3
    model.partial_fit(X[first], counts[first])
    for _ in range(60):
        model.partial_fit(X, counts)
    assert model.score(X, counts) > 0.8


def test_partial_fit_heeds_changed_settings():
    model = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-12).partial_fit(X, Y)
    np.testing.assert_allclose(model.predict(X), before, atol=1e-8)
    model.set_params(learning_rate_init=0.01, loss_weights=[1, 0]).partial_fit(X, Y)
    np.testing.assert_array_equal(model.history_["weight"][-1, 0], [1, 0])


def test_partial_fit_keeps_the_moments_while_settings_stay():
    """Two passes with one optimizer differ from two with fresh moments."""
    kept = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y).partial_fit(X, Y)
    fresh = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    del fresh._training
    fresh.partial_fit(X, Y)
    assert np.abs(kept.predict(X) - fresh.predict(X)).max() > 1e-6


def test_no_rows_are_kept_for_a_further_pass(monkeypatch):
    """Of a stream of large batches one is in memory at a time."""
    made, make = [], TrainingData.__init__

    def spy(self, *given):
        made.append(weakref.ref(self))
        make(self, *given)

    monkeypatch.setattr(TrainingData, "__init__", spy)
    model = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y).partial_fit(X, Y)
    gc.collect()
    assert len(made) == 2
    assert [data() for data in made] == [None, None]
    assert np.isfinite(model.partial_fit(X, Y).predict(X)).all()


CHANGES = {
    "hidden_layer_sizes": (5,),
    "task_layer_sizes": (5,),
    "activation": "tanh",
    "sharing": "independent",
    "dropout": 0.5,
    "input_dropout": 0.5,
    "n_estimators": 3,
    "dtype": "float64",
    "input_scaling": True,
    "local_correction": True,
    "encoder": TabularEncoder(numeric="scaled"),
    "loss": "quantile",
}


def go_on(model, how, targets=Y):
    return model.fit(X, targets) if how == "fit" else model.partial_fit(X, targets)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_network_does_not_change_while_training_goes_on(name, how):
    model = MultiTaskNetRegressor(warm_start=True, max_iter=2, dtype="float32", input_scaling=False, **SMALL).fit(X, Y)
    restored = pickle.loads(pickle.dumps(model)).set_params(**{name: CHANGES[name]})
    with pytest.raises(ValueError, match=f"{name}.* was .* is now .* warm_start=False"):
        go_on(restored, how)
    go_on(restored.set_params(**{name: model.get_params()[name]}), how)


@pytest.mark.parametrize(
    ("first", "now", "message"),
    [
        ({"loss": Quantile(0.1)}, {"loss": Quantile(0.9)}, r"loss of task 'task0' was Quantile\(level=0.1\)"),
        ({"loss": {"task1": "huber"}}, {"loss": {"task0": "huber"}}, "loss of task 'task0'"),
        ({"sharing": Soft(0.1)}, {"sharing": Soft(0.2)}, "sharing was"),
        ({"encoder": nn.Linear(3, 4)}, {"encoder": nn.Linear(3, 4)}, "encoder was"),
        ({"encoder": nn.Linear(3, 4)}, {"encoder": TabularEncoder()}, "encoder was"),
        ({"encoder__n_bins": 3}, {"encoder__n_bins": 4}, "encoder was"),
        ({"dtype": "float64"}, {"dtype": "bfloat16"}, "dtype was"),
        ({"input_scaling": True}, {"input_scaling": False}, "input_scaling was True"),
    ],
)
def test_changed_settings_of_strategies(first, now, message):
    model = MultiTaskNetRegressor(warm_start=True, max_iter=2, **SMALL).set_params(**first).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.set_params(**now).fit(X, Y)


@pytest.mark.parametrize(
    ("first", "now"),
    [
        ({"loss": "huber"}, {"loss": Huber()}),
        ({"loss": "squared_error"}, {"loss": {"task1": SquaredError()}}),
        ({"encoder": TabularEncoder(n_bins=3)}, {"encoder": TabularEncoder(n_bins=3)}),
        ({"encoder": nn.Linear(3, 4)}, {}),
        ({"encoder": ModuleEncoder(lambda shape: nn.Linear(*shape, 4))}, {}),
        ({"encoder": ModuleEncoder(nn.Linear(3, 4)), "input_dropout": 0.1, "input_scaling": True}, {}),
        ({"dtype": "float32"}, {"dtype": "bfloat16"}),
        ({"dtype": "float64"}, {"dtype": "auto", "activation": "auto", "encoder": "auto"}),
        ({"hidden_layer_sizes": [16]}, {"hidden_layer_sizes": np.array([16])}),
        ({"sharing": "hard", "n_estimators": np.int64(2)}, {"sharing": Hard(), "n_estimators": 2}),
    ],
)
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_the_same_in_other_words_goes_on(first, now, how):
    model = MultiTaskNetRegressor(warm_start=True, max_iter=2, **SMALL).set_params(**first)
    go_on(go_on(model, how).set_params(**now), how)


def test_changed_tasks():
    model = MultiTaskNet(tasks=["regression", "regression"], warm_start=True, max_iter=2, **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match=r"tasks of task 'task1' was SquaredError.* is now Quantile"):
        model.set_params(tasks={"task1": "quantile"}).fit(X, Y)
    model.set_params(tasks={"task0": "regression"}).fit(X, Y)


@pytest.mark.parametrize(
    ("loss", "how"),
    [*((loss, "fit") for loss in ("squared_error", "poisson", "absolute_error", "huber")), ("poisson", "partial_fit")],
)
def test_a_constant_first_fit_does_not_freeze_a_task(loss, how):
    targets = np.column_stack([X[:, 0] + 9, X[:, 1] + 5])
    settings = SMALL | {"learning_rate_init": 0.1, "warm_start": True, "max_iter": 40, "input_scaling": False}
    model = MultiTaskNetRegressor(loss=loss, **settings)
    first = targets * [0, 1] + [3, 0]
    model.fit(X, first)
    assert set(model.predict(X)[:, 0]) == {3.0}
    model.partial_fit(X, first).partial_fit(X[:5], np.where([True, False], np.nan, first[:5]))
    assert set(model.predict(X)[:, 0]) == {3.0}
    for _ in range(1 if how == "fit" else 40):
        go_on(model, how, targets)
    assert model.score_tasks(X, targets)["task0"] > 0.8


def test_inputs_that_were_scaled_for_other_tasks():
    targets = np.column_stack([X[:, 0], X[:, 1]])
    model = MultiTaskNetRegressor(warm_start=True, max_iter=3, input_scaling=True, **SMALL).fit(X, targets * [0, 1])
    with pytest.warns(UserWarning, match=r"Task 'task0' was constant until now.*input_scaling=False"):
        model.fit(X, targets)


def test_a_task_without_labels_in_a_pass_has_no_loss():
    model = MultiTaskNetRegressor(**SMALL).partial_fit(X, Y)
    model.partial_fit(X, np.where([True, False], Y, np.nan))
    assert np.isnan(model.history_["loss"][0, :, 1]).all()
    assert np.isfinite(model.history_["loss"][0, :, 0]).all()
