"""Names of metrics: what each scores, what it is for, and metrics by task."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import fbeta_score, get_scorer, get_scorer_names, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor, metrics
from skmtl.inspection import transfer_report
from skmtl.metrics import make_task_scorer
from skmtl.metrics._registry import KNOWN, METRICS, SCIKIT_LEARN, find_metric
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV, cross_validate

SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
CLASSES = np.column_stack([X[:, 0] + RNG.normal(size=80) > 0, np.digitize(X[:, 1], [-0.5, 0.5])]).astype(int)
NUMBERS = np.exp(X[:, :2] + 0.3 * RNG.normal(size=(80, 2)))
SEEN = RNG.random((80, 2)) < 0.7
WEIGHTS = RNG.integers(1, 4, size=(80, 2)).astype(float)
NAMES = [name for name in get_scorer_names() if name in KNOWN]
COMPARE_CLUSTERS_OR_SETS = {
    *(f"{name}_score" for name in ("adjusted_mutual_info", "adjusted_rand", "completeness", "fowlkes_mallows")),
    *(f"{name}_score" for name in ("homogeneity", "mutual_info", "normalized_mutual_info", "rand", "v_measure")),
    *(f"{name}_samples" for name in ("f1", "jaccard", "precision", "recall")),
}


def test_all_names_of_scikit_learn_for_one_target_are_known():
    assert set(get_scorer_names()) - set(NAMES) == COMPARE_CLUSTERS_OR_SETS
    assert {f"neg_{name}" for name, metric in METRICS.items() if not metric.greater_is_better} < set(KNOWN)


@pytest.mark.parametrize("name", NAMES)
def test_names_score_tasks_as_scikit_learn_scores_their_rows(name):
    of_classes = KNOWN[name].of_classes
    neighbours = KNeighborsClassifier(9) if of_classes else KNeighborsRegressor(9)
    truth = np.where([True, KNOWN[name].max_classes is None], CLASSES, CLASSES > 0) if of_classes else NUMBERS
    y, weights = np.where(SEEN, truth, np.nan), None if "ovo" in name or "likelihood" in name else WEIGHTS
    found = make_task_scorer(name, average=None)(neighbours.fit(X[::2], truth[::2]), X, y, weights)
    for k in range(2):
        alone, rows = neighbours.fit(X[::2], truth[::2, k]), SEEN[:, k]
        own = {} if weights is None or name == "neg_max_error" else {"sample_weight": weights[rows, k]}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                expected = get_scorer(name)(alone, X[rows], truth[rows, k], **own)
        except (ValueError, UserWarning):  # of two classes, or of more than two only
            continue
        assert_allclose(found[f"task{k}"], expected, err_msg=f"task{k}")
        assert np.isfinite(expected)


def test_names_tell_whether_weights_count():
    unweighted = {name for name in NAMES if not KNOWN[name].takes_weights}
    assert unweighted == {"neg_max_error", "neg_negative_likelihood_ratio", "positive_likelihood_ratio"}


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "jaccard"])
def test_more_than_two_classes_are_averaged(name):
    model, y = KNeighborsClassifier(9).fit(X, CLASSES[:, 1]), CLASSES[:, 1]
    assert_allclose(make_task_scorer(name)(model, X, y), get_scorer(f"{name}_macro")(model, X, y))


def test_labels_may_be_of_any_type():
    names = "precision", "recall_macro", "roc_auc_ovo", "matthews_corrcoef", "d2_log_loss_score"
    scores = []
    for words in (["no", "yes"], [0, 1], [-3.0, 7.0], [False, True]):
        y = pd.DataFrame({"a": np.array(words)[CLASSES[:, 0]], "b": np.array(words)[1 - CLASSES[:, 0]]})
        model = MultiTaskNetClassifier(**SMALL).fit(X, y)
        scores.append([make_task_scorer(name)(model, X, y) for name in names])
        assert_allclose(scores[-1], scores[0])


def test_labels_of_one_class_give_no_score_that_is_too_good():
    model, y = KNeighborsClassifier(9).fit(X, CLASSES > 0), np.where(SEEN, CLASSES > 0, np.nan)
    y[:, 0] = np.where(CLASSES[:, 0] == 0, 0, np.nan)  # no positive label
    accuracy = make_task_scorer("accuracy", task="task0")(model, X, y)
    for name in (name for name, metric in KNOWN.items() if metric.of_classes and metric.min_classes == 2):
        score = make_task_scorer(name, average=None)(model, X, y)["task0"]
        assert np.isnan(score) or score <= accuracy, name


def test_names_that_suit_no_task():
    models = {
        True: MultiTaskNetClassifier(**SMALL).fit(X, CLASSES[:, :1]),
        False: MultiTaskNetRegressor(**SMALL).fit(X, NUMBERS),
    }
    for name, metric in KNOWN.items():
        y = NUMBERS if metric.of_classes else CLASSES[:, :1]
        with pytest.raises(ValueError, match=rf"The metric {name} is for .*, which no task has"):
            make_task_scorer(name)(models[not metric.of_classes], X, y)


# a metric for each task ----------------------------------------------------------------------------------------------

TABLE = pd.DataFrame({"sold": CLASSES[:, 0], "seg": CLASSES[:, 1], "price": NUMBERS[:, 0], "area": NUMBERS[:, 1]})
TASKS = {"sold": "binary", "seg": "multiclass", "price": "regression", "area": "regression"}
OF_EACH = {"sold": "roc_auc", "seg": "f1_macro", "price": "r2", "area": "neg_mean_absolute_error"}


def holes():
    return TABLE.astype(float).mask(~np.repeat(SEEN, 2, axis=1))


@pytest.fixture(scope="module")
def mixed():
    return MultiTaskNet(tasks=TASKS, **SMALL).fit(X, holes())


def test_each_task_is_scored_by_its_metric(mixed):
    y, weights = holes(), np.repeat(WEIGHTS, 2, axis=1)
    expected = {name: make_task_scorer(metric, task=name)(mixed, X, y, weights) for name, metric in OF_EACH.items()}
    mean, least = np.mean(list(expected.values())), min(expected.values())
    scores = make_task_scorer(OF_EACH, average=None)(mixed, X, y, weights)
    assert scores == pytest.approx({**expected, "mean": mean, "worst": least})
    assert make_task_scorer(OF_EACH)(mixed, X, y, weights) == pytest.approx(mean)
    assert make_task_scorer(OF_EACH, average="worst")(mixed, X, y, weights) == pytest.approx(least)
    assert make_task_scorer(OF_EACH, task="seg")(mixed, X, y, weights) == pytest.approx(expected["seg"])
    weighted = make_task_scorer(OF_EACH, average="weighted", task_weights={"sold": 5})(mixed, X, y, weights)
    assert weighted == pytest.approx(np.average(list(expected.values()), weights=[5, 1, 1, 1]))
    observed = make_task_scorer(OF_EACH, average="weighted")(mixed, X, y, weights)
    assert observed == pytest.approx(np.average(list(expected.values()), weights=(weights * y.notna()).sum()))


def test_tasks_without_a_metric_have_that_of_their_kind(mixed):
    scores = make_task_scorer({"sold": "brier"}, average=None)(mixed, X, holes())
    assert {name: scores[name] for name in TASKS} == pytest.approx(
        mixed.score_tasks(X, holes()) | {"sold": make_task_scorer("brier", task="sold")(mixed, X, holes())}
    )


def test_a_task_whose_score_is_not_defined_leaves_the_others(mixed):
    y = holes().assign(sold=1.0)
    scores = make_task_scorer(OF_EACH, average=None)(mixed, X, y)
    assert np.isnan(scores["sold"])
    assert scores["mean"] == pytest.approx(np.mean([scores[name] for name in ("seg", "price", "area")]))


def test_scorers_and_functions_may_stand_for_names(mixed):
    y = holes()
    spelt = {
        "sold": make_scorer(fbeta_score, beta=2),
        "seg": make_scorer(fbeta_score, beta=2, average="macro"),
        "price": make_task_scorer("pinball_loss", level=0.9),
        "area": metrics.mae,
    }
    scores, predicted = make_task_scorer(spelt, average=None)(mixed, X, y), mixed.predict_frame(X)
    seen = {name: y[name].notna().to_numpy() for name in TASKS}
    settings = {"sold": {"average": "binary"}, "seg": {"average": "macro"}}
    for name, own in settings.items():
        pair = y.loc[seen[name], name].astype(int), predicted.loc[seen[name], name]
        assert scores[name] == pytest.approx(fbeta_score(*pair, beta=2, **own))
    assert scores["price"] == make_task_scorer("pinball_loss", level=0.9, task="price")(mixed, X, y)
    auc = make_scorer(roc_auc_score, response_method=("decision_function", "predict_proba"))
    assert make_task_scorer(auc, task="sold")(mixed, X, y) == make_task_scorer("roc_auc", task="sold")(mixed, X, y)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"price": "roc_auc"}, r"roc_auc is for classes, but task 'price' is of the kind 'regression'.*: 'r2', 'rmse'"),
        ({"sold": "rmse"}, r"rmse is for numbers, but task 'sold' is of the kind 'binary' with 2 cl.*: 'accuracy', "),
        ({"sold": "top_k_accuracy"}, "is for 3 or more classes, but task 'sold'"),
        ({"seg": "positive_likelihood_ratio"}, "is for two classes, but task 'seg' is of the kind 'multiclass' with 3"),
        ({"sald": "f1"}, "metric names the unknown task 'sald'; the tasks are 'sold', 'seg', 'price', 'area'"),
    ],
)
def test_metrics_that_do_not_fit_a_task(mixed, scores, message):
    with pytest.raises(ValueError, match=message):
        make_task_scorer(scores)(mixed, X, holes())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "f1_makro"}, r"got 'f1_makro'. Did you mean 'f1_macro'"),
        ({"metric": {"sold": "auc_roc"}}, r"got 'auc_roc'"),
        ({"metric": "rand_score"}, "compares clusters or sets of labels"),
        (
            {"metric": {"sold": "f1"}, "level": 0.5},
            r"Give it with the metric: \{'sold': make_task_scorer\(..., level=0",
        ),
        ({"metric": {"sold": "f1"}, "greater_is_better": True}, "greater_is_better belongs to a single metric"),
        ({"metric": get_scorer("neg_max_error"), "greater_is_better": True}, "is False; got True. Leave it out"),
    ],
)
def test_metrics_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_task_scorer(**arguments)


def test_a_metric_is_a_name_a_function_or_a_scorer():
    with pytest.raises(TypeError, match="metric must be a name, a function or a scorer of scikit-learn; got 3"):
        find_metric(3)


def test_searches_and_cross_validation_take_metrics_by_task():
    net, y, folds = MultiTaskNet(tasks=TASKS, **SMALL), holes(), MultiTaskKFold(2)
    scorer = make_task_scorer(OF_EACH, average=None)
    expected = cross_validate(net, X, y, cv=folds, scoring=scorer, error_score="raise")
    for make in (GridSearchCV, MultiTaskSearchCV):
        search = make(net, {"dropout": [0.0]}, scoring=scorer, refit="mean", cv=folds, error_score="raise").fit(X, y)
        for name in (*OF_EACH, "mean", "worst"):
            scores = [search.cv_results_[f"split{k}_test_{name}"][0] for k in range(2)]
            assert_allclose(scores, expected[f"test_{name}"], atol=1e-6)


def test_scorers_among_several():
    net, y, folds = MultiTaskNetClassifier(**SMALL), np.where(SEEN, CLASSES, np.nan), MultiTaskKFold(2)
    expected = cross_validate(net, X, y, cv=folds, scoring="roc_auc", error_score="raise")["test_score"]
    for scorer in (get_scorer("roc_auc"), {"auc": get_scorer("roc_auc")}):
        found = cross_validate(net, X, y, cv=folds, scoring=scorer, error_score="raise")
        assert_allclose(found.get("test_auc", found.get("test_score")), expected)
    with pytest.raises(ValueError, match=r"scoring\['all'\] gives the score of each task.*Pass this scorer alone"):
        cross_validate(net, X, y, cv=folds, scoring={"all": metrics.task_scores})


def test_a_report_takes_scorers_by_task():
    y, net = holes()[["sold", "price"]], MultiTaskNet(tasks={"sold": "binary", "price": "regression"}, **SMALL)
    plain = {"sold": "average_precision", "price": "neg_median_absolute_error"}
    given = {"sold": get_scorer("average_precision"), "price": get_scorer("neg_median_absolute_error")}
    reports = [
        transfer_report(net, X, y, cv=2, scoring=scoring, random_state=0).frame()
        for scoring in (plain, given, make_task_scorer(plain))
    ]
    for report in reports[1:]:
        pd.testing.assert_frame_equal(report, reports[0])
    with pytest.raises(ValueError, match="roc_auc is for classes, but task 'price'"):
        transfer_report(net, X, y, cv=2, scoring={"price": "roc_auc"}, random_state=0)


def test_names_of_scikit_learn_are_unsigned_losses_for_whoever_asks():
    for name in SCIKIT_LEARN:
        assert find_metric(name).greater_is_better != name.startswith("neg_")
