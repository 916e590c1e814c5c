"""What a transfer report says of tasks whose relation is known, and how it says it."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.inspection import TransferDisplay, TransferReport, transfer_report
from skmtl.inspection._bootstrap import bootstrap_mean_gain
from skmtl.inspection._paired_tests import paired_test
from skmtl.inspection._row_noise import row_noise
from skmtl.metrics import delta_m
from skmtl.model_selection import MultiTaskKFold
from skmtl.model_selection._task_subsets import measure_subsets

KINDS = ["regression", "binary", "multiclass"]
NAMES = ["task0", "task1", "task2"]
X, Y = make_related_tasks(120, 8, 3, missing=0.2, kinds=KINDS, random_state=0)
SETTINGS = {"hidden_layer_sizes": (5,), "n_estimators": 1, "max_iter": 5, "dtype": "float64", "random_state": 0}


def net(**params):
    return MultiTaskNet(**{"tasks": KINDS, **SETTINGS, **params})


@pytest.fixture(scope="module")
def report():
    return transfer_report(net(), X, Y, cv=3, subsets="leave_one_out", own_recipe=True)


@pytest.fixture(scope="module")
def measured():
    return measure_subsets(net(), X, Y, [(0,), (1,), (2,), (0, 1, 2)], cv=3)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_columns_are_what_was_measured(report, measured):
    table = report.table
    alone = measured.scores[range(3), :, range(3)]
    np.testing.assert_allclose(table["single"], alone.mean(axis=1), rtol=1e-10)
    np.testing.assert_allclose(table["joint"], measured.scores[3].mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(table["gain"], 100 * (1 - table["joint"] / table["single"]), rtol=1e-8)
    assert report.delta_m == pytest.approx(table["gain"].mean())
    assert report.delta_m == pytest.approx(delta_m(table["joint"], table["single"], greater_is_better=False))
    ratio = measured.scores[3, :, 1].mean() / alone[1].mean()
    relative = 1 - ratio - (measured.scores[3, :, 1] - ratio * alone[1]) / alone[1].mean()
    noise = row_noise(measured, 1, 1, 3)
    test = paired_test(relative, np.mean(measured.n_test[:, 1] / measured.n_train[:, 1]), 0.01, 0.1, noise)
    assert table["p_value"][1] == pytest.approx(test.p_value)
    assert (table["low"][1], table["high"][1]) == pytest.approx((100 * test.low, 100 * test.high))
    np.testing.assert_allclose(table["p_worse"] + table["p_same"] + table["p_better"], 1)
    assert table["n_labels"].tolist() == [96, 96, 96]


def test_folds_of_hard_rows_do_not_hide_a_gain_that_all_folds_show(measured):
    scores = measured.scores.copy()
    scores[range(3), :, range(3)] = [0.5, 1.0, 2.0]  # errors of the tasks alone
    scores[3] = 0.8 * np.array([[0.5], [1.0], [2.0]])
    table = TransferReport(
        replace(measured, scores=scores), rope=0.01, level=0.1, by_losses=False, rng=np.random.RandomState(0)
    ).table
    for name in ("gain", "low", "high"):
        np.testing.assert_allclose(table[name], 20)
    assert (table["p_value"] < 1e-9).all()


def test_a_task_alone_gains_exactly_nothing(report):
    for k, gains in enumerate(report.subset_gains[:3]):
        assert gains[k] == 0
        assert np.isnan(np.delete(gains, k)).all()


def test_leave_one_out(report):
    assert report.subsets[3] == tuple(NAMES)
    assert report.subsets[4:] == [("task1", "task2"), ("task0", "task2"), ("task0", "task1")]
    np.testing.assert_allclose(report.subset_gains[3], report.table["gain"])
    assert (np.isnan(report.subset_gains[4:]) == np.eye(3, dtype=bool)).all()


def test_subsets_by_name():
    report = transfer_report(net(), X, Y, cv=2, subsets=[["task2", "task0"], ["task1"]])
    assert report.subsets == [("task0",), ("task1",), ("task2",), tuple(NAMES), ("task0", "task2")]


def test_the_own_recipe_is_a_fit_of_the_task_alone(report):
    for k, kind in enumerate(KINDS):
        scores = []
        for train, test in MultiTaskKFold(3).split(X, Y):
            seed = np.random.RandomState(0).randint(2**31 - 1, size=1)[0]
            rows = train[~np.isnan(Y[train, k])]
            model = net(tasks=[kind], random_state=seed).fit(X[rows], Y[rows, k : k + 1])
            test = test[~np.isnan(Y[test, k])]
            if k == 0:
                errors = model.predict(X[test])[:, 0] - Y[test, 0]
                scores.append(np.sqrt(np.mean(errors**2)) / Y[rows, 0].std())
            else:
                scores.append(-np.log(model.predict_proba(X[test])[0][range(len(test)), Y[test, k].astype(int)]).mean())
        assert report.table["single_own"][k] == pytest.approx(np.mean(scores), rel=1e-7)


def test_class_weights_by_task_reach_the_own_recipe():
    y = Y[:, 1:] > 0
    model = MultiTaskNetClassifier(**SETTINGS, class_weight={"task1": {True: 9}})
    weighted, plain = (
        transfer_report(m, X, y, cv=2, own_recipe=True).table["single_own"]
        for m in (model, MultiTaskNetClassifier(**SETTINGS))
    )
    assert (weighted == plain).tolist() == [True, False]


def test_the_bootstrap_of_equal_networks_is_0(measured):
    rng = np.random.RandomState(0)
    draws = bootstrap_mean_gain(measured, np.full(3, 3), 3, 50, rng)
    assert (draws == 0).all()


def test_the_bootstrap_centres_on_the_mean_gain_and_knows_groups(report, measured):
    draws = 100 * bootstrap_mean_gain(measured, np.arange(3), 3, 400, np.random.RandomState(0))
    assert draws.mean() == pytest.approx(report.delta_m, abs=3 * draws.std() / 10)
    assert report.delta_m_interval == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])), abs=draws.std() / 2)
    one_group = replace(measured, unit_of_row=np.zeros(120, dtype=int))
    np.testing.assert_allclose(
        100 * bootstrap_mean_gain(one_group, np.arange(3), 3, 5, np.random.RandomState(0)), report.delta_m, rtol=1e-8
    )


def test_weights_of_rows_count_in_the_bootstrap_as_repeated_rows_do(measured):
    rng = np.random.RandomState(1)
    counts = rng.randint(1, 4, 120)
    weighted = replace(measured, cell_weights=counts[measured.cells[0]].astype(float), unit_of_row=np.zeros(120, int))
    errors = []
    for k in (0, 3):
        losses = measured.losses(k)[0]
        by_fold = []
        for test in measured.test_rows:
            rows = np.repeat(test, counts[test])
            by_fold.append(np.sqrt(np.nanmean(losses[rows, 0])))
        errors.append(np.mean(by_fold))
    only_first = replace(weighted, cell_losses=np.where(measured.cells[1] == 0, measured.cell_losses, np.nan))
    gain = bootstrap_mean_gain(only_first, np.arange(3), 3, 1, rng)
    assert gain[0] == pytest.approx(1 - errors[1] / errors[0])


def test_metrics_by_task_and_their_directions():
    scoring = {"task0": "rmse", "task1": "accuracy", "task2": "log_loss"}
    report = transfer_report(net(), X, Y, cv=3, scoring=scoring)
    table = report.table
    sign = np.array([-1, 1, -1])
    np.testing.assert_allclose(table["gain"], 100 * sign * (table["joint"] / table["single"] - 1))
    assert report.greater_is_better.tolist() == [False, True, False]
    low, high = report.delta_m_interval
    assert low < report.delta_m < high


def test_a_score_that_is_not_positive_has_no_gain_in_percent():
    noise = np.random.default_rng(0).normal(size=(60, 2))
    model = MultiTaskNetRegressor(**SETTINGS | {"max_iter": 60, "early_stopping": False})
    with pytest.raises(ValueError, match=r"Task 'task0': a relative gain needs a positive reference.*an error"):
        transfer_report(model, X[:60], noise, cv=2, scoring="r2")


def test_tasks_that_cannot_be_scored_are_named():
    y = Y.copy()
    y[40:, 2] = np.nan
    folds = [(np.arange(80), np.arange(80, 120)), (np.r_[:60, 80:120], np.arange(60, 80))]
    report = transfer_report(net(), X, y, cv=folds)
    assert report.unscored == ["task2"]
    assert "+nan" not in str(report)
    assert np.isnan([report.table[name][2] for name in ("gain", "low", "p_value", "p_holm", "p_better")]).all()
    assert np.isfinite(report.delta_m)
    assert np.isfinite(report.delta_m_interval).all()
    assert "Not scored: task2." in str(report)


def test_copies_with_more_labels_help_a_task_with_few():
    X, Y = make_related_tasks(500, 6, 2, relatedness=1.0, missing=[0.85, 0.0], random_state=0)
    model = MultiTaskNetRegressor(hidden_layer_sizes=(32,), n_estimators=1, max_iter=40, random_state=0)
    report = transfer_report(model, X, Y, n_repeats=2)
    assert report.positive == ["task0"]
    assert report.table["p_better"][0] > 0.95


def test_noise_is_no_relation():
    rng = np.random.default_rng(0)
    model = MultiTaskNetRegressor(hidden_layer_sizes=(16,), n_estimators=1, max_iter=10, random_state=0)
    named = []
    for _ in range(3):
        report = transfer_report(model, rng.normal(size=(100, 5)), rng.normal(size=(100, 3)))
        named += report.positive + report.negative
    assert named == []


def test_pipelines_and_the_number_of_members():
    model = make_pipeline(StandardScaler(), net(n_estimators=3))
    few = transfer_report(model, X * 9 + 1, Y, cv=2, n_estimators=1)
    same = transfer_report(make_pipeline(StandardScaler(), net(n_estimators=1)), X * 9 + 1, Y, cv=2, n_estimators=None)
    np.testing.assert_allclose(few.table["gain"], same.table["gain"])
    assert model[-1].n_estimators == 3
    scaled = transfer_report(net(), StandardScaler().fit_transform(X * 9 + 1), Y, cv=2)
    np.testing.assert_allclose(few.table["joint"], scaled.table["joint"], rtol=0.05)


def test_text_html_and_frames(report):
    pd = pytest.importorskip("pandas")
    lines = str(report).splitlines()
    assert lines[0].startswith(f"Mean gain of the 3 tasks by being learned together: {report.delta_m:+.1f}% (90%")
    assert lines[1:3] == ["Gaining: none.", "Losing: none."]
    assert lines[4].split()[:5] == ["task", "single", "single_own", "joint", "gain"]
    assert [line.split()[0] for line in lines[5:]] == NAMES
    assert "single_own" not in str(transfer_report(net(), X, Y, cv=2))
    assert repr(report) == f"TransferReport(n_tasks=3, delta_m={report.delta_m:.2f})"
    assert report._repr_html_().count("<tr>") == 4
    pd.testing.assert_index_equal(report.frame().index, pd.Index(NAMES, name="task"))
    assert report.frame("subsets").loc["task0, task1", "task1"] == report.subset_gains[6, 1]
    with pytest.raises(ValueError, match="what must be one of 'tasks', 'subsets'"):
        report.frame("all")


def test_names_are_escaped_in_html():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Y, columns=["<b>", "b", "c"])
    assert "<b>" not in transfer_report(net(), X, frame, cv=2)._repr_html_()


def test_display(report):
    figure, ax = plt.subplots()
    display = report.plot(ax=ax, capsize=7)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    points = [bar.lines[0].get_xdata()[0] for bar in display.errorbars_]
    np.testing.assert_allclose(points, report.table["gain"])
    assert display.plot() is display
    assert display.ax_ is not ax
    kept = TransferDisplay.from_report(report)
    kept.negative = ["task1"]
    colors = [bar.lines[0].get_color() for bar in kept.plot().errorbars_]
    assert colors == ["0.5", "C3", "0.5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": Y[:, :1]}, "y must have two or more"),
        ({"subsets": "all"}, "subsets must be 'single', 'leave_one_out' or a list"),
        ({"cv": []}, "No task can be scored: its metric must suit its kind"),
        ({"subsets": [["task9"]]}, "subsets names the unknown task 'task9'"),
        ({"rope": -1}, "rope must be a number of at least 0"),
        ({"level": 1}, "level must be a number above 0 and below 1"),
        ({"n_estimators": 0}, "n_estimators must be an integer of at least 1 or None"),
        ({"own_recipe": 1}, "own_recipe must be True or False"),
    ],
)
def test_bad_input(change, message):
    given = {"y": Y, "cv": 2, **change}
    y = given.pop("y")
    with pytest.raises(ValueError, match=message):
        transfer_report(net(tasks=KINDS[: y.shape[1]]), X, y, **given)
    with pytest.raises(TypeError, match="transfer_report needs one of skmtl's estimators"):
        transfer_report(LinearRegression(), X, Y)
