"""Prediction intervals and sets from the errors of members about rows that they held out."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.tasks import Quantile
from tests.estimators.test_compact import alone
from tests.estimators.test_member_weights import X as X_OF_GROUPS
from tests.estimators.test_member_weights import Y as Y_OF_GROUPS
from tests.estimators.test_member_weights import by_groups, net

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = np.column_stack([X[:, 0] + X[:, 1], np.exp(X[:, 1])]) * (1 + 0.3 * RNG.normal(size=(90, 2)))
Y_HOLES = Y.copy()
Y_HOLES[:20, 0] = Y_HOLES[20:50, 1] = np.nan  # no row is without any label
X_NEW = RNG.normal(size=(20, 3))
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 8, "input_scaling": False, "random_state": 0, "dtype": "float64"}
HOLDING = {"cv": 3, "n_estimators": 6, "local_correction": False}


def fit(y=Y_HOLES, **params):
    return MultiTaskNetRegressor(**{**SMALL, **HOLDING, **params}).fit(X, y)


def upper_rank(n, coverage):
    return int(np.ceil(coverage * (n + 1))) - 1  # counted from 0


def by_definition(model, k, coverage):
    """CV+ of Barber et al. (2021), one held-out row after the other."""
    held_out = model._out_of_fold.judged
    members = np.array([alone(model, member, X_NEW)[:, k] for member in range(6)])
    lows, highs = [], []
    for i in np.flatnonzero(np.isfinite(Y_HOLES[:, k])):
        team = [m for m in range(6) if i in held_out.rows[m][held_out.real[m]]]
        center, error = members[team].mean(axis=0), abs(Y_HOLES[i, k] - model.oof_prediction_[i, k])
        lows.append(center - error)
        highs.append(center + error)
    rank = upper_rank(len(lows), coverage)
    return np.column_stack([-np.sort(-np.array(lows), axis=0)[rank], np.sort(highs, axis=0)[rank]])


@pytest.mark.parametrize(("coverage", "cohorts"), [(0.5, {}), (0.9, {"n_estimators": 3, "n_peers": 2})])
def test_bounds_are_order_statistics_about_members_that_held_rows_out(coverage, cohorts):
    model = fit(**cohorts)
    intervals = model.predict_interval(X_NEW, coverage, method="cv+", normalize=False)
    for k in range(2):
        assert_allclose(intervals[:, k], by_definition(model, k, coverage), rtol=1e-5, atol=1e-6)


def test_bounds_about_the_ensemble_are_one_order_statistic_of_the_errors():
    model = fit()
    intervals, predicted = model.predict_interval(X_NEW, 0.8, normalize=False), model.predict(X_NEW)
    for k in range(2):
        errors = np.sort(np.abs(Y_HOLES[:, k] - model.oof_prediction_[:, k]))
        errors = errors[np.isfinite(errors)]
        width = errors[upper_rank(len(errors), 0.8)]
        assert_allclose(intervals[:, k], predicted[:, [k]] + [[-width, width]], rtol=1e-5)


def test_widths_follow_the_size_of_errors_where_predictions_tell_it():
    model = fit(Y)
    widths = np.ptp(model.predict_interval(X)[:, 1], axis=1)
    assert np.corrcoef(np.abs(Y[:, 1] - model.oof_prediction_[:, 1]), widths)[0, 1] > 0.3
    assert np.ptp(np.ptp(model.predict_interval(X, normalize=False), axis=2), axis=0).max() < 1e-9


@pytest.mark.parametrize("method", ["cv", "cv+"])
def test_missing_labels_and_weights_of_0_are_the_same_as_no_rows(method):
    weights = np.isfinite(Y_HOLES).astype(float)
    weighed = MultiTaskNetRegressor(**SMALL, **HOLDING).fit(X, Y, sample_weight=3 * weights)
    expected = fit().predict_interval(X_NEW, method=method)
    assert_allclose(weighed.predict_interval(X_NEW, method=method), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["cv", "cv+"])
def test_pickles_views_and_compact_copies_have_them(method):
    corrected = fit(local_correction=True, max_iter=2)
    assert corrected._postprocessors
    intervals = corrected.predict_interval(X_NEW, method=method)
    loaded = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(corrected))))
    assert_array_equal(loaded.predict_interval(X_NEW, method=method), intervals)
    assert_array_equal(loaded.task_view(1).predict_interval(X_NEW, method=method), intervals[:, 1])
    compacted = corrected.compact(keep="one_per_cohort")
    assert_array_equal(
        pickle.loads(pickle.dumps(compacted)).predict_interval(X_NEW, 0.8, method=method),
        compacted.predict_interval(X_NEW, 0.8, method=method),
    )
    one_task = fit(Y[:, 0])
    assert one_task.predict_interval(X_NEW, method=method).shape == (len(X_NEW), 2)


@pytest.mark.parametrize("method", ["cv", "cv+"])
def test_tasks_of_different_members_have_their_own(method):
    groups = [[0, 1], [2, 3]]
    nets = [net(group, cv=3, local_correction=False) for group in groups]
    joined = by_groups(nets).predict_interval(X_OF_GROUPS, 0.8, method=method)
    separate = [own.fit(X_OF_GROUPS, Y_OF_GROUPS).predict_interval(X_OF_GROUPS, 0.8, method=method) for own in nets]
    assert_allclose(joined[:, 0], separate[0][:, 0], rtol=1e-6)
    assert_allclose(joined[:, 2:], separate[1][:, 2:], rtol=1e-6)
    assert np.isnan(joined[:, 1]).all()


def test_counts_are_not_negative():
    model = fit(np.random.default_rng(0).poisson(0.3, size=(90, 2)), loss="poisson")
    for method in ("cv", "cv+"):
        assert model.predict_interval(X_NEW, method=method)[..., 0].min() == 0


def test_new_groups_are_covered_where_groups_are_held_out_together():
    """Features tell the group of a row, and labels have a level of their own in each group."""
    shares = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        group = np.arange(600) // 5
        rows = np.hstack([3 * rng.normal(size=(120, 4))[group], rng.normal(size=(600, 1))])
        labels = 2 * rng.normal(size=120)[group] + rows[:, 4] + 0.3 * rng.normal(size=600)
        params = {**SMALL, **HOLDING, "n_estimators": 3, "max_iter": 25, "learning_rate_init": 0.02}
        net = MultiTaskNetRegressor(**params)
        pair = [net.fit(rows[:300], labels[:300], groups=g).predict_interval(rows[300:]) for g in (group[:300], None)]
        shares.append([covered(intervals, labels[300:]) for intervals in pair])
    together, apart = np.mean(shares, axis=0)
    assert apart < 0.6 < 0.75 < together


def covered(intervals, labels):
    return ((intervals[..., 0] <= labels) & (labels <= intervals[..., 1])).mean()


def test_a_constant_task_has_no_width():
    model = fit(np.column_stack([Y[:, 0], np.full(len(Y), 7.0)]))
    assert_array_equal(model.predict_interval(X_NEW)[:, 1], np.full((len(X_NEW), 2), 7.0))


def test_bad_input_is_named():
    model = fit()
    for coverage in (0, 1, -0.1, 90, "0.9", None):
        with pytest.raises(ValueError, match="coverage must be a number above 0 and below 1; got"):
            model.predict_interval(X_NEW, coverage)
    with pytest.raises(ValueError, match="method must be one of 'cv', 'cv\\+'; got 'plus'"):
        model.predict_interval(X_NEW, method="plus")
    with pytest.raises(ValueError, match="normalize must be True or False; got 'yes'"):
        model.predict_interval(X_NEW, normalize="yes")
    with pytest.raises(ValueError, match=r"at least 99 labels of task 'task0' .* there are 70. Ask for at most 0.985"):
        model.predict_interval(X_NEW, 0.99)
    assert np.isfinite(model.task_view(0).predict_interval(X_NEW, 70 / 71)).all()
    grouped = MultiTaskNetRegressor(**SMALL, **HOLDING).fit(X, Y_HOLES, groups=np.arange(90) // 10)
    with pytest.raises(ValueError, match=r"there are 70, which tell as much as 7.0 .* at most 0.875, or fit with"):
        grouped.predict_interval(X_NEW)
    assert np.isfinite(grouped.task_view(0).predict_interval(X_NEW, 7 / 8)).all()
    with pytest.raises(ValueError, match="predict_interval learns from rows that members held out; no member held out"):
        fit(early_stopping=False, cv=None).predict_interval(X_NEW)
    for method in ("predict_interval", "predict_quantiles"):
        with pytest.raises(NotFittedError):
            getattr(MultiTaskNetRegressor(), method)(X_NEW)


def test_tasks_of_classes_have_none():
    assert not hasattr(MultiTaskNetClassifier(), "predict_interval")
    mixed = MultiTaskNet(tasks=["binary", "regression"], **SMALL, **HOLDING)
    mixed.fit(X, np.column_stack([X[:, 0] > 0, Y[:, 1]]))
    assert np.isnan(mixed.predict_interval(X_NEW)[:, 0]).all()
    assert not hasattr(mixed.task_view(0), "predict_interval")
    assert not hasattr(MultiTaskNet(**SMALL).fit(X, X[:, 0] > 0), "predict_interval")


def test_outer_quantiles_are_moved_by_an_order_statistic():
    model = fit(loss={"task1": Quantile([0.2, 0.6, 0.8])})
    quantiles, held_out = model.predict_quantiles(X_NEW)[1], model._out_of_fold.responses[1]
    outside = np.maximum(held_out[:, 0] - Y_HOLES[:, 1], Y_HOLES[:, 1] - held_out[:, 2])
    outside = np.sort(outside[np.isfinite(outside)])
    move = outside[upper_rank(len(outside), 0.8)]
    assert move > 0
    expected = quantiles[:, [0, 2]] + [-move, move]
    assert_allclose(model.predict_interval(X_NEW, 0.8)[:, 1], expected, rtol=1e-5, atol=1e-6)
    assert (np.ptp(model.predict_interval(X_NEW, 0.02)[:, 1], axis=1) >= 0).all()
    assert model.predict_quantiles(X_NEW)[0] is None
    assert_array_equal(model.task_view(1).predict_quantiles(X_NEW), quantiles)
    assert_allclose(model.predict(X_NEW)[:, 1], quantiles[:, :2] @ [0.25, 0.75])


def fit_mixed(seed=0):
    """Net of labels of four kinds, half of them missing, these labels, rows that are new, and their labels."""
    rng = np.random.default_rng(seed)
    rows, noise = rng.normal(size=(240, 2)), rng.normal(size=(240, 2))
    signal = np.sin(rows[:, 0]) + rows[:, 1]
    labels = np.empty((240, 5), dtype=object)
    labels[:, 0], labels[:, 1] = signal + 0.5 * noise[:, 0], 2 * signal + np.exp(signal / 2) * noise[:, 1]
    labels[:, 2] = np.where(signal + rng.logistic(size=240) > 0, "yes", "no")
    labels[:, 3] = np.argmax(np.column_stack([signal, -signal, rows[:, 0]]) + rng.gumbel(size=(240, 3)), axis=1)
    labels[:, 4] = labels[:, 1]
    seen = np.where(rng.random((40, 5)) < 0.5, None, labels[:40])
    params = SMALL | HOLDING | {"n_estimators": 3, "batch_size": 40, "random_state": seed}
    kinds = ["regression", "regression", "binary", "multiclass", Quantile([0.1, 0.5, 0.9])]
    model = MultiTaskNet(tasks=kinds, **params)
    return model.fit(rows[:40], seen), seen, rows[40:], labels[40:]


def is_in_set(model, sets, labels):
    """Whether the sets contain the labels of the tasks of classes."""
    columns = [(labels[:, [k]] == model.classes_[k]) & sets[k] for k in (2, 3)]
    return np.column_stack([column.any(axis=1) for column in columns])


def test_coverage_is_kept_over_draws_with_holes_and_uneven_noise():
    """Mean over draws of few labels, of which a quantile without the new row's own weight would miss some."""
    shares = []
    for seed in range(30):
        model, _, X_new, y_new = fit_mixed(seed)
        for method in ("cv", "cv+"):
            intervals, numbers = model.predict_interval(X_new, 0.9, method=method)[:, [0, 1, 4]], y_new[:, [0, 1, 4]]
            inside = (intervals[..., 0] <= numbers) & (numbers <= intervals[..., 1])
            in_set = is_in_set(model, model.predict_set(X_new, 0.9, method=method), y_new)
            shares.append(np.concatenate([inside.mean(axis=0), in_set.mean(axis=0)]))
    shares = np.reshape(shares, (30, 2, 5))
    error = shares.std(axis=0) / np.sqrt(len(shares))
    assert (shares.mean(axis=0) >= 0.9 - 2 * error).all()


def test_sets_hold_the_classes_that_are_as_probable_as_held_out_labels():
    model, y, X_new, _ = fit_mixed()
    sets, teams = model.predict_set(X_new, 0.8), model.predict_set(X_new, 0.8, method="cv+")
    held_out = model._out_of_fold.judged
    folds = np.empty(40, dtype=int)
    for member in range(3):
        folds[held_out.observed.kept_mask.nonzero()[0][held_out.rows[member][held_out.real[member]]]] = member
    for k in (2, 3):
        rows = np.flatnonzero([label is not None for label in y[:, k]])
        is_label = model.classes_[k] == y[rows][:, [k]]
        of_label = model.oof_proba_[k][rows][is_label]
        assert_array_equal(sets[k], by_rank(of_label[:, None, None] > model.predict_proba(X_new)[k]))
        by_member = np.array([proba_alone(model, member, X_new)[k] for member in range(3)])
        assert_array_equal(teams[k], by_rank(of_label[:, None, None] > by_member[folds[rows]]))


def by_rank(is_less_probable):
    """Whether fewer than 80% of held-out labels and the new one are more probable, ``(label, row, class)``."""
    return is_less_probable.sum(axis=0) < 0.8 * (len(is_less_probable) + 1) - 1e-9


def proba_alone(model, k, rows):
    """Probabilities by the weights of member k in every member."""
    model = pickle.loads(pickle.dumps(model))
    for values in model.network_.buffer.views.values():
        values.copy_(values[k].expand_as(values).clone())
    return model.predict_proba(rows)


def test_sets_keep_their_form():
    model, _, X_new, _ = fit_mixed()
    sets = pickle.loads(pickle.dumps(model)).predict_set(X_new, 0.5)
    assert sets[0] is sets[1] is None
    assert sets[3].shape == (len(X_new), 3)
    for k in (2, 3):
        assert sets[k].dtype == bool
        assert sets[k][np.arange(len(X_new)), model.predict_proba(X_new)[k].argmax(axis=1)].all()
        assert_array_equal(model.task_view(k).predict_set(X_new, 0.5), sets[k])
    with pytest.raises(ValueError, match="labels of task 'task2' in rows that members held out"):
        model.predict_set(X_new, 0.99)
    alone = MultiTaskNetClassifier(**SMALL, **HOLDING).fit(X, X[:, 0] > 0)
    assert alone.predict_set(X_NEW).shape == (len(X_NEW), 2)
    assert not hasattr(MultiTaskNetRegressor(), "predict_set")
    assert not hasattr(model.task_view(0), "predict_quantiles")
    assert not hasattr(fit(), "predict_quantiles")
    assert not hasattr(model.task_view(0), "predict_set")
