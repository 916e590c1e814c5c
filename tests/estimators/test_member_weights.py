"""Networks of which each task is predicted by some of the members."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskNet
from skmtl.collaboration import PseudoLabeling
from skmtl.estimators._fit_inputs import fitted_copy, prepare_candidate, read_inputs
from skmtl.fitting import _peers, fit_many, join_members

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = np.empty((90, 4), dtype=object)
Y[:, 0], Y[:, 2] = 3.0 * X[:, 0] + 5, X[:, 0] - X[:, 1] + 0.1 * RNG.normal(size=90)
Y[:, 1], Y[:, 3] = np.where(X[:, 1] > 0, "yes", "no"), RNG.poisson(np.exp(X[:, 2]))
Y[RNG.random(Y.shape) < 0.2] = None
KINDS = ["regression", "binary", "regression", "poisson"]  # in the layout binary and poisson tasks change places
GROUPS = [[0, 1], [2, 3]]
SMALL = {"hidden_layer_sizes": (6,), "n_estimators": 3, "max_iter": 6, "random_state": 0, "dtype": "float64"}
VARIANTS = {
    "inputs scaled": {"early_stopping": True, "local_correction": False, "input_scaling": True},
    "patience": {"early_stopping": True, "local_correction": False, "n_iter_no_change": 1, "tol": 0.1},
    "nothing held out": {"early_stopping": False, "dropout": 0.2},
}


def net(group, **params):
    weights = [float(task in group) for task in range(4)]
    return MultiTaskNet(**{"tasks": KINDS, "loss_weights": weights, **SMALL, **params})


def fit_joined(nets, member_weights):
    inputs = read_inputs(nets[0], X, Y)
    joined = join_members([prepare_candidate(own, inputs) for own in nets], np.asarray(member_weights, dtype=float))
    (trainer,) = fit_many([(0, joined)])
    return fitted_copy(nets[0], trainer.result(0))


def by_groups(nets):
    """Fit the nets as one network in which each serves the tasks of its group."""
    served = np.array([[task in group for task in range(4)] for group in GROUPS])
    return fit_joined(nets, np.repeat(served / nets[0].n_estimators, nets[0].n_estimators, axis=0))


def assert_same_predictions(joined, alone):
    """The first two tasks are predicted as by the first of ``alone``, the others as by the second."""
    expected = np.concatenate([alone[0].predict(X)[:, :2], alone[1].predict(X)[:, 2:]], axis=1)
    numbers = [0, 2, 3]
    assert_allclose(joined.predict(X)[:, numbers].astype(float), expected[:, numbers].astype(float), rtol=1e-9)
    assert_allclose(joined.predict_proba(X)[1], alone[0].predict_proba(X)[1], rtol=1e-9)


def test_even_weights_are_the_mean_of_the_members():
    assert_same_predictions(fit_joined([net(range(4))], np.full((3, 4), 1 / 3)), [net(range(4)).fit(X, Y)] * 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_task_is_predicted_as_by_its_group_alone(variant):
    nets = [net(group, **VARIANTS[variant]) for group in GROUPS]
    joined, alone = by_groups(nets), [own.fit(X, Y) for own in nets]
    assert joined.network_.architecture.members == 6
    assert_same_predictions(joined, alone)
    if VARIANTS[variant]["early_stopping"]:
        expected = [own.oof_score_ for own in alone]
        for name, score in joined.oof_score_.items():
            assert_allclose(score, expected[int(name[-1]) // 2][name], rtol=1e-9)


def test_copies_and_views_keep_weights_and_correction():
    joined = by_groups([net(group, early_stopping=True, local_correction=True, n_estimators=8) for group in GROUPS])
    assert joined._postprocessors
    copied = pickle.loads(pickle.dumps(joined))
    assert_array_equal(copied.predict(X), joined.predict(X))
    assert_array_equal(copied.task_view(2).predict(X), joined.predict(X)[:, 2].astype(float))


def test_what_members_say_of_tasks_they_do_not_serve_is_not_looked_at():
    layout = by_groups([net(group, max_iter=1) for group in GROUPS])._layout
    outputs = RNG.normal(size=(2, 5, 4))  # (member, row, output), one a task
    expected = layout.by_task([response[0] for response in layout.member_responses(outputs)])
    outputs[0][:, np.isin(layout.order, GROUPS[1])] = np.nan
    outputs[1][:, np.isin(layout.order, GROUPS[0])] = np.inf
    found = layout.weighted_responses(outputs, np.array([[1, 1, 0, 0], [0, 0, 1, 1.0]]))
    assert layout.order.tolist() != sorted(layout.order)
    for task in GROUPS[0]:
        assert_array_equal(found[task], expected[task])
    assert all(np.isfinite(found[task]).all() for task in GROUPS[1])


def test_training_that_goes_on_asks_for_as_many_estimators():
    joined = by_groups([net(group, max_iter=1) for group in GROUPS])
    with pytest.raises(ValueError, match="n_estimators was 6 when training began and is now 3"):
        joined.partial_fit(X, Y)


def test_students_take_the_place_of_their_teachers_inside_a_group(monkeypatch):
    gain = np.array([1.0, -1.0, 0.0, -1.0])  # students are better at the first task, worse at two, alike at one
    monkeypatch.setattr(_peers, "_transduction", lambda *_: (True, {}))
    monkeypatch.setattr(_peers, "_gain", lambda *_: (gain, np.zeros(4)))
    peers = {"n_peers": 4, "collaboration": PseudoLabeling(), "n_estimators": 2, "max_iter": 1}
    inputs = read_inputs(net(GROUPS[0], **peers), X, Y)
    jobs = [prepare_candidate(net(group, **peers), inputs) for group in GROUPS]
    served = np.repeat([[task in group for task in range(4)] for group in GROUPS], 8, axis=0)
    (trainer,) = fit_many([(0, join_members(jobs, served / 8))])
    found = trainer.result(0).job.member_weights
    students = np.isin(np.arange(16) % 4, np.arange(4)[PseudoLabeling().students(4)])
    serves = np.column_stack([students, ~students, np.ones(16), ~students])
    assert_allclose(found, served * serves / (served * serves).sum(axis=0))


def test_students_of_a_group_are_compared_with_their_teachers_as_alone():
    peers = {"n_peers": 4, "collaboration": PseudoLabeling(), "early_stopping": True, "local_correction": False}
    nets = [net(group, **peers) for group in GROUPS]
    served = np.repeat([[task in group for task in range(4)] for group in GROUPS], 12, axis=0)
    joined = fit_joined(nets, served / 12).pseudo_label_gain_
    for group, own in zip(GROUPS, nets, strict=True):
        alone = own.fit(X, Y).pseudo_label_gain_
        for task in group:
            assert joined[f"task{task}"] == pytest.approx(alone[f"task{task}"], rel=1e-9)
