"""What a search tells on its way, and what is left of one that the user stops."""

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl.model_selection import Halving, MultiTaskKFold, MultiTaskSearchCV
from skmtl.training import Training

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])
NET = MultiTaskNetRegressor(hidden_layer_sizes=(5,), n_estimators=2, max_iter=8, batch_size=32, random_state=0)
TWO_NETWORKS = {"activation": ["relu", "tanh"], "weight_decay": [0.0, 0.1]}
CV = MultiTaskKFold(3)


@pytest.fixture
def stop_in_epoch(monkeypatch):
    """Interrupt training, once, in the epoch of this number, counted over all networks."""

    def arrange(number):
        epoch, counted = Training.epoch, []

        def interrupted(self, *args, **kwargs):
            counted.append(None)
            if len(counted) == number:
                raise KeyboardInterrupt
            return epoch(self, *args, **kwargs)

        monkeypatch.setattr(Training, "epoch", interrupted)

    return arrange


def test_a_stopped_search_keeps_what_has_been_scored(stop_in_epoch):
    whole = MultiTaskSearchCV(NET, TWO_NETWORKS, cv=CV).fit(X, Y)
    stop_in_epoch(12)  # in the network of the last two candidates
    with pytest.warns(UserWarning, match="interrupted by user: 2 of 4 candidates have been scored on all folds"):
        search = MultiTaskSearchCV(NET, TWO_NETWORKS, cv=CV).fit(X, Y)
    scores, expected = search.cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores[:2], expected[:2])
    assert np.isnan(scores[2:]).all()
    assert search.best_index_ == expected[:2].argmax()
    np.testing.assert_array_equal(search.cv_results_["params"], whole.cv_results_["params"])
    assert np.isfinite(search.predict(X)).all()


@pytest.mark.parametrize("scoring", [None, {"a": "r2", "b": "neg_mean_absolute_error"}])
@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_unscored_candidates_are_no_failures(stop_in_epoch, scoring, error_score):
    stop_in_epoch(12)
    settings = {"cv": CV, "error_score": error_score, "return_train_score": True, "refit": False, "scoring": scoring}
    with pytest.warns(UserWarning, match="interrupted by user"):
        search = MultiTaskSearchCV(NET, TWO_NETWORKS, **settings).fit(X, Y)
    name = "score" if scoring is None else "b"
    for part in ("train", "test"):
        assert np.isnan(search.cv_results_[f"mean_{part}_{name}"]).tolist() == [False, False, True, True]


def test_a_search_stopped_before_a_candidate_is_scored_raises(stop_in_epoch):
    stop_in_epoch(3)
    with pytest.raises(KeyboardInterrupt, match="before a candidate had been scored"):
        MultiTaskSearchCV(NET, TWO_NETWORKS, cv=CV).fit(X, Y)


def test_a_race_stopped_after_a_rung_keeps_its_scores(stop_in_epoch):
    halving = Halving(2, (0.25, 0.5), least=1)
    whole = MultiTaskSearchCV(NET, {"weight_decay": [0.0, 0.1, 1.0, 9.0]}, cv=CV, elimination=halving).fit(X, Y)
    stop_in_epoch(4)  # after the first rung of 2 epochs
    with pytest.warns(UserWarning, match="4 of 4 candidates"):
        search = MultiTaskSearchCV(NET, {"weight_decay": [0.0, 0.1, 1.0, 9.0]}, cv=CV, elimination=halving).fit(X, Y)
    assert search.cv_results_["rung"].tolist() == [0] * 4
    first = whole.cv_results_["rung"] == 0
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"][first], whole.cv_results_["mean_test_score"][first]
    )


class Recorder:
    """A callback that counts the steps of a search."""

    def __init__(self):
        self.steps, self.expected = [], None

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.parent is None:
            self.expected = context.max_subtasks

    def on_fit_task_end(self, estimator, context):
        if context.parent is not None:
            self.steps.append(context.task_name)

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, ["fit"] * 12),
        ({"elimination": Halving(2, (0.25, 0.5), least=1)}, ["rung"] * 3),
        ({"n_jobs": 2}, ["fit"] * 12),
    ],
    ids=["all", "race", "jobs"],
)
def test_callbacks_see_fits_and_rungs(settings, steps):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
    recorder = Recorder()
    search = MultiTaskSearchCV(NET, TWO_NETWORKS, cv=CV, **settings)
    search.set_callbacks(recorder).fit(X, Y)
    assert recorder.steps == steps
    assert recorder.expected == len(steps)


def test_a_progress_bar(capsys):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
    pytest.importorskip("rich")
    MultiTaskSearchCV(NET, TWO_NETWORKS, cv=CV).set_callbacks(callback.ProgressBar()).fit(X, Y)
    assert "MultiTaskSearchCV" in capsys.readouterr().out
