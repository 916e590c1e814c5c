"""Data that is legal and hard: duplicates, outliers, extreme numbers."""

import numpy as np
import pytest
import scipy.sparse as sp

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.defaults import DataSummary, resolve
from skmtl.encoders import TabularEncoder
from skmtl.tasks import SquaredError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X @ [1.0, 2.0, 3.0]


def resolved(n_rows, n_distinct):
    summary = DataSummary(n_rows, n_distinct, n_inputs=10, n_outputs=2, classification=(False, False))
    return resolve(MultiTaskNetRegressor().get_params(), summary, {})[0]


def test_repeated_rows_are_learned_though_members_hold_out_rows():
    """A lookup of few combinations, noise in y: rows of equal features are dealt apart."""
    groups = RNG.integers(0, 50, 600)
    y = RNG.normal(size=50)[groups] + 0.05 * RNG.normal(size=600)
    one_hot = np.eye(50)[groups]
    model = MultiTaskNetRegressor(hidden_layer_sizes=(32,), max_iter=60, effort="fixed", random_state=0).fit(one_hot, y)
    assert np.isfinite(model.history_["validation_loss"][0]).all()
    assert model.score(one_hot, y) > 0.95


def test_where_rows_repeat_often_none_is_held_out():
    assert resolved(1000, 1000)["early_stopping"]
    assert not resolved(1000, 100)["early_stopping"]
    assert not resolved(7, 7)["early_stopping"]


def test_batches_and_steps_follow_the_rows_that_a_pass_goes_over():
    assert resolved(100_000, 10)["batch_size"] <= 256
    many, few = resolved(5000, 5000), resolved(5000, 100)
    assert all(many[name] == few[name] for name in ("batch_size", "max_iter"))
    assert resolved(200_000, 1000)["max_iter"] * 200_000 / resolved(200_000, 1000)["batch_size"] < 50_000


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_an_outlier_does_not_spoil_a_robust_loss(loss):
    y = Y.copy()
    y[0] = 1e5
    model = MultiTaskNetRegressor(
        loss=loss, hidden_layer_sizes=(16,), n_estimators=2, effort="fixed", random_state=0
    ).fit(X, y)
    assert model.score(X[1:], y[1:]) > 0.95


@pytest.mark.parametrize("n_rows", [300, 2400])
def test_glitches_do_not_rule_a_squared_error_however_many_rows(n_rows):
    rows = np.random.default_rng(0).normal(size=(n_rows, 3))
    labels = np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2]
    wrong = np.arange(n_rows) % 100 == 0
    settings = {"hidden_layer_sizes": (16,), "n_estimators": 2, "max_iter": 20, "effort": "fixed", "random_state": 0}

    def clean_score(loss):
        model = MultiTaskNetRegressor(loss=loss, **settings).fit(rows, np.where(wrong, 50 * labels, labels))
        return model.score(rows[~wrong], labels[~wrong])

    with pytest.warns(
        UserWarning,
        match=rf"'task0': [0-9]+ of {n_rows} labels, the [0-9]+ highest .*glitches.*SquaredError\(far=numpy.inf",
    ):
        score = clean_score("squared_error")
    assert score > clean_score("huber") - 0.05
    assert score > 0.2 + clean_score(SquaredError(np.inf))


def test_the_mean_of_events_that_are_rare_but_many_is_predicted():
    rare = (RNG.random(1500) < 0.03).astype(float)
    settings = {"hidden_layer_sizes": (16,), "n_estimators": 2, "max_iter": 5, "random_state": 0}
    model = MultiTaskNetRegressor(**settings).fit(RNG.normal(size=(1500, 3)), rare)
    assert model.tasks_[0].kind == SquaredError(np.inf)
    assert model.predict(RNG.normal(size=(1500, 3))).mean() == pytest.approx(rare.mean(), rel=0.2)


def test_far_out_values_predict_as_the_bound_does():
    model = MultiTaskNetRegressor(hidden_layer_sizes=(16,), n_estimators=2, effort="fixed", random_state=0).fit(X, Y)
    far = model.predict([[1e15, 0, 0], [1e20, 0, 0], [1e38, 0, 0]])
    np.testing.assert_allclose(far, far[0], rtol=1e-5)
    assert far[0] > model.predict([[0, 0, 0]])[0] + 1


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_scores_do_not_depend_on_the_scale_of_y(factor):
    small = {"hidden_layer_sizes": (16,), "n_estimators": 2, "max_iter": 5, "random_state": 0}
    plain, scaled = MultiTaskNetRegressor(**small).fit(X, Y), MultiTaskNetRegressor(**small).fit(X, Y * factor)
    assert scaled.score(X, Y * factor) == pytest.approx(plain.score(X, Y), abs=1e-6)


@pytest.mark.parametrize("factor", [1e-46, 1e39])
def test_the_scale_of_sample_weights_does_not_matter(factor):
    small = {"hidden_layer_sizes": (16,), "n_estimators": 2, "max_iter": 5, "random_state": 0, "dtype": "float32"}
    plain = MultiTaskNetRegressor(**small).fit(X, Y)
    scaled = MultiTaskNetRegressor(**small).fit(X, Y, sample_weight=np.full(300, factor))
    np.testing.assert_allclose(scaled.predict(X), plain.predict(X), atol=1e-5)


def test_extreme_class_weights_are_no_divergence():
    model = MultiTaskNetClassifier(
        hidden_layer_sizes=(16,), n_estimators=2, class_weight={0: 1, 1: 1e300}, effort="fixed", random_state=0
    )
    assert (model.fit(X, (Y > 0).astype(int)).predict(X) == 1).all()


def test_negative_counts_are_refused_wherever_they_come():
    counts = np.abs(np.round(Y))
    model = MultiTaskNetRegressor(loss="poisson", hidden_layer_sizes=(8,), n_estimators=1, max_iter=2)
    with pytest.raises(ValueError, match=r"Task 'task0'.*non-negative"):
        model.fit(X, counts, X_val=X, y_val=counts - 3)
    with pytest.raises(ValueError, match=r"Task 'task0'.*non-negative"):
        model.partial_fit(X, counts).partial_fit(X, counts - 3)


@pytest.mark.parametrize(("dtype", "encoded"), [("float64", np.float64), ("auto", np.float32), ("float32", np.float32)])
def test_many_rows_are_encoded_in_the_type_asked_for(monkeypatch, dtype, encoded):
    seen = []
    transform = TabularEncoder.transform
    monkeypatch.setattr(
        TabularEncoder, "transform", lambda self, X, kind=np.float64: (seen.append(kind), transform(self, X, kind))[1]
    )
    small = {"hidden_layer_sizes": (2,), "n_estimators": 1, "max_iter": 1, "early_stopping": False}
    MultiTaskNetRegressor(dtype=dtype, **small).fit(np.tile(X, (15, 1)), np.tile(Y, 15))
    assert seen == [encoded]


@pytest.mark.parametrize("n_rows", [60, 400])
@pytest.mark.parametrize("scale", [1e-120, 1e-200, 1e-310])
def test_tiny_columns_count(n_rows, scale):
    X = np.random.default_rng(0).standard_normal((n_rows, 3))
    y = X @ [1, 2, 3.0]
    settings = {"max_iter": 60, "n_estimators": 2, "hidden_layer_sizes": (16,), "effort": "fixed", "random_state": 0}
    for rows in (X * scale, sp.csr_array(X * scale)):
        net = MultiTaskNetRegressor(**settings).fit(rows, y)
        assert net.score(rows, y) > 0.5
        assert np.isfinite(net.predict(X)).all()
