"""Callbacks see a fit as it goes, and loggers write what its history holds."""

import builtins
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import DivergenceError, MultiTaskNet
from skmtl.callbacks import Callback, MLflowLogger, TensorBoardLogger

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = pd.DataFrame({"sold?": X[:, 0] > 0, "price": X[:, 1]}).astype(float)
SETTINGS = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 4, "random_state": 0}


class Notes(Callback):
    def __init__(self, stop_after=None):
        self.stop_after, self.calls = stop_after, []

    def on_fit_begin(self, estimator):
        self.calls.append("begin")

    def on_epoch_end(self, estimator, epoch):
        assert len(estimator.history_["loss"]) == epoch
        assert estimator.predict(X).shape == (60, 2)
        self.calls.append(epoch)
        return epoch == self.stop_after

    def on_fit_end(self, estimator):
        self.calls.append(estimator.n_iter_)


def test_a_callback_of_ones_own_needs_only_what_it_overrides():
    notes = Notes()
    MultiTaskNet(early_stopping=False, **SETTINGS).set_callbacks(notes, Callback()).fit(X, Y)
    assert notes.calls == ["begin", 1, 2, 3, 4, 4]
    early = Notes(stop_after=2)
    model = MultiTaskNet(**SETTINGS).set_callbacks(early).fit(X, Y)
    assert early.calls == ["begin", 1, 2, 2]
    assert model.n_iter_ == 2


def test_tensorboard_has_the_history(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logger = TensorBoardLogger(tmp_path)
    model = MultiTaskNet(**SETTINGS).set_callbacks(logger).fit(X, Y)
    events = accumulators.EventAccumulator(str(logger.run_folder_)).Reload()
    assert logger.run_folder_ == tmp_path / "MultiTaskNet-1"
    for quantity in ("loss", "validation_loss", "weight"):
        for task, name in enumerate(Y):
            written = events.Scalars(f"{quantity}/{name}")
            assert [event.step for event in written] == list(range(1, model.n_iter_ + 1))
            expected = np.nanmean(model.history_[quantity][:, :, task], axis=1)
            assert_allclose([event.value for event in written], expected, rtol=1e-5)
    (score,) = events.Scalars("oof_score/price")
    assert_allclose(score.value, model.oof_score_["price"], rtol=1e-5)
    assert "parameters/text_summary" in events.Tags()["tensors"]
    again = pickle.loads(pickle.dumps(model)).fit(X, Y)
    assert (tmp_path / "MultiTaskNet-2").exists()
    assert_array_equal(again.predict(X), model.predict(X))


def test_mlflow_has_the_history_and_the_parameters(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    logger = MLflowLogger("prices", tracking_uri=uri, run_name="first")
    model = MultiTaskNet(**SETTINGS).set_callbacks(logger).fit(X, Y)
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(logger.run_id_)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.params["hidden_layer_sizes"] == "(8,)"
    written = client.get_metric_history(logger.run_id_, "loss/sold_")
    assert sorted(metric.step for metric in written) == list(range(1, model.n_iter_ + 1))
    values = [metric.value for metric in sorted(written, key=lambda metric: metric.step)]
    assert_allclose(values, np.nanmean(model.history_["loss"][:, :, 0], axis=1))
    assert_allclose(run.data.metrics["oof_score/price"], model.oof_score_["price"])
    failing = MultiTaskNet(**SETTINGS | {"max_iter": 20}, learning_rate_init=1e30).set_callbacks(logger)
    with pytest.raises(DivergenceError):
        failing.fit(X, Y)
    assert client.get_run(logger.run_id_).info.status == "FAILED"
    experiment = client.get_experiment_by_name("prices")
    assert len(client.search_runs([experiment.experiment_id])) == 2
    assert pickle.loads(pickle.dumps(model))._skl_callbacks[0].run_id_ == logger.run_id_


def test_tasks_of_alike_names_have_curves_of_their_own(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    logger = MLflowLogger(tracking_uri=uri)
    model = MultiTaskNet(**SETTINGS).set_callbacks(logger).fit(X, Y.set_axis(["a?", "a!"], axis=1))
    metrics = mlflow.MlflowClient(tracking_uri=uri).get_run(logger.run_id_).data.metrics
    for task, name in enumerate(("a__0", "a__1")):
        assert_allclose(metrics[f"loss/{name}"], np.nanmean(model.history_["loss"][-1, :, task]))
        assert_allclose(metrics[f"oof_score/{name}"], list(model.oof_score_.values())[task])


def test_an_array_is_no_answer_whether_to_stop():
    class Vague(Callback):
        def on_epoch_end(self, estimator, epoch):
            return estimator.history_["loss"][-1] < 0.5

    with pytest.raises(TypeError, match=r"Vague.on_epoch_end must return True.*shape \(2, 2\)"):
        MultiTaskNet(**SETTINGS).set_callbacks(Vague()).fit(X, Y)


@pytest.mark.parametrize(
    ("logger", "package"), [(TensorBoardLogger("runs"), "tensorboard"), (MLflowLogger(), "mlflow")]
)
def test_a_missing_package_is_named_with_its_cure(logger, package, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if package in name.split("."):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf'pip install "skmtl\[{package}\]"'):
        MultiTaskNet(**SETTINGS).set_callbacks(logger).fit(X, Y)
