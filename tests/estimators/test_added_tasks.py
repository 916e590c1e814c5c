"""Tasks that a fitted estimator gets later, and what stays as it was."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

import skmtl
from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.estimators import _added_tasks
from skmtl.fitting import predict_responses
from skmtl.model_selection import TaskGroupingCV
from skmtl.sharing import SHARINGS
from skmtl.tasks import Poisson

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = np.column_stack([np.sin(3 * X[:, 0]) + X[:, 1], X[:, 2] ** 2])
Y[::5, 0] = np.nan
NEW = np.column_stack([X[:, 0] + X[:, 1], np.round(np.exp(X[:, 2]))])
NEW[1::3, 0] = np.nan
SMALL = {"hidden_layer_sizes": (6, 5), "n_estimators": 3, "max_iter": 4, "random_state": 0, "effort": "fixed"}
REFUSED = {"independent", "soft", "relationship", "ple", "cross_stitch"}


def said(model, names):
    """All that an estimator says of some of its tasks, as bytes."""
    columns = [model.task_names_.tolist().index(name) for name in names]
    found = [model.predict(X)[:, columns].astype(str).tobytes(), str([model.oof_score_[name] for name in names])]
    for method in ("cv", "cv+"):
        found.append(model.predict_interval(X, 0.8, method=method)[:, columns].tobytes())
    return [*found, str(model.oof_prediction_), str(getattr(model, "thresholds_", {})), repr(model.auto_params_)]


def together(model):
    """Responses of the network of all tasks, without what corrects them."""
    fitted = model.network_, model._layout, model.encoder_
    return predict_responses(*fitted, X, member_weights=model._member_weights)


def frozen(model):
    return [view for spec, view in model.network_.buffer.views.items() if spec.startswith("trunk")]


def test_all_that_is_said_of_other_tasks_keeps_its_bits():
    first = pd.DataFrame({"a": Y[:, 0], "b": np.where(X[:, 1] > 0, "yes", "no"), "c": Y[:, 1]})
    settings = {"local_correction": True, "calibration": "sigmoid", "threshold_metric": {"b": "f1"}}
    model = MultiTaskNet(**SMALL, **settings, tasks={"c": "regression"}, class_weight={"b": "balanced"}).fit(X, first)
    before = said(model, ["a", "b", "c"])
    model.set_params(tasks={"c": "regression", "counts": Poisson(), "level": "multiclass"})
    new = pd.DataFrame({"counts": NEW[:, 1], "level": np.digitize(X[:, 3], [-0.5, 0.5])})
    assert model.add_tasks(X[:70], new[:70]) is model
    assert said(model, ["a", "b", "c"]) == before
    model.add_tasks(X, pd.Series(Y[:, 0], name="d"))
    assert said(model, ["a", "b", "c"]) == before
    assert model.task_names_.tolist() == ["a", "b", "c", "counts", "level", "d"]
    assert [None if own is None else own.tolist() for own in model.classes_[3:]] == [None, [0, 1, 2], None]
    assert (model.predict(X)[:, 3] > 0).all()
    assert np.isnan(model.predict_interval(X, 0.8)[:, 3:]).all()
    assert model.predict_set(X, 0.8)[3:] == [None] * 3
    with pytest.raises(ValueError, match="knows of none for task 'd', which add_tasks has added"):
        model.task_view("d").predict_interval(X)
    assert model.predict_frame(X).columns.tolist() == model.task_names_.tolist()


@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_network_of_all_tasks_predicts_what_those_of_the_parts_do(sharing):
    """Task layers and outputs of different numbers are put side by side in another order than that of the calls."""
    model = MultiTaskNetClassifier(**SMALL, sharing=sharing, task_layer_sizes=(3, 2))
    model.fit(X, np.column_stack([Y[:, 1] > 1, np.digitize(X[:, 0], [-0.5, 0.5])]).astype(float))
    if sharing in REFUSED:
        with pytest.raises(ValueError, match=f"sharing={SHARINGS[sharing].__name__}.*sharing='hard'"):
            model.add_tasks(X, Y[:, 0] > 0)
        return
    before = model.predict_proba(X)
    model.add_tasks(X, np.column_stack([np.digitize(X[:, 1], [-1, 0, 1]), X[:, 3] > 0]))
    for response, old in zip(model.predict_proba(X), before, strict=False):
        np.testing.assert_array_equal(response, old)
    for alone, response in zip(model.predict_proba(X), together(model), strict=True):
        np.testing.assert_allclose(response, alone, atol=1e-6)


@pytest.mark.parametrize("freeze", [True, False])
def test_layers_stay_or_move_while_new_tasks_are_learned(freeze, monkeypatch):
    seen, plain = [], _added_tasks.joined_network

    def spy(fitted, new, **settings):
        seen.append(new[0])
        return plain(fitted, new, **settings)

    monkeypatch.setattr(_added_tasks, "joined_network", spy)
    model = MultiTaskNetRegressor(**SMALL, dropout=0.1, weight_decay=0.5).fit(X, Y)
    before, predicted, heads = [view.clone() for view in frozen(model)], model.predict(X), model.loss_weights_
    model.add_tasks(X, NEW, freeze=freeze)
    trained = [view for name, view in seen[0].buffer.views.items() if name.startswith("trunk")]
    assert all(torch.equal(*pair) for pair in zip(trained, before, strict=True)) is freeze
    assert all(torch.equal(*pair) for pair in zip(trained, frozen(model), strict=True))
    assert np.array_equal(model.predict(X)[:, :2], predicted) is freeze
    assert hasattr(model, "oof_score_") is freeze
    assert len(heads) == 2
    np.testing.assert_allclose(model.loss_weights_, 0.25)
    assert np.isnan(model.history_["loss"][:, :, :2]).all()
    assert np.isfinite(model.history_["loss"][:, :, 2:]).all()


def test_holes_and_weights_of_zero_are_absent_rows():
    def added(rows, labels, weights=None):
        return MultiTaskNetRegressor(**SMALL).fit(X, Y).add_tasks(rows, labels, weights).predict(X)

    labels, kept = np.where(np.arange(90) % 3 > 0, X[:, 0], np.nan), np.arange(90) % 3 > 0
    absent = added(X[kept], labels[kept])
    np.testing.assert_array_equal(added(X, labels), absent)
    np.testing.assert_array_equal(added(X, X[:, 0], kept.astype(float)), absent)


def test_an_estimator_with_new_tasks_is_kept_and_trained_further(tmp_path):
    model = MultiTaskNetRegressor(**SMALL, warm_start=True).fit(X, Y[:, 1])
    before = model.predict(X)
    model.add_tasks(X, NEW)
    predicted = model.predict(X)
    assert model.task_names_.tolist() == ["task0", "task1", "task2"]
    np.testing.assert_array_equal(predicted[:, 0], before)
    skmtl.save(model, tmp_path / "net.skmtl")
    for kept in (skmtl.load(tmp_path / "net.skmtl"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(kept.predict(X), predicted)
        assert kept.partial_fit(X, np.column_stack([Y[:, 1], NEW])).history_["loss"].shape == (1, 3, 3)
        np.testing.assert_array_equal(kept.predict(X)[:, 1], together(kept)[1][:, 0])
    with pytest.raises(ValueError, match="has the task 'task0', which"):
        model.add_tasks(X, pd.Series(X[:, 0], name="task0"))
    compact = model.compact(X, np.column_stack([Y[:, 1], NEW]))
    assert compact.predict(X).shape == (90, 3)
    with pytest.raises(ValueError, match="Pass rows that are new to it"):
        model.compact()
    exported = model.to_module()(torch.from_numpy(X))
    np.testing.assert_allclose(np.column_stack([values.detach() for values in exported.values()]), predicted, atol=1e-5)
    model.fit(X, np.column_stack([Y[:, 1], NEW]))
    assert not np.array_equal(model.predict(X), predicted)


def test_networks_of_groups_of_tasks_get_new_ones():
    model = TaskGroupingCV(MultiTaskNetRegressor(**SMALL), cv=2, n_networks=2, subsets=[[0], [1]]).fit(X, Y)
    model = model.best_estimator_.set_params(n_estimators=6)  # as many as it has, of both groups
    before = model.predict(X)
    np.testing.assert_array_equal(model.add_tasks(X, NEW).predict(X)[:, :2], before)
    np.testing.assert_allclose(model.predict(X), np.column_stack(together(model)), atol=1e-6)


def test_what_cannot_be_added_is_told():
    with pytest.raises(NotFittedError):
        MultiTaskNetRegressor().add_tasks(X, Y)
    model = MultiTaskNetRegressor(**SMALL).fit(X, pd.DataFrame({"a": Y[:, 0], "b": Y[:, 1]}))
    with pytest.raises(ValueError, match="y_new has the task 'a', which the estimator has already"):
        model.add_tasks(X, pd.DataFrame({"c": Y[:, 0], "a": Y[:, 1]}))
    with pytest.raises(ValueError, match="Task 'task3': the label of row 0 is infinity"):
        model.add_tasks(X, np.where(np.arange(90)[:, None] == [90, 0], np.inf, NEW))
    with pytest.raises(ValueError, match="loss_weights has 3 entries, but there are 4 tasks"):
        model.set_params(loss_weights=[1, 2, 3]).add_tasks(X, NEW)
    model.set_params(loss_weights="auto")
    with pytest.raises(ValueError, match="loss names the unknown task 'd'; the tasks are 'a', 'b', 'c'"):
        model.set_params(loss={"d": "huber"}).add_tasks(X, pd.Series(Y[:, 0], name="c"))
    with pytest.raises(ValueError, match=r"activation was .* is now 'tanh'"):
        model.set_params(loss="squared_error", activation="tanh").add_tasks(X, NEW)
    with pytest.raises(ValueError, match="freeze must be True or False"):
        model.add_tasks(X, NEW, freeze="yes")
