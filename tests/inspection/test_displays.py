"""Displays show what the history holds."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skmtl import MultiTaskNet
from skmtl.balancing import Recorded
from skmtl.inspection import GradientConflictDisplay, LearningCurveDisplay, LossWeightDisplay, TaskRelatednessDisplay

DISPLAYS = [LearningCurveDisplay, LossWeightDisplay, GradientConflictDisplay, TaskRelatednessDisplay]
NAMES = ["task0", "task1", "task2"]
KINDS = ["binary", "regression", "binary"]  # the network sees them in another order
SETTINGS = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 4, "random_state": 0, "tasks": KINDS}


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    opposed = (X[:, 0] > 0).astype(float)
    return X, np.column_stack([opposed, X[:, 1] + X[:, 2], 1 - opposed])


@pytest.fixture(scope="module")
def model():
    return MultiTaskNet(balancing=Recorded("imtl_g"), **SETTINGS).fit(*data())


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_learning_curves_are_means_over_members(model):
    display = LearningCurveDisplay.from_estimator(model)
    assert [line.get_label() for line in display.lines_] == NAMES
    for task, (line, held_out) in enumerate(zip(display.lines_, display.validation_lines_, strict=True)):
        np.testing.assert_allclose(line.get_ydata(), model.history_["loss"][:, :, task].mean(1))
        np.testing.assert_allclose(held_out.get_ydata(), model.history_["validation_loss"][:, :, task].mean(1))
        assert line.get_color() == held_out.get_color()
        assert list(line.get_xdata()) == [1, 2, 3, 4]


def test_a_stopped_member_counts_with_its_last_losses(model):
    stopped = copy.copy(model)
    loss = model.history_["loss"].copy()
    loss[2:, 0], loss[3:, 1, 0], loss[1, 1, 1] = np.nan, np.nan, np.nan
    stopped.history_ = {**model.history_, "loss": loss}
    first, second, _ = (line.get_ydata() for line in LearningCurveDisplay.from_estimator(stopped).lines_)
    kept = loss.copy()
    kept[2:, 0] = loss[1, 0]
    kept[3:, 1, 0] = loss[2, 1, 0]
    np.testing.assert_allclose(first, kept[:, :, 0].mean(axis=1))
    np.testing.assert_allclose(second, np.nanmean(kept[:, :, 1], axis=1))  # a gap is no end


def test_learning_curves_without_held_out_rows():
    model = MultiTaskNet(early_stopping=False, **SETTINGS).fit(*data())
    display = LearningCurveDisplay.from_estimator(model)
    assert display.validation_lines_ == []
    assert display.best_ is None


def test_learning_curves_mark_the_epochs_whose_weights_are_kept():
    X, y = data()
    settings = {
        **SETTINGS,
        "max_iter": 12,
        "learning_rate_init": 0.3,
        "local_correction": False,
        "loss_weights": [3, 1, 1],
    }
    model = MultiTaskNet(n_iter_no_change=2, **settings).fit(X, y)
    best = LearningCurveDisplay.from_estimator(model).best_.get_xdata()
    assert best.max() < 12
    scores = (model.history_["validation_loss"] * [0.6, 0.2, 0.2]).sum(axis=2)
    for member, epoch in enumerate(best):
        known = scores[:, member][~np.isnan(scores[:, member])]
        assert known.argmin() + 1 == epoch


def test_the_history_is_a_tidy_frame(model):
    stopped = copy.copy(model)
    arrays = {name: values.copy() for name, values in model.history_.items()}
    for values in arrays.values():
        values[2:, 1] = np.nan
    stopped.history_ = arrays
    frame = stopped.history_frame()
    assert list(frame.columns) == ["epoch", "member", "task", "loss", "validation_loss", "weight"]
    assert len(frame) == (4 + 2) * 3
    row = frame[(frame["epoch"] == 2) & (frame["member"] == 1) & (frame["task"] == "task2")].iloc[0]
    assert row["loss"] == model.history_["loss"][1, 1, 2]
    assert row["weight"] == model.history_["weight"][1, 1, 2]
    means = frame.groupby(["epoch", "task"])["validation_loss"].mean().unstack()
    np.testing.assert_allclose(means.to_numpy()[0], model.history_["validation_loss"][0].mean(axis=0))


def test_loss_weights(model):
    display = LossWeightDisplay.from_estimator(model, tasks=["task2", "task0"], linewidth=3)
    assert [line.get_label() for line in display.lines_] == ["task2", "task0"]
    np.testing.assert_allclose(display.lines_[0].get_ydata(), model.history_["weight"][:, :, 2].mean(1))
    assert display.lines_[0].get_linewidth() == 3


def test_gradient_conflict_shows_the_opposed_tasks(model):
    display = GradientConflictDisplay.from_estimator(model)
    cosines = model.history_["gradient_cosines"]
    np.testing.assert_allclose(display.cosines, cosines.mean((0, 1)))
    np.testing.assert_allclose(np.diag(display.cosines), 1, rtol=1e-5)
    np.testing.assert_allclose(display.cosines, display.cosines.T, rtol=1e-6)
    assert display.text_[0, 2].get_text() == f"{display.cosines[0, 2]:.2f}"
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == NAMES
    last = GradientConflictDisplay.from_estimator(model, epoch=-1, include_values=False, cmap="PuOr")
    np.testing.assert_allclose(last.cosines, cosines[-1].mean(0))
    assert last.text_ is None
    assert last.im_.get_cmap().name == "PuOr"


def test_recorded_arrays_follow_the_order_of_the_label_matrix():
    """A task of loss weight 0 has no gradient; the network sees it last, the label matrix second."""
    record = ("gradient_norms", "gradient_cosines")
    history = (
        MultiTaskNet(loss_weights=[1, 0, 1], balancing=Recorded(quantities=record), **SETTINGS).fit(*data()).history_
    )
    without = np.array([False, True, False])
    assert (np.isnan(history["gradient_norms"]) == without).all()
    assert (np.isnan(history["gradient_cosines"]) == (without | without[:, None])).all()


@pytest.fixture(scope="module")
def relating():
    return MultiTaskNet(balancing="stch", sharing="relationship", **SETTINGS).fit(*data()).partial_fit(*data())


def test_relatedness_is_that_of_the_estimator(relating):
    display = TaskRelatednessDisplay.from_estimator(relating, tasks=["task2", "task0"])
    np.testing.assert_array_equal(display.relatedness, relating.task_relatedness_[[2, 0]][:, [2, 0]])
    assert display.text_[0, 1].get_text() == f"{relating.task_relatedness_[2, 0]:.2f}"
    first = TaskRelatednessDisplay.from_estimator(relating, call=0, include_values=False)
    np.testing.assert_array_equal(first.relatedness, relating.relatedness_history_[0])
    assert (first.relatedness != relating.task_relatedness_).any()
    with pytest.raises(ValueError, match=r"sharing='hard' and has no task_relatedness_. Fit it with sharing='relation"):
        TaskRelatednessDisplay.from_estimator(MultiTaskNet(**SETTINGS).fit(*data()))
    for call in (2, -3, "first"):
        with pytest.raises(ValueError, match="call must be the index of one of the 2 calls, or None"):
            TaskRelatednessDisplay.from_estimator(relating, call=call)


def test_tasks_named_by_integers_are_found():
    pd = pytest.importorskip("pandas")
    X, Y = data()
    model = MultiTaskNet(**SETTINGS).fit(X, pd.DataFrame(Y, columns=[2, 0, 1]))
    np.testing.assert_array_equal(
        LearningCurveDisplay.from_estimator(model, tasks=[1, 2]).loss, model.history_["loss"].mean(axis=1)[:, [2, 0]]
    )


@pytest.mark.parametrize("display", DISPLAYS)
def test_conventions(model, relating, display):
    model = relating if display is TaskRelatednessDisplay else model
    figure, ax = plt.subplots()
    drawn = display.from_estimator(model, ax=ax)
    assert drawn.ax_ is ax
    assert drawn.figure_ is figure
    again = drawn.plot()
    assert again is drawn
    assert drawn.ax_ is not ax
    with pytest.raises(ValueError, match=r"tasks names 'x'.*'task0'"):
        display.from_estimator(model, tasks=["x"])
    with pytest.raises(ValueError, match="tasks is empty"):
        display.from_estimator(model, tasks=[])
    assert display.from_estimator(Pipeline([("net", model)])).task_names == drawn.task_names
    with pytest.raises(NotFittedError):
        display.from_estimator(MultiTaskNet())


def test_what_was_not_recorded_is_an_error():
    model = MultiTaskNet(**SETTINGS).fit(*data())
    with pytest.raises(ValueError, match=r"Fit it with balancing=Recorded\(quantities=\['gradient_cosines'\]\)"):
        GradientConflictDisplay.from_estimator(model)
