"""The grid shows of each task what scikit-learn's display for one target shows of its observed cells."""

from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNet
from skmtl.inspection import PerformanceDisplay
from skmtl.inspection._performance import _DRAWN, Drawing

KINDS = {"sold": "binary", "part": "multiclass", "price": "regression"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    part = np.array(["a", "b", "c"])[rng.integers(0, 3, 80)]
    y = pd.DataFrame({"sold": X[:, 0] > 0, "part": part, "price": X[:, 1]}).astype(object)
    return X, y.where(rng.random(y.shape) < 0.7)


@pytest.fixture(scope="module")
def model(data):
    net = MultiTaskNet(tasks=KINDS, hidden_layer_sizes=(8,), n_estimators=1, max_iter=3, random_state=0)
    return make_pipeline(StandardScaler(), net).fit(*data)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def seen(y, task, predicted):
    known = y[task].notna().to_numpy()
    return y[task][known].to_numpy().astype(str if task == "part" else float), predicted[known]


def test_every_task_has_the_picture_of_its_kind(model, data):
    X, y = data
    display = PerformanceDisplay.from_estimator(model, X, y)
    assert display.task_names == list(KINDS)
    assert display.kinds == ["roc", "confusion", "prediction_error"]
    assert [ax.get_title() for ax in display.axes_] == [f"{task} ({y[task].notna().sum()} labels)" for task in y]
    (roc,), (confusion,), (error,) = display.displays_
    truth, scores = seen(y, "sold", model.predict_proba(X)[0][:, 1])
    assert_allclose(roc.roc_auc, roc_auc_score(truth, scores))
    assert_allclose([roc.fpr, roc.tpr], roc_curve(truth, scores)[:2])
    assert display.axes_[0].get_xlabel() == "False Positive Rate"
    truth, predicted = seen(y, "part", model.predict(X)[:, 1])
    assert_array_equal(confusion.confusion_matrix, confusion_matrix(truth, predicted.astype(str)))
    truth, predicted = seen(y, "price", model.predict(X)[:, 2])
    assert_array_equal(error.y_true, truth)
    assert_array_equal(error.y_pred, predicted)


def test_the_type_of_kinds_has_the_names_that_are_known():
    assert get_args(Drawing) == tuple(_DRAWN)


def test_a_kind_draws_the_tasks_that_it_is_for(model, data):
    X, y = data
    curves = PerformanceDisplay.from_estimator(model, X, y, kind="precision_recall")
    assert curves.task_names == ["sold", "part"]
    assert [len(displays) for displays in curves.displays_] == [1, 3]
    truth, scores = seen(y, "part", model.predict_proba(X)[1][:, 2])
    expected = precision_recall_curve(truth == "c", scores)
    third = curves.displays_[1][2]
    assert_allclose(third.precision, expected[0])
    assert third.name == "c"
    mixed = PerformanceDisplay.from_estimator(model, X, y, kind={"price": "residuals", "part": "calibration"})
    assert mixed.kinds == ["roc", "calibration", "residuals"]
    one = PerformanceDisplay.from_estimator(model, X, y, tasks=["price"])
    assert one.kinds == ["prediction_error"]


def test_weights_count_and_cells_of_weight_zero_do_not(model, data):
    X, y = data
    weights = np.arange(80) % 4
    display = PerformanceDisplay.from_estimator(model, X, y, kind="confusion", sample_weight=weights)
    times = np.repeat(np.arange(80), weights)
    repeated = PerformanceDisplay.from_estimator(model, X[times], y.iloc[times], kind="confusion")
    for (one,), (other,) in zip(display.displays_, repeated.displays_, strict=True):
        assert_array_equal(one.confusion_matrix, other.confusion_matrix)


def test_what_cannot_be_drawn_says_so_without_a_warning(model, data):
    X, y = data
    y = y.assign(sold=y["sold"].where(y["sold"] != 1), price=None)
    display = PerformanceDisplay.from_estimator(model, X, y)
    assert [len(displays) for displays in display.displays_] == [0, 1, 0]
    texts = [[text.get_text() for text in display.axes_[k].texts] for k in (0, 2)]
    assert texts == [["labels of one class"], ["no labels"]]


def test_predictions_are_drawn_as_those_of_the_estimator(model, data):
    X, y = data
    expected = PerformanceDisplay.from_estimator(model, X, y, kind="roc")
    display = PerformanceDisplay.from_predictions(y, model.predict_proba(X), kind="roc", classes=model[-1].classes_)
    assert display.task_names == ["sold", "part"]
    for one, other in zip(expected.displays_, display.displays_, strict=True):
        assert [curve.roc_auc for curve in one] == [curve.roc_auc for curve in other]
    with pytest.raises(ValueError, match="No task has a label and a prediction"):
        PerformanceDisplay.from_predictions(y[["price"]], [None], kind="roc")


def test_axes_are_given_or_made(model, data):
    X, y = data
    figure, axes = plt.subplots(2, 2)
    with pytest.raises(ValueError, match="one Axes for each of the 3 tasks; got 4"):
        PerformanceDisplay.from_estimator(model, X, y, ax=axes)
    display = PerformanceDisplay.from_estimator(model, X, y, ax=axes.ravel()[:3])
    assert display.figure_ is figure
    many = PerformanceDisplay(cells=display.cells[2:] * 5, kinds=["residuals"] * 5).plot()
    assert len(many.figure_.axes) == len(many.axes_) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "auc"}, "kind must be one of"),
        ({"kind": {"sold": "residuals"}}, "'residuals' is not for the kind of task 'sold'"),
        ({"kind": "residuals", "tasks": ["sold"]}, "not for the kind of any task"),
        ({"kind": {"bought": "roc"}}, "unknown task 'bought'"),
        ({"tasks": ["bought"]}, "does not know"),
    ],
)
def test_bad_arguments_are_named(model, data, settings, message):
    with pytest.raises(ValueError, match=message):
        PerformanceDisplay.from_estimator(model, *data, **settings)


def test_rows_are_counted_and_one_task_needs_no_list(model, data):
    X, y = data
    with pytest.raises(ValueError, match="X has 79 rows, y has 80"):
        PerformanceDisplay.from_estimator(model, X[1:], y)
    numbered = MultiTaskNet(tasks=["binary", "regression"], hidden_layer_sizes=(4,), n_estimators=1, max_iter=1)
    labels = y[["sold", "price"]].astype(float).set_axis([7, 8], axis=1)
    assert PerformanceDisplay.from_estimator(numbered.fit(X, labels), X, labels, tasks=8).task_names == [8]
