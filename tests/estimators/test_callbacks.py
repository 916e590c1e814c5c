"""Interrupts, verbose lines and callbacks."""

import io
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import make_scorer

from skmtl import DivergenceError, MultiTaskNetRegressor
from skmtl.metrics import make_task_scorer
from skmtl.training import Training
from tests._asserts import assert_same_predictions

N = 40


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_an_interrupt_leaves_a_usable_estimator(case, monkeypatch, epochs, early_stopping):
    train_epoch, done = Training.epoch, []

    def interrupted(self, *args, **kwargs):
        if len(done) == epochs:
            raise KeyboardInterrupt
        done.append(None)
        return train_epoch(self, *args, **kwargs)

    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = case.fit(early_stopping=early_stopping)
    assert model.n_iter_ == epochs
    assert model.history_["loss"].shape == (epochs, 2, 2)
    assert np.isfinite(model.predict(case.X).astype(float)).all()
    assert np.isfinite(model.score(case.X, case.y))


def test_an_interrupt_of_a_run_ahead_ends_the_fit_before_its_first_epoch(monkeypatch):
    X = np.random.default_rng(0).normal(size=(80, 3))
    train_epoch, done = Training.epoch, []

    def interrupted(self, *args, **kwargs):
        done.append(None)
        if len(done) == 3:
            raise KeyboardInterrupt
        return train_epoch(self, *args, **kwargs)

    monkeypatch.setattr(Training, "epoch", interrupted)
    net = MultiTaskNetRegressor(hidden_layer_sizes=(4,), n_estimators=2, max_iter=20, input_scaling=True)
    with pytest.warns(UserWarning, match="interrupted by user in epoch 0"):
        net.fit(X, X)
    assert (net.n_iter_, len(done)) == (0, 3)
    assert np.isfinite(net.predict(X)).all()


def test_verbose_prints_a_line_an_epoch_with_the_losses_of_tasks(case, capsys):
    case.fit()
    assert capsys.readouterr().out == ""
    model = case.fit(verbose=1, early_stopping=True, max_iter=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for epoch, line in enumerate(lines):
        numbers = [float(number) for number in re.findall(r"\d+\.\d+", line)]
        assert_allclose(numbers[:2], model.history_["loss"][epoch].mean(axis=0), atol=1e-4)
        assert_allclose(numbers[2], model.history_["validation_loss"][epoch].mean(), atol=1e-4)
        assert re.match(rf"epoch {epoch + 1}: task0 .*, task1 .*, held out .* s, at most .* s left$", line)
        assert_allclose(numbers[4], numbers[3] / (epoch + 1) * (2 - epoch), atol=0.2)


@pytest.fixture
def callback():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")


class Recorder:
    """A callback that keeps the estimator of each epoch, and may stop or interrupt the fit."""

    def __init__(self, stop_after=None, interrupt_after=None):
        self.stop_after, self.interrupt_after, self.models = stop_after, interrupt_after, []

    torn_down = False

    def setup(self, estimator, context):
        self.max_iter = context.max_subtasks

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.models.append(fitted_estimator)
        if len(self.models) == self.interrupt_after:
            raise KeyboardInterrupt
        return len(self.models) == self.stop_after


@pytest.mark.usefixtures("callback")
def test_callbacks_see_every_epoch(case):
    recorder = Recorder()
    model = case.make(early_stopping=False).set_callbacks(recorder).fit(case.X, case.y)
    assert recorder.max_iter == len(recorder.models) == 5
    assert recorder.torn_down
    assert_same_predictions(recorder.models[-1], model, case.X)
    assert [len(epoch.history_["loss"]) for epoch in recorder.models] == [1, 2, 3, 4, 5]
    assert recorder.models[0].predict(case.X).shape == (N, 2)
    assert recorder.models[0].score(case.X, case.y) <= 1


@pytest.mark.usefixtures("callback")
def test_callbacks_do_not_see_what_an_earlier_fit_held_out(case):
    recorder, model = Recorder(), case.make(early_stopping=True).fit(case.X, case.y)
    model.set_callbacks(recorder).fit(case.X[:30], case.y[:30])
    with pytest.raises(AttributeError, match="no oof_score_"):
        _ = recorder.models[0].oof_score_
    assert model.oof_score_


@pytest.mark.usefixtures("callback")
def test_a_callback_stops_or_interrupts(case):
    stopper = Recorder(stop_after=2)
    assert case.make(early_stopping=False).set_callbacks(stopper).fit(case.X, case.y).n_iter_ == 2
    interrupter = Recorder(interrupt_after=3)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = case.make(early_stopping=False).set_callbacks(interrupter).fit(case.X, case.y)
    assert model.n_iter_ == 3
    assert interrupter.torn_down
    assert_same_predictions(model, interrupter.models[-1], case.X)


@pytest.mark.usefixtures("callback")
def test_a_failed_fit_tears_callbacks_down(regressor):
    recorder = Recorder()
    model = regressor.make(learning_rate_init=1e30, dtype="float32", max_iter=50).set_callbacks(recorder)
    with pytest.raises(DivergenceError):
        model.fit(regressor.X, regressor.y)
    assert recorder.torn_down
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "_callback_fit_ctx")


def split_log(monitor):
    """What a monitor has logged at the end of the fit, and of each epoch."""
    log = monitor.get_logs().data
    (final,) = (entry for entry in log if entry["task_name"] == "fit")
    return final, [entry for entry in log if entry["task_name"] == "epoch"]


def test_scoring_monitor(case, callback):
    error = make_scorer(lambda y, predicted: float(np.abs(y - predicted).mean()))
    monitor = callback.ScoringMonitor(scoring={"error": error, "own": lambda model, X, y: model.score(X, y)})
    model = case.make(early_stopping=False).set_callbacks(monitor).fit(case.X, case.y)
    final, log = split_log(monitor)
    assert final["own"] == model.score(case.X, case.y)
    assert [entry["task_id"] for entry in log] == list(range(model.n_iter_))
    assert log[-1]["own"] == model.score(case.X, case.y)
    assert log[-1]["error"] == pytest.approx(np.abs(case.y - model.predict(case.X)).mean())


def test_the_final_model_is_the_fitted_one(regressor, callback):
    monitor = callback.ScoringMonitor(scoring={"own": lambda model, X, y: model.score(X, y)})
    model = regressor.make(early_stopping=True, max_iter=30, learning_rate_init=0.5).set_callbacks(monitor)
    model.fit(regressor.X, regressor.y)
    final, epochs = split_log(monitor)
    assert final["own"] == model.score(regressor.X, regressor.y)
    assert epochs[-1]["own"] != final["own"]  # weights of the best epochs


@pytest.mark.parametrize("columns", [None, 2])
def test_scoring_monitor_weighs_rows(regressor, callback, columns):
    weights = np.linspace(0, 3, N) if columns is None else np.linspace(0, 3, N * columns).reshape(N, columns)
    monitor = callback.ScoringMonitor(scoring={"r2": make_task_scorer("r2")})
    model = regressor.make(early_stopping=False).set_callbacks(monitor)
    model.fit(regressor.X, regressor.y, sample_weight=weights)
    final, epochs = split_log(monitor)
    assert epochs[-1]["r2"] == pytest.approx(final["r2"])
    assert final["r2"] == pytest.approx(model.score(regressor.X, regressor.y, weights))


def test_progress_bar(case, callback, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    model = case.make().set_callbacks(callback.ProgressBar()).fit(case.X, case.y)
    assert model.n_iter_ == 5
    assert type(model).__name__ in screen.getvalue()
