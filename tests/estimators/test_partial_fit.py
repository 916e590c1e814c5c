"""Fits that go on: partial_fit and warm_start."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import DivergenceError, MultiTaskNet, MultiTaskNetClassifier
from skmtl.tasks import SquaredError
from tests._asserts import assert_same_predictions

N = 40
CYCLE = np.arange(N)


def test_partial_fit_is_one_pass_more(case):
    model = case.make(learning_rate_init=0.02)
    losses = [model.partial_fit(case.X, case.holes).history_["loss"] for _ in range(30)]
    assert {loss.shape for loss in losses} == {(1, 2, 2)}
    assert np.mean(losses[-1]) < 0.8 * np.mean(losses[0])
    whole = case.make(
        learning_rate_init=0.02, max_iter=30, learning_rate="constant", n_iter_no_change=30, early_stopping=False
    )
    assert_allclose(np.concatenate(losses), whole.fit(case.X, case.holes).history_["loss"], rtol=1e-9)


def test_partial_fit_goes_on_from_fit(case):
    model = case.make(max_iter=50, learning_rate_init=0.02).fit(case.X, case.y)
    encoder, start = model.encoder_, model.history_["loss"][0]
    model.partial_fit(2 * case.X, case.y)
    assert model.encoder_ is encoder
    assert (model.partial_fit(case.X, case.y).history_["loss"][0] < start).all()


def test_training_of_a_copy_leaves_the_original_as_it_is(classifier):
    given = classifier.X, classifier.holes
    alone, copied = (classifier.make().partial_fit(*given) for _ in range(2))
    copy.copy(copied).partial_fit(*given)
    assert_same_predictions(copied, alone, classifier.X)
    assert_same_predictions(copied.partial_fit(*given), alone.partial_fit(*given), classifier.X)


def test_partial_fit_takes_batches_of_any_size(case):
    model = case.make()
    classes = {MultiTaskNetClassifier: [[0, 1], [0, 1, 2]], MultiTaskNet: [[0, 1], None]}.get(case.cls)
    with pytest.warns(UserWarning, match="X has a single value in column 0, .* of the first batch .* Begin with more"):
        model.partial_fit(case.X[:1], case.y[:1], classes)
    for n in (3, 200, 1, 7):
        rows = np.arange(n) % N
        y = case.holes[rows] if n > 1 else case.y[rows]
        assert np.isfinite(np.column_stack(model.partial_fit(case.X[rows], y, classes).predict(case.X))).all()


def test_columns_that_the_first_batch_cannot_scale_are_named(case):
    X = pd.DataFrame(case.X).rename(columns=str)
    classes = {MultiTaskNetClassifier: [[0, 1], [0, 1, 2]], MultiTaskNet: [[0, 1], None]}.get(case.cls)
    with pytest.warns(UserWarning, match="X has a single value in column '1' of the first batch"):
        case.make().partial_fit(X.assign(**{"1": 3.0}), case.y, classes)
    case.make(max_iter=1).fit(X.assign(**{"1": 3.0}), case.y)  # there is no later batch
    with pytest.raises(ValueError, match=r"'?\w+'? has no label.*in partial_fit, a batch with one has to come first"):
        case.make().partial_fit(X, np.column_stack([case.y[:, 0], np.full(N, np.nan)]))


def test_partial_fit_learns_the_classes_first(classifier):
    X = classifier.X
    words = np.array(["c", "a", "b"])
    model = classifier.make().partial_fit(X[:20], words[CYCLE[:20] % 2], classes=["c", "b", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.partial_fit(X, words[CYCLE % 3]).predict_proba(X).shape == (N, 3)
    two = classifier.make().partial_fit(X, classifier.y[:, [0]].repeat(2, 1), classes=[[0, 1], [2, 1, 0]])
    assert [c.tolist() for c in two.classes_] == [[0, 1], [0, 1, 2]]
    assert classifier.make().partial_fit(X, classifier.y).classes_[1].tolist() == [0, 1, 2]


def test_partial_fit_with_classes_in_a_mixed_net(mixed):
    labels = np.column_stack([CYCLE % 3, mixed.y[:, 1]])
    labels[:20, 0] = np.nan
    model = mixed.make().partial_fit(mixed.X[:20], labels[:20], classes=[[0, 1, 2], None])
    assert model.classes_[0].tolist() == [0, 1, 2]
    assert model.partial_fit(mixed.X, labels).predict(mixed.X).shape == (N, 2)


BAD_CLASSES = {
    "for one task": ([[0, 1]], "one entry for each of the 2 tasks; got 1"),
    "flat": ([0, 1], "classes of task 'task0' must be a list of labels"),
    "empty": ([[], [0, 1]], "classes of task 'task0' must be a list of labels"),
    "too few": ([[0, 1], [0, 1]], "'task1': label .*2.* is not among the classes"),
}


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_bad_classes(classifier, name):
    classes, match = BAD_CLASSES[name]
    with pytest.raises(ValueError, match=match):
        classifier.make().partial_fit(classifier.X, classifier.y, classes=classes)


def test_classes_are_for_classes_and_do_not_change(classifier, regressor, mixed):
    with pytest.raises(ValueError, match="'task0', which is a regression task; pass None"):
        regressor.make().partial_fit(regressor.X, regressor.y, classes=[[0, 1], None])
    with pytest.raises(ValueError, match="'task1', which is a regression task; pass None"):
        mixed.make(tasks={"task1": "regression"}).partial_fit(mixed.X, mixed.y, classes=[None, [0, 1]])
    model = classifier.make().partial_fit(classifier.X, classifier.y, classes=[[0, 1], [0, 1, 2]])
    model.partial_fit(classifier.X, classifier.y, classes=[[1, 0], [2, 1, 0]])
    with pytest.raises(ValueError, match=r"classes of task 'task0' are \[0, 1, 2\], but were \[0, 1\]"):
        model.partial_fit(classifier.X, classifier.y, classes=[[0, 1, 2], [0, 1, 2]])


SPOILED = {
    "infinite X": lambda X, y: {"X": X + np.inf, "y": y},
    "infinite X of another width": lambda X, y: {"X": X[:, :2] + np.inf, "y": y},
    "infinite labels": lambda X, y: {"X": X, "y": y + np.inf},
    "no labels": lambda X, y: {"X": X, "y": np.full_like(y, np.nan)},
    "negative weights": lambda X, y: {"X": X, "y": y, "sample_weight": -np.ones(N)},
    "mixed labels": lambda X, y: {"X": X, "y": np.where(CYCLE[:, None] % 2, "word", y.astype(object))},
}
UNLIKE_BEFORE = {
    "fewer features": lambda X, y: {"X": X[:, :2], "y": y},
    "fewer tasks": lambda X, y: {"X": X, "y": y[:, 0]},
    "unknown labels": lambda X, y: {"X": X, "y": np.full(y.shape, "new")},
    "other classes": lambda X, y: {"X": X, "y": y, "classes": [[0, 1, 7], [0, 1, 7]]},
}


@pytest.mark.parametrize("name", [*SPOILED, *UNLIKE_BEFORE])
def test_a_failed_partial_fit_leaves_the_estimator_as_it_was(case, name):
    arguments = {**SPOILED, **UNLIKE_BEFORE}[name](case.X, case.y)
    model, twin = (case.make().partial_fit(case.X, case.y) for _ in range(2))
    with pytest.raises((ValueError, TypeError)):
        model.partial_fit(**arguments)
    assert_same_predictions(model, twin, case.X)
    assert_same_predictions(model.partial_fit(case.X, case.y), twin.partial_fit(case.X, case.y), case.X)


@pytest.mark.parametrize("name", SPOILED)
def test_a_failed_fit_takes_nothing_away(case, name):
    model, twin = case.fit(), case.fit()
    with pytest.raises((ValueError, TypeError)):
        model.fit(**SPOILED[name](case.X, case.y))
    assert_same_predictions(model, twin, case.X)
    for use in ("fit", "partial_fit"):
        fresh = case.make()
        with pytest.raises((ValueError, TypeError)):
            getattr(fresh, use)(**SPOILED[name](case.X, case.y))
        assert set(vars(fresh)) == set(vars(case.make()))


def test_a_diverging_partial_fit_leaves_the_estimator_as_it_was(regressor):
    model = regressor.make(dtype="float32").partial_fit(regressor.X, regressor.y)
    before = model.predict(regressor.X)
    with pytest.raises(DivergenceError, match="task 'task0'"):
        model.partial_fit(regressor.X, 1e30 * regressor.y)
    assert_array_equal(model.predict(regressor.X), before)
    assert np.isfinite(model.partial_fit(regressor.X, regressor.y).predict(regressor.X)).all()
    warm = regressor.make(dtype="float32", warm_start=True, loss=SquaredError(far=np.inf))
    warm.fit(regressor.X, regressor.y)
    before = warm.predict(regressor.X)
    with pytest.raises(DivergenceError):
        warm.fit(regressor.X, 1e30 * regressor.y)
    assert_array_equal(warm.predict(regressor.X), before)


def test_warm_start_goes_on(case):
    model = case.make(warm_start=True, max_iter=20, learning_rate_init=0.02).fit(case.X, case.y)
    first, encoder = model.history_["loss"], model.encoder_
    model.fit(case.X, case.y)
    assert model.encoder_ is encoder
    assert (model.history_["loss"][0] < 0.95 * first[0]).all()
    cold = case.make(max_iter=20, learning_rate_init=0.02).fit(case.X, case.y)
    assert_array_equal(cold.fit(case.X, case.y).history_["loss"], first)


def test_warm_start_keeps_type_and_members(case):
    model = case.make(warm_start=True).fit(case.X, case.y)
    assert model.network_.architecture.dtype == "float64"
    many = np.arange(200) % N
    jittered = case.X[many] + np.random.default_rng(0).normal(size=(200, 3)) / 100
    assert model.fit(jittered, case.y[many]).network_.architecture.dtype == "float64"
    with pytest.raises(ValueError, match=r"n_estimators was 2 .* is now 3"):
        model.set_params(n_estimators=3).fit(case.X, case.y)
    with pytest.raises(ValueError, match=r"n_estimators was 2 .* is now 3"):
        model.partial_fit(case.X, case.y)
