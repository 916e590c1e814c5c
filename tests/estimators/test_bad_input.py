"""Labels, weights and parameters: each works, or gives an error that names what is wrong. None gives a NaN."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skmtl import DivergenceError, MultiTaskNetRegressor, geometric
from skmtl.sharing import Hard
from skmtl.tasks import Huber, Quantile
from skmtl.training import Device
from tests._asserts import finite_predictions
from tests._tables import entries, with_cell

# y --------------------------------------------------------------------------------------------------------------------

BAD_LABELS = {
    "None": (lambda y: None, ValueError, "requires y to be passed, but the target y is None"),
    "wrong length": (lambda y: y[:-1], ValueError, "X has 40 rows, y has 39"),
    "3-D": (lambda y: y[:, :, None], ValueError, r"\(40, 2, 1\)"),
    "0-D": (lambda y: np.float64(3), ValueError, r"shape \(\)"),
    "no tasks": (lambda y: y[:, :0], ValueError, "no tasks"),
    "no tasks in a frame": (lambda y: pd.DataFrame(index=range(40)), ValueError, "no tasks"),
    "a task without a label": (lambda y: np.where([False, True], np.nan, y), ValueError, "'task1' has no label"),
    "no label at all": (lambda y: np.full_like(y, np.nan), ValueError, "No label"),
    "no label in 1-D": (lambda y: np.full(40, np.nan), ValueError, "no row of it has a label"),
    "inf": (lambda y: with_cell(y, np.inf), ValueError, "'task1'.*row 3 is inf"),
    "negative inf among objects": (lambda y: with_cell(y, -np.inf, dtype=object), ValueError, "'task1'.*row 3 is inf"),
    "strings among numbers": (lambda y: with_cell(y, "red", dtype=object), TypeError, "'task1' mixes .*float, str"),
    "booleans among numbers": (lambda y: with_cell(y, True, dtype=object), TypeError, "'task1' mixes .*bool, float"),
    "tuples": (lambda y: pd.Series([(1, 2), (2, 3)] * 20), TypeError, "'task0' holds tuple objects"),
    "times": (lambda y: y.astype("datetime64[D]"), TypeError, "'task0'.*datetime64"),
    "times in a frame": (
        lambda y: pd.DataFrame({"u": y[:, 0], "v": pd.date_range("2020", periods=40)}),
        TypeError,
        "'v'.*datetime64",
    ),
    "complex": (lambda y: y + 1j, ValueError, "Complex data not supported.*'task0'"),
    "masked": (lambda y: np.ma.masked_less(y, 0), ValueError, "masked array"),
    "sparse": (sp.csr_array, TypeError, "sparse"),
    "duplicate names": (lambda y: pd.DataFrame(y, columns=["u", "u"]), ValueError, r"duplicate column names \['u'\]"),
    "ragged": (lambda y: [[1, 2], [1]] * 20, ValueError, "inhomogeneous"),
    "dict": (lambda y: {"u": y[:, 0]}, TypeError, "dict"),
    "string": (lambda y: "labels", TypeError, "str"),
    "number": (lambda y: 3, TypeError, "int"),
    "polars lazy": (lambda y: pl.DataFrame(y).lazy(), TypeError, "LazyFrame"),
}


@pytest.mark.parametrize(("spoil", "error", "match"), entries(BAD_LABELS))
@pytest.mark.filterwarnings("ignore:.*converting a masked element to nan")
def test_bad_y(case, spoil, error, match):
    with pytest.raises(error, match=match):
        case.make().fit(case.X, spoil(case.y))


@pytest.mark.parametrize("columns", [slice(None), slice(1), 0])
def test_fractions_are_no_classes(classifier, columns):
    labels = classifier.holes[:, columns]
    spoiled = labels.copy()
    spoiled[4] = 0.5
    classifier.make().fit(classifier.X, labels)
    with pytest.raises(ValueError, match=r"'task0' is a classification task, but has the label 0\.5"):
        classifier.make().fit(classifier.X, spoiled)


def test_labels_that_do_not_suit_the_kind(regressor, mixed):
    X, words = regressor.X, np.array(["no", "yes"] * 20)
    with pytest.raises(ValueError, match="'task0' is a regression task, but has the label 'no'"):
        regressor.make().fit(X, words)
    with pytest.raises(ValueError, match="'task0' is a regression task"):
        mixed.make(tasks=["regression"]).fit(X, words)
    with pytest.raises(ValueError, match=r"'task0': the Poisson loss needs non-negative targets; found .*-\d"):
        regressor.make(loss="poisson").fit(X, regressor.y)
    with pytest.raises(ValueError, match="'task0' is declared binary, but has the 3 labels"):
        mixed.make(tasks=["binary"]).fit(X, np.arange(40) % 3)
    with pytest.raises(ValueError, match=r"'task0' has 3 different integers.*tasks="):
        mixed.make().fit(X, np.arange(40) % 3)


def test_labels_unknown_to_the_fit(case):
    if case.cls is MultiTaskNetRegressor:
        return
    y = with_cell(case.y, 9, column=0)
    with pytest.raises(ValueError, match=r"'task0': label .*9.* is not among the classes"):
        case.make(warm_start=True).fit(case.X, case.y).fit(case.X, y)
    with pytest.raises(ValueError, match=r"'task0': label .*9.* is not among the classes"):
        case.make().fit(case.X, case.y, X_val=case.X, y_val=y)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_a_constant_target_is_predicted_exactly(regressor, loss):
    y = regressor.y if loss != "poisson" else np.abs(regressor.y)
    for constant in (0.0, 0.1, 1e12):
        y[:, 1] = constant
        y[2, 1] = np.nan
        model = regressor.make(loss=loss, n_estimators=8, early_stopping=True).fit(regressor.X, y)
        assert (model.predict(regressor.X)[:, 1] == constant).all()
        assert model.score_tasks(regressor.X, y)["task1"] == model.oof_score_["task1"] == 1.0


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_targets_of_any_scale_work(regressor, mixed, scale):
    reference = finite_predictions(regressor.fit(), regressor.X)
    scaled = finite_predictions(regressor.make().fit(regressor.X, regressor.y * scale), regressor.X)
    np.testing.assert_allclose(scaled / scale, reference, rtol=1e-6)
    finite_predictions(mixed.make(tasks={"task1": "regression"}).fit(mixed.X, mixed.y * [1, scale]), mixed.X)


@pytest.mark.parametrize("label", [0.0, 1.0, True, "only"])
@pytest.mark.parametrize("name", ["classifier", "mixed"])
def test_a_task_of_one_class_warns_and_predicts_it(name, label, request):
    case = request.getfixturevalue(name)
    y = pd.DataFrame({"fine": case.y[:, 0], "flat": label})
    with pytest.warns(UserWarning, match="Task 'flat' has labels of one class only"):
        model = case.make().fit(case.X, y)
    assert (model.predict(case.X)[:, 1].astype(type(label)) == label).all()
    assert_array_equal(model.predict_proba(case.X)[1], np.ones((40, 1)))


# weights and parameters -----------------------------------------------------------------------------------------------

WEIGHTS = np.ones(40)
BAD_WEIGHTS = {
    "negative": (lambda w: with_cell(w[:, None], -1, column=0)[:, 0], "sample_weight.*not negative; got -1.0 in row 3"),
    "missing": (lambda w: with_cell(w[:, None], np.nan, column=0)[:, 0], "sample_weight.*finite.*nan in row 3"),
    "infinite": (lambda w: with_cell(w[:, None], np.inf, column=0)[:, 0], "sample_weight.*finite.*inf in row 3"),
    "all zero": (lambda w: 0 * w, "weights are zero"),
    "too short": (lambda w: w[:-1], r"sample_weight must have shape \(40,\).*\(39,\)"),
    "too narrow": (lambda w: w[:, None], r"\(40, 2\).*\(40, 1\)"),
    "too deep": (lambda w: np.ones((40, 2, 1)), r"\(40, 2\).*\(40, 2, 1\)"),
    "strings": (lambda w: ["heavy"] * 40, "sample_weight must hold numbers"),
    "a task without weight": (lambda w: w[:, None] * [1, 0], "'task1' has no label"),
}


@pytest.mark.parametrize(("spoil", "match"), entries(BAD_WEIGHTS))
def test_bad_sample_weight(case, spoil, match):
    with pytest.raises(ValueError, match=match):
        case.make().fit(case.X, case.y, sample_weight=spoil(WEIGHTS))


def test_weights_of_other_tasks_are_refused(case):
    y = pd.DataFrame(case.y, columns=["first", "second"])
    weights = pd.DataFrame(np.array([1.0, 2.0]) * WEIGHTS[:, None], columns=y.columns)
    model, turned = case.make(), weights[["second", "first"]]
    with pytest.raises(ValueError, match=r"sample_weight .*'first', 'second'; got 'second', 'first'. Put"):
        model.fit(case.X, y, sample_weight=turned)
    model.fit(case.X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="columns of sample_weight"):
        model.score(case.X, y, sample_weight=turned)
    for same in (weights.to_numpy(), pd.DataFrame(weights.to_numpy())):
        again = case.make().fit(case.X, y, sample_weight=same)
        assert_array_equal(np.asarray(again.predict(case.X)), np.asarray(model.predict(case.X)))
    case.make().fit(case.X, case.y, sample_weight=turned)  # labels without names


def test_weights_by_task_need_tasks(case):
    with pytest.raises(ValueError, match="1D"):
        case.make().fit(case.X, case.y[:, 0], sample_weight=np.ones((40, 2)))


BAD_PARAMETERS = {
    "loss_weights": [
        ((1, 2, 3), ValueError, r"each of the 2 tasks \(task0, task1\); got 3"),
        ({"task9": 1}, ValueError, "unknown task 'task9'; the tasks are 'task0', 'task1'"),
        ((1, -1), ValueError, "-1.0 for task 'task1'"),
        ((1, np.nan), ValueError, "nan for task 'task1'"),
        ((np.inf, 1), ValueError, "inf for task 'task0'"),
        ((0, 0), ValueError, "loss_weights are all zero"),
        ("auto", ValueError, "loss_weights must hold numbers"),
        (geometric(-1), ValueError, "decay of at least 0; got -1"),
    ],
    "sharing": [
        ("soft?", ValueError, "sharing='soft\\?' is not known. Choose one of 'hard', 'independent'"),
        (Hard, TypeError, "sharing must be one of 'hard'.*instance, not a class"),
        (None, TypeError, "sharing must be one of"),
    ],
    "balancing": [("magic", ValueError, "balancing='magic' is not known. Choose one of 'static'")],
    "encoder": [("images", ValueError, "encoder='images' is not known. Choose one of 'auto', 'tabular'")],
    "optimizer": [("lbfgs", ValueError, "optimizer='lbfgs' is not known. Choose one of 'adamw', 'sgd'")],
    "activation": [("swish?", ValueError, "(?s)'activation'.*'relu'")],
    "device": [
        ("cuda:99", RuntimeError, "device='cuda:99'"),
        ("abacus", RuntimeError, "device='abacus'"),
        ("meta", RuntimeError, "device='meta' is not available"),
        (3.5, ValueError, "device must be"),
        (Device("cpu", cuda_graphs="yes"), ValueError, "cuda_graphs of device"),
    ],
    "hidden_layer_sizes": [
        (0, ValueError, "hidden_layer_sizes"),
        ((8, 0), ValueError, "hidden_layer_sizes"),
        ((8.5,), ValueError, "hidden_layer_sizes"),
        (((8,), (8,)), ValueError, "hidden_layer_sizes"),
        ("wide", ValueError, "hidden_layer_sizes"),
    ],
    "task_layer_sizes": [
        (0, ValueError, "task_layer_sizes"),
        ((8, -1), ValueError, "task_layer_sizes must be positive integers; got .8, -1."),
        (None, ValueError, "task_layer_sizes"),
    ],
    **{
        name: [(value, ValueError, f"'{name}' parameter") for value in values]
        for name, values in {
            "batch_size": (0, -1, 2.5, "all"),
            "learning_rate_init": (np.nan, -1e-3, 0, "fast"),
            "learning_rate": ("adaptive?", 0.1),
            "weight_decay": (-1, np.nan, None),
            "dropout": (1.0, -0.1, np.nan, None),
            "n_estimators": (0, 1.5, None),
            "max_iter": (0, -5, 2.5, None),
            "early_stopping": ("yes", None, 2, 0.125),
            "cv": (1, True, 2.5, "folds"),
            "n_iter_no_change": (0, 2.5, None),
            "tol": (-1.0, np.nan, None),
            "warm_start": ("yes",),
            "dtype": ("float16", np.float32),
            "n_jobs": (1.5, "all"),
            "random_state": (-1, "seed", np.random.default_rng()),
            "verbose": (-1, "loud"),
        }.items()
    },
}
PARAMETERS = [
    pytest.param(name, value, error, match, id=f"{name}={str(value)[:20]}")
    for name, values in BAD_PARAMETERS.items()
    for value, error, match in values
]


@pytest.mark.parametrize(("name", "value", "error", "match"), PARAMETERS)
def test_bad_parameter(case, name, value, error, match):
    with pytest.raises(error, match=match):
        case.fit(**{name: value})


@pytest.mark.parametrize(
    ("loss", "match"),
    [
        ("hinge", "loss='hinge' is not known. Choose one of 'squared_error', 'absolute_error'"),
        ({"task7": "huber"}, "loss names the unknown task 'task7'; the tasks are 'task0', 'task1'"),
        ({"task1": "hinge"}, r"loss\['task1'\]='hinge' is not known"),
        (Huber(delta=0), "'task0': Huber needs a finite delta above 0; got 0"),
        ({"task1": Quantile(level=1)}, "'task1': Quantile needs a level between 0 and 1, .* rising ones; got 1"),
    ],
)
def test_bad_loss(regressor, loss, match):
    with pytest.raises(ValueError, match=match):
        regressor.fit(loss=loss)


@pytest.mark.parametrize(
    ("tasks", "error", "match"),
    [
        ({"task7": "binary"}, ValueError, "tasks names the unknown task 'task7'; the tasks are 'task0', 'task1'"),
        ("binary", TypeError, "tasks must be a dict by task name or a sequence .*; got 'binary'"),
        (5, TypeError, "tasks must be a dict by task name or a sequence .*; got 5"),
        (["binary"], ValueError, "tasks must have one entry for each of the 2 tasks; got 1"),
        ({"task0": "ordinal"}, ValueError, r"tasks\['task0'\]='ordinal' is not known. Choose one of 'binary'"),
        ({"task0": 3}, TypeError, r"tasks\['task0'\] must be one of"),
        ({"task1": "multiclass"}, ValueError, "'task1' is a classification task, but has the label"),
    ],
)
def test_bad_tasks(mixed, tasks, error, match):
    with pytest.raises(error, match=match):
        mixed.fit(tasks=tasks)


@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ("even", "class_weight must be None, 'balanced', a dict or a list by task; got 'even'"),
        ([{0: 1}], "class_weight must have one entry for each of the 2 tasks; got 1"),
        ({"task7": "balanced"}, "class_weight names the unknown task 'task7'; the tasks are 'task0', 'task1'"),
        ({"task0": "even"}, "class_weight of task 'task0' must be 'balanced' or a dict; got 'even'"),
        ({"task0": 2}, "class_weight of task 'task0' must be 'balanced' or a dict; got 2"),
        ({"task1": {7: 1}}, r"class_weight names 7, which is not among the classes \[0.0, 1.0, 2.0\] of task 'task1'"),
        ({"task1": {0: -1}}, "not negative; got -1.0 for class 0.0 of task 'task1'"),
        ({"task1": {0: np.nan}}, "finite.*nan for class 0.0 of task 'task1'"),
        ({"task1": {0: "much"}}, "class_weight of task 'task1' must hold numbers"),
    ],
)
def test_bad_class_weight(classifier, class_weight, match):
    with pytest.raises(ValueError, match=match):
        classifier.fit(class_weight=class_weight)


def test_bad_validation_rows(case):
    X, y = case.X, case.y
    bad = {
        "go together": {"X_val": X},
        "y_val go together": {"y_val": y},
        "X has 2 features": {"X_val": X[:, :2], "y_val": y},
        "X_val has 40 rows, y_val has 39": {"X_val": X, "y_val": y[:-1]},
        "y_val has 1 tasks; the estimator was fitted to 2": {"X_val": X, "y_val": y[:, 0]},
        "infinity.*column 1": {"X_val": with_cell(X, np.inf), "y_val": y},
        "sample_weight_val must be .* got -1.0 in row 0": {"X_val": X, "y_val": y, "sample_weight_val": -WEIGHTS},
        "every cell of y_val is missing": {"X_val": X, "y_val": np.full(y.shape, np.nan)},
        "sample_weight_val: all weights are zero": {"X_val": X, "y_val": y, "sample_weight_val": 0 * WEIGHTS},
    }
    for match, arguments in bad.items():
        with pytest.raises(ValueError, match=match):
            case.make().fit(X, y, **arguments)


def test_tasks_that_are_not_those_of_the_fit(case):
    y = pd.DataFrame(case.y, columns=["u", "v"])
    model = case.make(warm_start=True).fit(case.X, y)
    wrong = {"order of fit, 'u', 'v'; got 'v', 'u'": y[["v", "u"]], "y has 1 tasks": y[["u"]]}
    for match, labels in wrong.items():
        for use in (model.score, model.partial_fit, model.fit):
            with pytest.raises(ValueError, match=match):
                use(case.X, labels)
    model.partial_fit(case.X, case.y)
    assert np.isfinite(model.score(case.X, case.y))


# training -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_divergence_is_an_error_that_names_epoch_task_and_rate(case, optimizer):
    model = case.make(optimizer=optimizer, learning_rate_init=1e30, max_iter=50, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DivergenceError, match=r"task 'task\d'.*epoch \d+.*learning_rate_init=1e\+30") as caught:
            model.fit(case.X, case.y)
    assert isinstance(caught.value, FloatingPointError)
    assert not hasattr(model, "network_")
