"""Labels and names that go into a fit come out of predictions, classes, scores and metrics."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import KFold, cross_val_score

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.metrics import accuracy, balanced_accuracy, delta_m, f1, log_loss, make_task_scorer, pinball_loss, r2
from skmtl.model_selection import MultiTaskSearchCV, cross_val_predict, cross_validate
from tests._tables import entries

N = 30
X = np.random.default_rng(0).normal(size=(N, 3))
CYCLE = np.arange(N)
BIT = CYCLE % 2
IDS = 2**53 + CYCLE % 3
TINY = {"hidden_layer_sizes": (4,), "n_estimators": 1, "max_iter": 2, "random_state": 0}


def classifier(**given):
    return MultiTaskNetClassifier(**TINY, **given)


HOLES = [None if k % 5 == 0 else int(v) for k, v in enumerate(BIT)]
ANIMALS = np.array(["cow", "fox", "hen"])[CYCLE % 3]
ARRAYS = {
    "Int64": (pd.Series(BIT, dtype="Int64").values, [0, 1]),
    "Int64 with NA": (pd.Series(HOLES, dtype="Int64").values, [0, 1]),
    "boolean": (pd.Series(BIT == 1, dtype="boolean").values, [False, True]),
    "text": (pd.DataFrame({"a": ANIMALS.tolist()})["a"].values, ["cow", "fox", "hen"]),
    "categories": (pd.Categorical(ANIMALS), ["cow", "fox", "hen"]),
    "polars": (pl.Series(HOLES), [0, 1]),
    "numpy strings": (ANIMALS.astype(np.dtypes.StringDType()), ["cow", "fox", "hen"]),
    "tensor": (torch.tensor(BIT), [0, 1]),
    "huge unsigned": (IDS.astype(np.uint64) + np.uint64(2**63), [2**63 + 2**53 + k for k in range(3)]),
}


@pytest.mark.parametrize(("y", "classes"), entries(ARRAYS))
def test_classes_and_scores(y, classes):
    net = classifier().fit(X, y)
    assert net.classes_.tolist() == classes
    predicted = net.predict(X)
    assert predicted.dtype == net.classes_.dtype
    assert net.score(X, y) == pytest.approx(accuracy(y, predicted))
    assert net.score(X, y) == pytest.approx(make_task_scorer("accuracy")(net, X, y))
    assert 0 <= balanced_accuracy(y, predicted) <= 1
    assert net.fit(X, predicted).classes_.dtype == predicted.dtype


BESIDE = {
    "numbers": (MultiTaskNet(tasks={"id": "multiclass"}, **TINY), pd.DataFrame({"id": IDS, "v": X[:, 0]})),
    "signed": (classifier(), pd.DataFrame({"id": IDS.astype("uint64"), "v": IDS})),
    "floats": (classifier(), pd.DataFrame({"id": IDS, "v": BIT.astype(float)})),
    "bytes": (classifier(), pd.DataFrame({"id": np.array([b"a", b"b"])[BIT], "v": np.array(["x", "y"])[BIT]})),
}


@pytest.mark.parametrize(("net", "y"), entries(BESIDE))
def test_labels_beside_others_come_back(net, y):
    net.fit(X, y)
    frame, array = net.predict_frame(X), net.predict(X)
    assert array[:, 0].tolist() == frame["id"].tolist()
    for metric, name in ((accuracy, "accuracy"), (balanced_accuracy, "balanced_accuracy"), (f1, "f1")):
        known = {"classes": [net.classes_[0]]} if metric is f1 else {}
        expected = metric(y[["id"]], frame[["id"]], **known)
        assert make_task_scorer(name, task="id")(net, X, y) == pytest.approx(expected)
    assert net.score_tasks(X, y)["id"] == pytest.approx(accuracy(y["id"], frame["id"]))


def test_small_integers_beside_numbers_stay_numbers():
    y = pd.DataFrame({"id": CYCLE % 3, "v": X[:, 0]})
    assert MultiTaskNet(tasks={"id": "multiclass"}, **TINY).fit(X, y).predict(X).dtype == np.float64


@pytest.mark.parametrize("mark", [[-1, -9], (-1, -9), {-1, -9}, np.array([-1, -9]), pd.Series([-1, -9])])
def test_several_missing_labels(mark):
    y = BIT.copy()
    y[::7], y[1::9] = -1, -9
    net = classifier(missing_label=mark).fit(X, y)
    assert net.classes_.tolist() == [0, 1]
    assert net.score(X, y) == pytest.approx(accuracy(y, net.predict(X), missing_label=mark))
    assert classifier(missing_label=mark).partial_fit(X, y, classes=np.unique(y)).classes_.tolist() == [0, 1]


OTHER = {
    "strings": (BIT, BIT.astype(str)),
    "integers": (BIT.astype(str), BIT),
    "bytes": (BIT.astype(str), BIT.astype("S")),
    "text": (BIT, pd.Series(BIT.astype(str)).values),
    "fractions": (BIT, BIT / 2),
}


@pytest.mark.parametrize(("y", "other"), entries(OTHER))
def test_labels_of_another_type_are_no_score(y, other):
    net = classifier().fit(X, y)
    for score in (
        net.score,
        net.score_tasks,
        net.task_view(0).score,
        net.partial_fit,
        lambda X, y: make_task_scorer("accuracy")(net, X, y),
        lambda X, y: accuracy(y, net.predict(X)),
        lambda X, y: f1(y, net.predict(X)),
        lambda X, y: net.fit(X, BIT.astype(net.classes_.dtype), X_val=X, y_val=y),
    ):
        with pytest.raises(ValueError, match="task0"):
            score(X, other)


def test_labels_of_another_type_for_numbers():
    net = MultiTaskNetRegressor(**TINY).fit(X, X[:, 0])
    for score in (net.score, net.task_view(0).score, net.partial_fit, lambda X, y: r2(y, net.predict(X))):
        with pytest.raises(ValueError, match=r"'task0': y.* has string labels, such as '0', .* number labels"):
            score(X, BIT.astype(str))
    assert np.isfinite(net.score(X, BIT == 1))


def test_probabilities_are_no_labels():
    y = np.column_stack([BIT, CYCLE % 3])
    net = classifier().fit(X, y)
    with pytest.raises(ValueError, match="as predict_proba returns them"):
        accuracy(y, net.predict_proba(X))
    with pytest.raises(ValueError, match="'task0': y_pred is continuous"):
        balanced_accuracy(BIT, net.predict_proba(X)[0][:, 1])


# names ----------------------------------------------------------------------------------------------------------------


def test_integer_names():
    y = pd.DataFrame(np.column_stack([BIT, 1 - BIT]))
    net = classifier(loss_weights={0: 3.0}).fit(X, y)
    assert_allclose(net.loss_weights_, [0.75, 0.25])
    assert net.predict_frame(X).columns.tolist() == [0, 1]
    assert list(net.score_tasks(X, y)) == [0, 1]
    assert net.score(X, y) == net.score(X, y.to_numpy())
    turned = classifier().fit(X, pd.DataFrame({1: BIT, 0: np.array(["no", "yes"])[BIT]}))
    assert turned.task_view(0).classes_.tolist() == ["no", "yes"]
    assert turned.task_view(np.int64(1)).classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="task must be the name of a task, 1, 0"):
        turned.task_view(True)
    with pytest.raises(ValueError, match="in the order of fit, 1, 0; got 0, 1"):
        turned.score(X, pd.DataFrame({0: np.array(["no", "yes"])[BIT], 1: BIT}))


@pytest.mark.parametrize(
    "names",
    [
        *(["macro", "worst"], ["", "a__b"], [("a", 1), ("b", 2)], ["sharing", "loss"], [5, "5"], ["mean", "worst"]),
        *(["task1", "task0"], [1, 0], [2.5, 0.0], [True, "True"]),
    ],
)
def test_names_that_mean_something_elsewhere(names):
    columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    y = pd.DataFrame(np.column_stack([BIT, CYCLE % 3]), columns=columns)
    net = classifier(loss_weights={names[0]: 3.0}).fit(X, y)
    assert net.task_names_.tolist() == names
    assert net.predict_frame(X).columns.tolist() == names
    scores = net.score_tasks(X, y)
    for name in names:
        assert make_task_scorer("accuracy", task=name)(net, X, y) == pytest.approx(scores[name])
        assert net.task_view(name).score(X, y[name]) == scores[name]
    assert net.score(X, y.to_numpy()) == net.score(X, y) == accuracy(y, net.predict(X))
    for cross in (cross_val_score, cross_validate):
        cross(net, X, y, cv=KFold(2), scoring=make_task_scorer("accuracy"))


def test_a_series_names_its_task():
    net = classifier().fit(X, pd.Series(BIT, name="sold"))
    assert net.task_names_.tolist() == ["sold"]
    assert net.predict_frame(X).columns.tolist() == ["sold"]
    assert net.score(X, pd.Series(BIT, name="sold again")) == net.score(X, BIT)


def test_metrics_match_columns_by_name():
    y = pd.DataFrame({"a": BIT, "c": 1 - BIT})
    for metric in (accuracy, r2):
        assert metric(y, y) == metric(y, y.to_numpy()) == metric(y, pd.DataFrame(y.to_numpy())) == 1
        table = pl.DataFrame({"c": y["c"].to_list(), "a": y["a"].to_list()})
        for guess in (y[["c", "a"]], table, y.rename(columns={"a": "b"})):
            with pytest.raises(ValueError, match="y_pred must be the tasks in the order of y_true, 'a', 'c'"):
                metric(y, guess)
    with pytest.raises(ValueError, match="columns of y_pred"):
        accuracy(y.to_numpy(), y, task_names=["c", "a"])


def test_series_are_read_by_name():
    y = pd.DataFrame({"a": BIT, "b": 1 - BIT})
    by_name = {"b": 3.0, "a": 1.0}
    assert_allclose(classifier(loss_weights=pd.Series(by_name)).fit(X, y).loss_weights_, [0.25, 0.75])
    with pytest.raises(ValueError, match="loss_weights names the unknown task 'p'"):
        classifier(loss_weights=pd.Series({"p": 3.0, "q": 1.0})).fit(X, y)
    wrong = y.assign(a=1 - BIT)
    assert accuracy(y, wrong, average="weighted", task_weights=pd.Series(by_name)) == 0.75
    levels = pd.Series({"b": 0.9})
    assert pinball_loss(y, wrong, level=levels) == pinball_loss(y, wrong, level={"b": 0.9})
    assert delta_m(pd.Series({"b": 2.0, "a": 1.0}), pd.Series({"a": 1.0, "b": 1.0})) == 50
    assert_allclose(delta_m(pd.Series([1.0, 2.0]), [1.0, 1.0]), 50)
    mixed = MultiTaskNet(tasks=pd.Series({"b": "regression"}), **TINY).fit(X, y)
    assert [task.kind.is_classifier for task in mixed.tasks_] == [True, False]
    losses = MultiTaskNetRegressor(loss=pd.Series({"b": "huber"}), **TINY).fit(X, y)
    assert [type(task.kind).__name__ for task in losses.tasks_] == ["SquaredError", "Huber"]
    with pytest.raises(TypeError, match="tasks must be a dict by task name or a sequence"):
        MultiTaskNet(tasks={"binary", "regression"}, **TINY).fit(X, y)


def test_class_weight_as_a_series():
    expected = classifier(class_weight={0: 1.0, 1: 2.0}).fit(X, BIT).predict_proba(X)
    given = classifier(class_weight=pd.Series({1: 2.0, 0: 1.0})).fit(X, BIT)
    assert_array_equal(given.predict_proba(X), expected)
    for value in (np.array([1, 2]), [1, 2], {0, 1}):
        with pytest.raises(ValueError, match=r"class_weight must (be None|have one entry for each of the 1 tasks)"):
            classifier(class_weight=value).fit(X, BIT)


@pytest.mark.parametrize("rows", [X.tolist(), tuple(map(tuple, X.tolist())), torch.tensor(X)])
def test_frames_of_rows_without_an_index(rows):
    net = classifier().fit(X, np.column_stack([BIT, CYCLE % 3]))
    assert net.predict_frame(rows).equals(net.predict_frame(X))


# kinds in folds -------------------------------------------------------------------------------------------------------


def test_folds_do_not_change_the_kind_of_a_task():
    v = BIT.astype(float)
    v[:3] = 0.5
    y = pd.DataFrame({"v": v, "s": ANIMALS})
    net = MultiTaskNet(**TINY)
    fitted = cross_validate(net, X, y, cv=KFold(3), return_estimator=True, error_score="raise")["estimator"]
    search = MultiTaskSearchCV(net, {"activation": ["tanh", "relu"]}, cv=KFold(3), error_score="raise").fit(X, y)
    kinds = {tuple(type(task.kind).__name__ for task in one.tasks_) for one in [*fitted, search.best_estimator_]}
    assert kinds == {("SquaredError", "Multiclass")}
    numbers, classes = cross_val_predict(net, X, y, cv=KFold(3), method="predict_proba")
    assert numbers is None
    assert classes.shape == (N, 3)
    assert net.tasks is None
    with pytest.raises(ValueError, match=r"'v' was fitted as one of classes.* holds the fraction 0.5"):
        cross_val_score(net, X, y, cv=KFold(3), error_score="raise")


def test_out_of_fold_probabilities_are_scored():
    net = MultiTaskNetClassifier(hidden_layer_sizes=(4,), n_estimators=8, max_iter=2, early_stopping=True)
    rows, y = np.tile(X, (3, 1)) + np.arange(90)[:, None], np.tile(np.column_stack([BIT, CYCLE % 3]), (3, 1))
    net.set_params(random_state=0).fit(rows, y)
    assert np.isfinite(log_loss(y, net.oof_proba_, classes=net.classes_))
    assert [p.dtype for p in net.oof_proba_] == [np.float64] * 2


def test_corrected_probabilities_have_the_type_of_others():
    rows = np.random.default_rng(0).normal(size=(120, 2)).repeat(2, axis=0)
    y = pd.DataFrame({"a": rows[:, 0] * rows[:, 1] > 0, "b": np.random.default_rng(1).integers(0, 2, 240)})
    net = (
        classifier(local_correction=True, early_stopping=True, dtype="float32").set_params(n_estimators=8).fit(rows, y)
    )
    assert {p.dtype for p in net.predict_proba(rows)} == {np.dtype(np.float32)}
    assert_allclose(net.predict_proba(rows)[0].sum(axis=1), 1, rtol=1e-6)
