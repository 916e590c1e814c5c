"""Fitted ensembles of which a few networks are kept."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from tests.estimators.test_member_weights import GROUPS, by_groups, net
from tests.estimators.test_member_weights import X as X_OF_GROUPS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]]) + 0.3 * RNG.normal(size=(120, 2))
X_NEW, Y_NEW = X[:61] + 0.1, Y[:61] + 0.5 * RNG.normal(size=(61, 2))
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 8, "input_scaling": False, "random_state": 0, "dtype": "float64"}
HOLDING = {"cv": 4, "local_correction": False}


def fit(y=Y, **params):
    return MultiTaskNetRegressor(**{**SMALL, **params}).fit(X, y)


def cohorts(**params):
    return fit(**{**HOLDING, "n_estimators": 2, "n_peers": 3, **params})


def alone(model, k, X=X):
    """Predictions by the weights of member k in every member."""
    model = pickle.loads(pickle.dumps(model))
    for values in model.network_.buffer.views.values():
        values.copy_(values[k].expand_as(values).clone())
    return model.predict(X)


def held_out_losses(model):
    """Loss of each member in its best epoch, as early stopping saw it."""
    return (model.history_["validation_loss"] * model.loss_weights_).sum(axis=2).min(axis=0)


def test_one_network_stays_as_it_is(case):
    model = case.fit(n_estimators=1)
    compacted = model.compact()
    assert compacted.compaction_.kept == [0]
    assert_array_equal(compacted.predict(case.X), model.predict(case.X))


def test_the_network_of_least_held_out_loss_is_kept():
    model = cohorts()
    compacted = model.compact()
    best = held_out_losses(model).argmin()
    assert compacted.compaction_.kept == [best]
    assert_allclose(compacted.predict(X), alone(model, best), rtol=1e-12)


def test_the_best_peer_of_each_cohort_is_kept():
    model = cohorts()
    compacted = model.compact(keep="one_per_cohort")
    best = held_out_losses(model).reshape(2, 3).argmin(axis=1) + np.array([0, 3])
    assert_array_equal(compacted.compaction_.kept, best)
    assert_allclose(compacted.predict(X), np.mean([alone(model, k) for k in best], axis=0), rtol=1e-12)
    assert_array_equal(compacted.history_["loss"], model.history_["loss"][:, best])


def test_networks_are_scored_on_other_rows_than_those_that_chose_them():
    model, y_new = fit(Y[:, 0], n_estimators=5, early_stopping=False), np.random.default_rng(1).normal(size=61)
    compacted = model.compact(X_NEW, y_new)
    predicted = np.array([alone(model, k, X_NEW) for k in range(5)])
    errors = (predicted - y_new) ** 2
    by_even, by_odd = errors[:, ::2].mean(axis=1).argmin(), errors[:, 1::2].mean(axis=1).argmin()
    expected = np.where(np.arange(61) % 2, predicted[by_even], predicted[by_odd])
    assert by_even != by_odd
    assert compacted.compaction_.kept == [errors.mean(axis=1).argmin()]
    assert_allclose(compacted.compaction_.after["task0"], r2_score(y_new, expected))
    assert_allclose(compacted.compaction_.before["task0"], r2_score(y_new, model.predict(X_NEW)))


def test_rows_of_a_group_choose_or_score_together():
    groups = np.repeat(np.arange(24), 5)
    judged = MultiTaskNetRegressor(**SMALL, cv=4, n_estimators=4).fit(X, Y, groups=groups)._out_of_fold.judged
    halves = [[groups[rows[real]] for rows, real in zip(half.rows, half.real, strict=True)] for half in judged.halves()]
    assert [[len(np.unique(own)) for own in half] for half in halves] == [[3] * 4] * 2
    assert not any(np.isin(one, other).any() for one, other in zip(*halves, strict=True))


def test_scores_are_of_rows_that_the_networks_held_out():
    """Labels without a pattern are learned by heart; on rows that a network has seen its score would be high."""
    noise = np.random.default_rng(1).normal(size=(120, 2))
    model = cohorts(y=noise, hidden_layer_sizes=(64,), max_iter=60, learning_rate_init=0.02, n_iter_no_change=np.inf)
    found = model.compact(keep="one_per_cohort").compaction_
    assert max(*found.before.values(), *found.after.values()) < 0.1
    assert model.oof_score_ == found.before


def test_what_the_correction_has_gained_is_lost_and_told():
    corrected = fit(n_estimators=4, cv=4, local_correction=True, max_iter=2)
    plain = fit(n_estimators=4, **HOLDING, max_iter=2)
    assert corrected._postprocessors
    compacted = corrected.compact(keep="one_per_cohort")
    assert_allclose(compacted.predict(X), plain.predict(X))
    assert compacted.compaction_.before == corrected.oof_score_ != plain.oof_score_
    assert_allclose(list(compacted.compaction_.after.values()), list(plain.oof_score_.values()))


def test_out_of_fold_predictions_are_those_of_the_kept():
    compacted = cohorts().compact()
    known = np.isfinite(compacted.oof_prediction_).all(axis=1)
    assert known.sum() == 30
    assert_allclose(compacted.oof_prediction_[known], compacted.predict(X)[known], rtol=1e-12)
    again = compacted.compact()
    assert_array_equal(again.predict(X), compacted.predict(X))


def test_tasks_without_a_label_do_not_choose():
    model, y_val = cohorts(), np.random.default_rng(1).normal(size=(61, 2))
    errors = [np.mean((alone(model, k, X_NEW) - y_val)[:, 0] ** 2) for k in range(6)]
    y_val[:, 1] = np.nan
    found = model.compact(X_NEW, y_val).compaction_
    assert np.isnan([found.before["task1"], found.after["task1"]]).all()
    assert found.kept == [np.argmin(errors)] != [0]


def test_a_network_is_kept_for_each_set_of_tasks():
    params = {"early_stopping": True, "local_correction": False, "input_scaling": False}
    joined = by_groups([net(group, **params) for group in GROUPS])
    compacted = joined.compact()
    first, second = compacted.compaction_.kept
    assert first < 3 <= second
    kept = [alone(joined, k, X_OF_GROUPS) for k in (first, second)]
    expected = np.concatenate([kept[0][:, GROUPS[0]], kept[1][:, GROUPS[1]]], axis=1)
    assert_array_equal(compacted.predict(X_OF_GROUPS)[:, 1], expected[:, 1])
    numbers = [0, 2, 3]
    assert_allclose(compacted.predict(X_OF_GROUPS)[:, numbers].astype(float), expected[:, numbers].astype(float))


def test_the_ensemble_and_its_parameters_stay_as_they_are():
    model = cohorts(collaboration="mutual")
    before, params = model.predict(X), model.get_params()
    model.compact().partial_fit(X, Y)
    assert_array_equal(model.predict(X), before)
    assert model.get_params() == params
    assert not hasattr(model, "compaction_")


@pytest.mark.parametrize(("keep", "members"), [("one", 1), ("one_per_cohort", 2)])
def test_training_goes_on_with_what_is_kept(keep, members):
    together = {"collaboration": "mutual", "peer_sharing": "averaging", "local_correction": "auto"}
    compacted = cohorts(**together).compact(keep=keep)
    warm = pickle.loads(pickle.dumps(compacted)).set_params(warm_start=True)
    for trained in (compacted.partial_fit(X, Y), warm.fit(X, Y), clone(compacted).fit(X, Y)):
        assert trained.network_.architecture.members == members
        assert trained.n_peers_ == 1
        assert not hasattr(trained, "compaction_")


def test_what_is_told_of_relations_is_of_the_kept():
    model = cohorts(sharing="relationship")
    compacted = model.compact()
    assert_array_equal(compacted.inspect_sharing(X)["relatedness"], compacted.task_relatedness_[None])
    assert_array_equal(compacted.partial_fit(X, Y).relatedness_history_[0], compacted.relatedness_history_[0])
    assert (model.task_relatedness_ != compacted.relatedness_history_[0]).any()


def test_copies_views_and_probabilities_are_those_of_the_kept():
    y = np.column_stack([X[:, 0] > 0, Y[:, 1]])
    tasks = ["binary", "regression"]
    compacted = MultiTaskNet(tasks=tasks, **SMALL, **HOLDING, n_estimators=3).fit(X, y).compact()
    copied = pickle.loads(pickle.dumps(compacted))
    assert_array_equal(copied.predict(X), compacted.predict(X))
    assert copied.compaction_ == compacted.compaction_
    assert_array_equal(copied.task_view(0).predict_proba(X), compacted.predict_proba(X)[0])


def test_rows_to_choose_by_are_needed_where_there_is_a_choice():
    unpickled = pickle.loads(pickle.dumps(cohorts()))
    for model in (fit(n_estimators=2, early_stopping=False), unpickled):
        with pytest.raises(ValueError, match="Pass rows that are new to it as X_val and y_val"):
            model.compact()
        assert len(model.compact(X_NEW, Y_NEW).compaction_.kept) == 1
    single = fit(n_estimators=1, early_stopping=False).compact()
    assert single.compaction_.before == single.compaction_.after == {}


def test_bad_input_is_named():
    model = cohorts()
    with pytest.raises(ValueError, match="keep must be one of 'one', 'one_per_cohort'; got 'best'"):
        model.compact(keep="best")
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        model.compact(X_NEW)
    with pytest.raises(ValueError, match="y_val"):
        model.compact(X_NEW, Y_NEW[:, 0])
    with pytest.raises(NotFittedError):
        MultiTaskNetRegressor().compact()
