"""What a report says of each task is what the metrics say of its cells."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet
from skmtl.metrics import accuracy, f1, log_loss, r2, roc_auc, task_report
from skmtl.metrics._cells import TaskCells
from skmtl.metrics._registry import METRICS
from skmtl.metrics._resampled import RESAMPLED
from skmtl.metrics._task_metric import TaskMetric
from skmtl.tasks import Quantile

KINDS = {"sold": "binary", "part": "multiclass", "price": "regression", "visits": "poisson", "low": Quantile(0.1)}
SETTINGS = {"hidden_layer_sizes": (8,), "n_estimators": 1, "max_iter": 3, "early_stopping": False, "random_state": 0}
SCORES = {"roc_auc", "average_precision", "log_loss", "brier"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = pd.DataFrame(
        {
            "sold": X[:, 0] + rng.normal(size=90) > 0.5,
            "part": rng.integers(0, 3, 90),
            "price": 50 * X[:, 1] + rng.normal(size=90),
            "visits": rng.poisson(2, 90),
            "low": rng.normal(size=90),
        }
    ).astype(float)
    return X, y.where(rng.random(y.shape) < 0.6)


@pytest.fixture(scope="module")
def model(data):
    return MultiTaskNet(tasks=KINDS, **SETTINGS).fit(*data)


def cells_of(name, rng, n_classes=None):
    """Cells with ties, of few values, so that draws lack some of them."""
    y = rng.poisson(2, 12).astype(float) if n_classes is None else rng.integers(0, n_classes, 12)
    if n_classes is None:
        return TaskCells("t", y, y + rng.uniform(0.1, 1, 12), rng.random(12) + 0.1)
    classes = np.arange(n_classes)
    tied = rng.integers(1, 4, (12, n_classes)).astype(float)
    predicted = tied / tied.sum(1, keepdims=True) if name in SCORES else rng.integers(0, n_classes, 12)
    return TaskCells("t", y, predicted, rng.random(12) + 0.1, classes)


@pytest.mark.parametrize("function", RESAMPLED)
def test_scores_of_all_draws_are_those_of_one_after_the_other(function, rng):
    (name,) = (name for name, metric in METRICS.items() if metric.function is function)
    settings = {"level": 0.2} if name == "pinball_loss" else {}
    metric = TaskMetric(name, METRICS[name], settings)
    for n_classes in (2, 4) if METRICS[name].of_classes else (None,):
        cells = cells_of(name, rng, n_classes)
        counts = rng.multinomial(4, np.full(12, 1 / 12), size=25)
        drawn = [
            metric.score(
                TaskCells("t", cells.y_true[c > 0], cells.y_pred[c > 0], (c * cells.weights)[c > 0], cells.classes)
            )
            for c in counts
        ]
        if name == "r2":  # which scikit-learn calls 0 where all labels are equal
            drawn = [np.nan if np.ptp(cells.y_true[c > 0]) == 0 else s for s, c in zip(drawn, counts, strict=True)]
        assert_allclose(metric.resampled(cells, counts), drawn, rtol=1e-9, atol=1e-12)


def test_scores_are_those_of_the_metrics_on_the_observed_cells(model, data):
    X, y = data
    weights = np.random.default_rng(1).random(y.shape) * (np.arange(90)[:, None] % 7 > 0)
    report = task_report(model, X, y, sample_weight=weights, n_draws=0)
    counted = (weights > 0) & y.notna().to_numpy()
    assert_array_equal(report.table["n_labels"], counted.sum(0))
    assert_array_equal(report.table["n_missing"], 90 - counted.sum(0))
    assert_array_equal(report.table["n_positives"], [(y["sold"].to_numpy()[counted[:, 0]] == 1).sum(), *[np.nan] * 4])
    on_all = {"sample_weight": weights, "average": None}
    assert (
        report.table["r2"][2]
        == r2(y.iloc[:, 2:], model.predict(X)[:, 2:], **on_all | {"sample_weight": weights[:, 2:]})[0]
    )
    of_probabilities = {"classes": model.classes_, **on_all}
    assert report.table["roc_auc"][0] == roc_auc(y, model.predict_proba(X), **of_probabilities)[0]
    assert_array_equal(report.table["log_loss"], log_loss(y, model.predict_proba(X), **of_probabilities))
    assert [metrics[0] for metrics in report.metrics] == ["roc_auc", "accuracy", "r2", "r2", "pinball_loss"]
    assert np.isnan(report.table["accuracy"][[0, 2, 3, 4]]).all()
    assert not any(np.isfinite(report.table["roc_auc_low"]))


def test_the_trivial_predictor_knows_no_x(model, data):
    X, y = data
    table = task_report(model, X, y, n_draws=0).table
    sold, price, low = (y[name].dropna().to_numpy() for name in ("sold", "price", "low"))
    assert table["roc_auc_trivial"][0] == 0.5
    assert_allclose(table["average_precision_trivial"][0], sold.mean())
    assert_allclose(table["r2_trivial"][2], 0, atol=1e-12)
    assert_allclose(table["rmse_trivial"][2], price.std())
    assert_allclose(table["mae_trivial"][4], np.abs(low - np.quantile(low, 0.1, method="inverted_cdf")).mean())
    known = task_report(model, X, y, y_train=y.fillna({"price": 7.0, "sold": 1.0, "part": 0.0}), n_draws=0).table
    mean = y["price"].fillna(7.0).mean()
    assert_allclose(known["rmse_trivial"][2], np.sqrt(np.mean((price - mean) ** 2)))
    assert known["log_loss_trivial"][0] > table["log_loss_trivial"][0]


def test_rows_in_groups_are_drawn_together(model, data):
    X, y = data
    once = task_report(model, X, y).table
    twice = task_report(model, np.tile(X, (3, 1)), pd.concat([y] * 3), groups=np.tile(np.arange(90), 3)).table
    alone = task_report(model, np.tile(X, (3, 1)), pd.concat([y] * 3)).table
    for name in ("roc_auc", "log_loss", "r2", "mae"):
        for end in ("_low", "_high"):
            assert_allclose(twice[name + end], once[name + end], rtol=1e-9)
    widths = [table["mae_high"] - table["mae_low"] for table in (once, alone)]
    assert_allclose((widths[0] / widths[1])[2:], np.sqrt(3), rtol=0.35)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    dummy = DummyClassifier(strategy="constant", constant=[1] * 40).fit(np.zeros((2, 1)), np.ones((2, 40), dtype=int))
    hits = []
    for seed in range(8):
        y = (rng.random((100, 40)) < 0.6).astype(int)
        table = task_report(dummy, np.zeros((100, 1)), y, metrics="accuracy", random_state=seed).table
        hits.append((table["accuracy_low"] <= 0.6) & (table["accuracy_high"] >= 0.6))
    assert 0.84 < np.mean(hits) < 0.96


def test_intervals_hold_the_score_that_they_are_of():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(100, 30))
    constant = DummyRegressor().fit(np.zeros((100, 1)), y)
    table = task_report(constant, np.zeros((100, 1)), y, metrics=["r2", "rmse"]).table
    assert np.abs(table["r2"]).max() < 1e-12
    assert (table["r2_low"] > -1e-3).all()  # although all draws, which have means of their own, score lower
    assert ((table["rmse_low"] < table["rmse"]) & (table["rmse"] < table["rmse_high"])).all()


def test_undefined_scores_are_nan_and_named(model, data):
    X, y = data
    y = y.assign(
        sold=y["sold"].where(y["sold"] == 0),
        price=y["price"].where(y.index == y["price"].first_valid_index()),
        part=np.nan,
    )
    few = y["visits"].dropna().index[:4]
    y["visits"] = y["visits"].where(y.index.isin(few))
    report = task_report(model, X, y)
    assert report.unscored == ["sold", "part", "price"]
    assert np.isnan(report.table["roc_auc"]).all()
    assert np.isfinite(report.table["rmse"][2])
    assert np.isfinite(report.table["r2"][3])
    assert np.isnan(report.table["r2_low"][3])  # of four labels
    assert "visits" in report.not_better
    assert "Not scored: sold, part, price." in str(report)


def test_tasks_that_nothing_was_learned_of_are_named(data):
    X, _ = data
    y = np.column_stack([X[:, 0] > 0, np.random.default_rng(3).permutation(X[:, 0] > 0)]).astype(int)
    forest = RandomForestClassifier(10, random_state=0).fit(X[:45], y[:45])
    report = task_report(forest, X[45:], y[45:])
    assert report.not_better == ["task1"]
    reversed_ = task_report(RandomForestClassifier(10, random_state=0).fit(X[:45], y[:45, ::-1]), X[45:], y[45:, ::-1])
    assert reversed_.not_better == ["task0"]
    losses = task_report(forest, X[45:], y[45:], metrics="log_loss")
    assert losses.not_better == ["task1"]


def test_metrics_are_chosen_for_all_tasks_or_one(model, data):
    X, y = data
    report = task_report(
        model, X, y, metrics={"sold": ["f1", accuracy], "price": "neg_median_absolute_error"}, n_draws=20
    )
    assert report.metrics[0] == ["f1", "accuracy"]
    assert report.metrics[2] == ["median_absolute_error"]
    assert report.metrics[4] == ["pinball_loss", "mae"]
    predicted = model.predict(X)
    assert report.table["f1"][0] == f1(y["sold"], predicted[:, 0])
    seen = y["price"].notna()
    assert_allclose(report.table["median_absolute_error"][2], np.median(np.abs(y["price"] - predicted[:, 2])[seen]))
    assert report.table["median_absolute_error_low"][2] < report.table["median_absolute_error_high"][2]
    assert not report.greater_is_better["median_absolute_error"]
    only = task_report(model, X, y, metrics="rmse", n_draws=0)
    assert only.metrics == [[], [], ["rmse"], ["rmse"], ["rmse"]]


def test_pipelines_views_and_other_models_are_reported(data):
    X, y = data
    sold = y["sold"].map({0.0: "no", 1.0: "yes"}).astype(object)
    pipeline = make_pipeline(StandardScaler(), MultiTaskNet(**SETTINGS)).fit(X, sold)
    scaled = pipeline[0].transform(X)
    reports = [
        task_report(pipeline, X, sold),
        task_report(pipeline[-1], scaled, sold),
        task_report(pipeline[-1].task_view(0), scaled, sold),
    ]
    assert str(reports[0]) == str(reports[1]) == str(reports[2])
    assert reports[0].task_names == ["sold"]
    assert reports[0].table["n_positives"][0] == (sold == "yes").sum()


def test_the_report_as_frame_text_and_html(model, data):
    X, y = data
    report = task_report(model, X, y)
    frame = report.frame()
    assert list(frame.index) == list(y.columns)
    assert_array_equal(frame["mae_high"], report.table["mae_high"])
    text = str(report)
    assert text.count("\n\n") == 5  # a table for each set of metrics
    (line,) = (line for line in text.splitlines() if line.strip().startswith("price"))
    assert f"{report.table['r2'][2]:.3g}"[:5] in line
    assert "90% intervals" in text
    renamed = task_report(pipeline_named("<b>"), X, y["sold"].rename("<b>"))
    assert "&lt;b&gt;" in renamed._repr_html_()
    assert "<b>" not in renamed._repr_html_()
    assert repr(report) == "TaskReport(n_tasks=5, n_rows=90)"


def pipeline_named(name):
    rng = np.random.default_rng(0)
    return MultiTaskNet(**SETTINGS).fit(rng.normal(size=(20, 3)), pd.Series(rng.integers(0, 2, 20), name=name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"confidence": 1}, "confidence must be"),
        ({"n_draws": -1}, "n_draws must be"),
        ({"groups": [1, 2]}, "groups must be one for each of the 90 rows"),
        ({"groups": [None] * 90}, "groups must not be missing"),
        ({"metrics": "auc"}, "metric must be one of"),
        ({"metrics": {"sould": "f1"}}, "unknown task 'sould'"),
        ({"metrics": {"sold": "r2"}}, "metric r2 is for numbers, but task 'sold'"),
        ({"metrics": []}, "holds none that suits"),
        ({"metrics": [lambda y_true, y_pred: 0, lambda y_true, y_pred: 1]}, "several of the name '<lambda>'"),
        ({"y_train": np.full((4, 5), np.nan)}, "'sold' has no label in y_train"),
        ({"sample_weight": np.ones(3)}, "sample_weight must have shape"),
    ],
)
def test_bad_arguments_are_named(model, data, settings, message):
    with pytest.raises(ValueError, match=message):
        task_report(model, *data, **settings)


def test_rows_and_tasks_must_be_those_of_the_model(model, data):
    X, y = data
    with pytest.raises(ValueError, match="X has 80 rows, y has 90"):
        task_report(model, X[:80], y)
    with pytest.raises(ValueError, match="order"):
        task_report(model, X, y.iloc[:, ::-1])


def test_a_view_is_reported_by_the_kind_of_its_task(model, data):
    X, y = data
    of_all = task_report(model, X, y, n_draws=0)
    for place, name in enumerate(y):
        of_one = task_report(model.task_view(name), X, y[name], n_draws=0)
        assert of_one.metrics[0] == of_all.metrics[place]
        for metric in of_one.metrics[0]:
            assert of_one.table[metric][0] == of_all.table[metric][place]


def test_few_groups_tell_no_interval(model, data):
    X, y = data
    few = np.arange(90) % 4
    report = task_report(model, X, y, groups=few)
    assert np.isnan([values for name, values in report.table.items() if name.endswith(("_low", "_high"))]).all()
    assert report.not_better == list(y)
    mixed = np.arange(90).astype(object)
    mixed[0] = "first"
    assert np.isfinite(task_report(model, X, y, groups=mixed).table["r2_low"][2])
    rare = np.where(y["sold"] == 1, few, np.arange(90))  # many groups, but those with the rarer class are few
    assert np.isnan(task_report(model, X, y, groups=rare).table["roc_auc_low"][0])
