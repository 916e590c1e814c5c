"""Targets on another scale: what is learned, what users see, holes, weights, searches, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, PowerTransformer, StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.tasks import TARGET_TRANSFORMS, AbsoluteError, Huber, Poisson, Quantile, SquaredError, Task

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=(N, 3))
SKEWED = np.exp(2 * X[:, 0] + 0.2 * RNG.normal(size=N))
PLAIN = X[:, 1] - X[:, 2]
Y = pd.DataFrame({"skewed": SKEWED, "plain": PLAIN})
HOLES = Y.mask(RNG.random(Y.shape) < 0.3)
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 8, "random_state": 0}
LOG = FunctionTransformer(np.log, np.exp)
ALL = [*TARGET_TRANSFORMS, PowerTransformer(), LOG]


def net(**params):
    return MultiTaskNetRegressor(**{**SMALL, **params})


@pytest.mark.parametrize("local_correction", [False, True])
def test_it_is_a_net_of_transformed_labels(local_correction):
    params = {"local_correction": local_correction, "early_stopping": True}
    logs = HOLES.assign(skewed=np.log1p(HOLES["skewed"]))
    expected = net(**params).fit(X, logs)
    model = net(target_transform={"skewed": "log1p"}, **params).fit(X, HOLES)
    if local_correction:
        assert model._postprocessors
    np.testing.assert_array_equal(model.predict(X)[:, 1], expected.predict(X)[:, 1])
    np.testing.assert_allclose(model.predict(X)[:, 0], np.expm1(expected.predict(X)[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(model.oof_prediction_[:, 0], np.expm1(expected.oof_prediction_[:, 0]), rtol=1e-12)
    intervals, of_logs = (each.predict_interval(X, 0.8) for each in (model, expected))
    np.testing.assert_allclose(intervals[:, 0], np.expm1(of_logs[:, 0]), rtol=1e-9)
    np.testing.assert_array_equal(intervals[:, 1], of_logs[:, 1])


@pytest.mark.parametrize("kind", [SquaredError(), AbsoluteError(), Huber(), Quantile(0.8)], ids=repr)
def test_kinds_see_transformed_labels_only(kind):
    logs = np.log1p(SKEWED)
    plain = kind.fit("t", logs, np.ones(N))
    task = kind.fit_transformed(TARGET_TRANSFORMS["log1p"](), "t", SKEWED, np.ones(N))
    response = logs[:, None] + RNG.normal(size=(N, 1))
    np.testing.assert_array_equal(task.kind.encode(task, SKEWED), kind.encode(plain, logs))
    for method in ("losses", "label_quality"):
        found, expected = getattr(task.kind, method), getattr(kind, method)
        np.testing.assert_allclose(found(task, SKEWED, response), expected(plain, logs, response), rtol=1e-12)
    ideal, expected = task.kind.ideal_response(task, SKEWED), kind.ideal_response(plain, logs)
    assert (ideal is None) == (expected is None)
    if ideal is not None:
        np.testing.assert_array_equal(ideal, expected)
        np.testing.assert_allclose(task.kind.decode(task, ideal), SKEWED, rtol=1e-12)


def test_it_is_scikit_learns_regressor_of_transformed_targets():
    reference = TransformedTargetRegressor(net(), transformer=StandardScaler()).fit(X, SKEWED)
    for weights in (None, RNG.integers(1, 4, N)):
        model = net(target_transform=StandardScaler()).fit(X, SKEWED, sample_weight=weights)
        scaler = model.tasks_[0].transform.transformer
        assert scaler.mean_[0] == pytest.approx(np.average(SKEWED, weights=weights))
        if weights is None:
            np.testing.assert_allclose(model.predict(X), reference.predict(X), rtol=1e-12)


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_scores_are_in_the_units_of_the_labels(transform):
    model = net(target_transform={"skewed": transform}).fit(X, HOLES)
    predicted, seen = model.predict(X)[:, 0], HOLES["skewed"].notna()
    residual, spread = HOLES["skewed"] - predicted, HOLES["skewed"] - HOLES["skewed"].mean()
    assert model.score_tasks(X, HOLES)["skewed"] == pytest.approx(1 - (residual**2).sum() / (spread**2).sum())
    assert model.task_view("skewed").score(X[seen], HOLES["skewed"][seen]) == model.score_tasks(X, HOLES)["skewed"]
    np.testing.assert_array_equal(model.predict_frame(X)["skewed"], predicted)
    assert set(model.oof_score_) == {"skewed", "plain"}


def test_skewed_labels_are_learned_better():
    log, plain = (net(target_transform=t, max_iter=40).fit(X[:80], SKEWED[:80]) for t in ("log1p", None))
    errors = [np.median(np.abs(model.predict(X[80:]) / SKEWED[80:] - 1)) for model in (log, plain)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("name", TARGET_TRANSFORMS)
def test_transforms_increase_and_come_back(name):
    weights = RNG.integers(1, 4, N).astype(float)
    labels = np.append(SKEWED[:-2], [0.0, 0.0])
    transform = TARGET_TRANSFORMS[name]().fitted("t", labels, weights)
    order = np.argsort(labels)
    numbers = transform.transform("t", labels)
    assert (np.diff(numbers[order]) >= 0).all()
    np.testing.assert_allclose(transform.inverse(numbers), labels, rtol=1e-9, atol=1e-9)
    repeated = np.repeat(labels, weights.astype(int))
    again = TARGET_TRANSFORMS[name]().fitted("t", repeated, np.ones(len(repeated)))
    np.testing.assert_allclose(again.transform("t", labels), numbers, rtol=1e-6, atol=1e-8)
    wide = transform.inverse(np.linspace(-1e6, 1e6, 9))
    assert np.isfinite(wide).all()
    assert (np.diff(wide) >= 0).all()


def test_yeo_johnson_is_that_of_scikit_learn():
    for labels in (SKEWED, PLAIN, -SKEWED):
        fitted = TARGET_TRANSFORMS["yeo-johnson"]().fitted("t", labels, np.ones(N))
        reference = PowerTransformer(standardize=False).fit(labels[:, None])
        assert fitted.exponent == pytest.approx(reference.lambdas_[0], rel=1e-5)
        expected = reference.transform(labels[:, None])[:, 0]
        np.testing.assert_allclose(fitted.transform("t", labels), expected, rtol=1e-4)


def test_predictions_end_where_the_inverse_does():
    """Yeo and Johnson's inverse has no value beyond -1 / exponent, and the square of a negative root would rise."""
    power, root = (TARGET_TRANSFORMS[name]().fitted("t", SKEWED, np.ones(N)) for name in ("yeo-johnson", "sqrt"))
    assert power.exponent < 0
    assert power.inverse(np.array([power.highest + 1.0]))[0] == pytest.approx(SKEWED.max())
    assert root.inverse(np.array([-3.0]))[0] == 0
    log = TARGET_TRANSFORMS["log1p"]().fitted("t", np.array([0.0, np.expm1(2.0)]), np.ones(2))
    np.testing.assert_allclose(log.inverse(np.array([3.0, 9.0])), np.expm1([3.0, 4.0]))


def test_what_cannot_be_inverted_is_refused():
    with pytest.raises(ValueError, match=r"Task 't': target_transform cannot be inverted.*5.9e[+]18.*'quantile'"):
        TARGET_TRANSFORMS["yeo-johnson"]().fitted("t", np.array([5.9e18, 2.5e18]), np.ones(2))


def test_classes_are_left_alone():
    mixed = pd.DataFrame({"is": X[:, 0] > 0, "skewed": SKEWED})
    params = {**SMALL, "tasks": {"skewed": "regression"}}
    model = MultiTaskNet(target_transform="log1p", **params).fit(X, mixed)
    assert [task.transform is None for task in model.tasks_] == [True, False]
    expected = MultiTaskNet(**params).fit(X, mixed.assign(skewed=np.log1p(SKEWED)))
    np.testing.assert_array_equal(model.predict_proba(X)[0], expected.predict_proba(X)[0])
    with pytest.raises(ValueError, match="target_transform is given for task 'is', which has classes"):
        MultiTaskNet(target_transform={"is": "log1p"}, **params).fit(X, mixed)


BAD = {
    "name": ("log", ValueError, "target_transform must be None, one of 'log1p', 'sqrt'.*got 'log'"),
    "number": (3, TypeError, "target_transform must be None"),
    "class": (PowerTransformer, TypeError, "target_transform must be None"),
    "no inverse": ({"skewed": KFold()}, TypeError, r"target_transform\['skewed'\] must be None"),
    "unknown task": ({"price": "sqrt"}, ValueError, "target_transform names the unknown task 'price'"),
    "domain": (
        "log1p",
        ValueError,
        "Task 'plain': target_transform is not finite for [0-9]+ of 120 labels.*'quantile'",
    ),
    "its own error": (
        PowerTransformer("box-cox"),
        ValueError,
        "Task 'plain': target_transform cannot take its labels.*",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_transforms(name):
    given, error, message = BAD[name]
    with pytest.raises(error, match=message):
        net(target_transform=given).fit(X, Y)


def test_counts_have_a_logarithm_of_their_own():
    with pytest.raises(ValueError, match="task 'skewed', which is of kind Poisson"):
        net(loss={"skewed": Poisson()}, target_transform="sqrt").fit(X, Y)


def test_validation_labels_outside_the_domain_are_named():
    with pytest.raises(ValueError, match="Task 'task0': target_transform is not finite for 1 of 2 labels, such as -2"):
        net(target_transform="log1p").fit(X, SKEWED, X_val=X[:2], y_val=[-2.0, 1.0])


def test_copies_and_state():
    model = net(target_transform={"skewed": "yeo-johnson", "plain": StandardScaler()}).fit(X, Y)
    for copied in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, Y)):
        np.testing.assert_array_equal(copied.predict(X), model.predict(X))
    task = net(target_transform="quantile").fit(X, SKEWED).tasks_[0]
    back = Task.from_state(*task.state())
    numbers = np.linspace(-2, 2, 7)
    np.testing.assert_array_equal(back.restored(numbers), task.restored(numbers))
    assert model.get_params()["target_transform"]["skewed"] == "yeo-johnson"


@pytest.mark.parametrize("search", [GridSearchCV, MultiTaskSearchCV])
def test_it_is_an_axis_of_a_search(search):
    grid = {"target_transform": [None, "log1p", MinMaxScaler()], "weight_decay": [0.0, 0.1]}
    folds = [(np.arange(80), np.arange(80, N))]
    found = search(net(), grid, cv=folds, refit=False).fit(X, SKEWED)
    for params, score in zip(found.cv_results_["params"], found.cv_results_["split0_test_score"], strict=True):
        alone = net(**params).fit(X[:80], SKEWED[:80]).score(X[80:], SKEWED[80:])
        assert score == pytest.approx(alone, rel=1e-5)


def test_training_goes_on_with_the_same_transform():
    model = net(target_transform="log1p", learning_rate_init=0.02)
    for start in range(0, 4 * N, 10):
        model.partial_fit(X[start % N :][:10], SKEWED[start % N :][:10])
    first = TARGET_TRANSFORMS["log1p"]().fitted("task0", SKEWED[:10], np.ones(10))
    assert model.tasks_[0].transform.highest == np.log1p(SKEWED.max()) > first.highest
    assert np.corrcoef(np.log1p(model.predict(X)), np.log1p(SKEWED))[0, 1] > 0.9
    with pytest.raises(ValueError, match="target_transform was 'log1p' when training began and is now 'sqrt'"):
        model.set_params(target_transform="sqrt").partial_fit(X, SKEWED)
    with pytest.raises(ValueError, match="not finite for 1 of 2 labels"):
        model.set_params(target_transform="log1p").partial_fit(X[:2], [-5.0, 1.0])


def test_constant_targets_stay_constant_until_they_change():
    constant = net(target_transform="quantile", warm_start=True, input_scaling=False).fit(X, np.full(N, 7.3))
    np.testing.assert_allclose(constant.predict(X), 7.3)
    constant.set_params(max_iter=30).fit(X, SKEWED)
    assert np.corrcoef(constant.predict(X), SKEWED)[0, 1] > 0.5


def test_parameters_of_a_transformer_are_set_by_name():
    given = PowerTransformer(standardize=False)
    model = net().set_params(**net(target_transform=given).get_params())
    model.set_params(target_transform__method="box-cox")
    assert (model.target_transform.method, given.method) == ("box-cox", "yeo-johnson")
    grid = {"target_transform__standardize": [True, False]}
    assert MultiTaskSearchCV(model, grid, cv=2).fit(X, SKEWED).best_params_.keys() == grid.keys()
    with pytest.raises(ValueError, match="Invalid parameter 'target_transform__method'"):
        net(target_transform="log1p").set_params(target_transform__method="box-cox")


@pytest.mark.parametrize("function", [lambda labels: 1 / labels, lambda labels: (labels - 1) ** 2])
def test_a_function_that_falls_is_refused(function):
    falling = FunctionTransformer(function, function, check_inverse=False)
    with pytest.raises(ValueError, match=r"Task 'task0': target_transform must increase .* is less for .* Negate"):
        net(target_transform=falling).fit(X, SKEWED)
