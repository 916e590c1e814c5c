"""Teachers, the labels that they give to missing cells, and the quality of the labels that are there."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold

from skmtl import MultiTaskNet, MultiTaskNetClassifier
from skmtl.collaboration import CoTeaching, MeanTeacher, PseudoLabeling
from skmtl.collaboration.pseudo_labeling import MIN_CELLS, lowest_threshold
from skmtl.fitting import _peers
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.training._step import Step
from tests._asserts import assert_same_predictions
from tests.estimators.test_held_out import weights_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
FULL = np.column_stack([X[:, 0] > 0, np.digitize(X[:, 1], [-0.5, 0.5]), X[:, 2] + 0.1 * X[:, 3]]).astype(float)
Y = np.where(RNG.random(FULL.shape) < 0.4, np.nan, FULL)
Y[::10] = np.nan
KINDS = ["binary", "multiclass", "regression"]
SURE = PseudoLabeling(precision=0.7, start=0.3)


def fit(y=Y, **params):
    defaults = {"tasks": KINDS, "hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 20, "batch_size": 64}
    defaults |= {"cv": 3, "learning_rate_init": 0.02, "random_state": 0, "dtype": "float64"}
    return MultiTaskNet(**{**defaults, "input_scaling": False, "local_correction": False, **params}).fit(X, y)


# a teacher that follows its student -----------------------------------------------------------------------------------

FOLLOWING = {"early_stopping": False, "cv": None, "learning_rate": "constant", "batch_size": 200, "dropout": 0.0}
FOLLOWING |= {"input_dropout": 0.0, "input_scaling": False}


def test_a_teacher_without_memory_is_its_student():
    model = fit(FULL, collaboration=MeanTeacher(0.0, ramp=0.0), **FOLLOWING)
    alone = fit(FULL, n_peers=2, **FOLLOWING)
    for student in (0, 2):
        assert_array_equal(weights_of(model, student), weights_of(model, student + 1))
        assert_allclose(weights_of(model, student), weights_of(alone, student), rtol=0, atol=1e-12)


def test_a_teacher_is_the_running_mean_of_its_student():
    """One step an epoch; at first a plain mean, until it would remember longer than the decay says."""
    idle = MeanTeacher(0.6, strength=0.0, unlabeled_strength=0.0)
    steps = range(1, 6)
    models = [fit(FULL, collaboration=idle, **FOLLOWING | {"max_iter": n}) for n in steps]
    mean = np.zeros_like(weights_of(models[0], 0))
    for step, model in enumerate(models):
        decay = min(0.6, 1 - 1 / (step + 1))
        mean = decay * mean + (1 - decay) * weights_of(model, 0)
        assert_allclose(weights_of(model, 1), mean, rtol=0, atol=1e-12)


def test_a_teacher_has_one_student():
    with pytest.raises(ValueError, match="MeanTeacher needs two peers, a student and a teacher; got n_peers=4"):
        fit(collaboration="mean_teacher", n_peers=4)


# labels of missing cells ----------------------------------------------------------------------------------------------


def test_thresholds_are_the_lowest_that_are_precise_enough():
    certainty, right, weights = torch.from_numpy(np.random.default_rng(0).random((3, 2, 1, 60, 3)))
    right, weights = right.round(), (weights < 0.8).double()
    certainty[1] = certainty[1].round(decimals=1)
    found = lowest_threshold(certainty, right, weights, torch.full((2, 1, 1, 1), 0.6, dtype=torch.float64))
    assert found.shape == (2, 1, 1, 3)
    for cohort in range(2):
        for task in range(3):
            sure, true, seen = (v[cohort, 0, :, task].numpy() for v in (certainty, right, weights))
            good = [c for c in sure[seen > 0] if ((sure >= c) & (seen > 0)).sum() >= MIN_CELLS
                    and true[(sure >= c) & (seen > 0)].mean() >= 0.6]  # fmt: skip
            assert found[cohort, 0, 0, task] == min(good, default=np.inf)


def test_teachers_are_independent_networks():
    assert fit(collaboration=SURE).n_unlabeled_rows_ == np.isnan(Y).all(axis=1).sum()
    some = np.where(np.isnan(Y).all(axis=1)[:, None], FULL, Y)  # every row has a label: the same batches
    taught, plain = fit(some, collaboration=SURE), fit(some, n_peers=4)
    changed = [not np.array_equal(weights_of(taught, k), weights_of(plain, k)) for k in range(8)]
    assert changed == [False, False, True, True] * 2


@pytest.mark.parametrize("case", ["no missing cell", "no label is sure enough", "weight 0"])
def test_without_pseudo_labels_nothing_changes(case):
    y = FULL if case == "no missing cell" else np.where(np.isnan(Y).all(axis=1)[:, None], FULL, Y)
    method = {"no label is sure enough": PseudoLabeling(1.5), "weight 0": PseudoLabeling(weight=0.0)}.get(case, SURE)
    taught, plain = fit(y, collaboration=method), fit(y, n_peers=4)
    for member in range(8):
        assert_array_equal(weights_of(taught, member), weights_of(plain, member))
    assert_same_predictions(taught, plain, X[:5])
    assert_array_equal(taught.labeled_iter_, np.where(np.isnan(y), -1, 0))
    wanted = "all_labeled" if case == "no missing cell" else "no_change"
    assert set(taught.termination_condition_.values()) == {wanted}


def test_before_the_start_nothing_is_taught():
    y = np.where(np.isnan(Y).all(axis=1)[:, None], FULL, Y)
    late, plain = fit(y, collaboration=PseudoLabeling(0.5, start=0.99)), fit(y, n_peers=4)  # after the last step
    for member in range(8):
        assert_array_equal(weights_of(late, member), weights_of(plain, member))


def test_given_labels_stay_and_missing_ones_are_told():
    model = fit(collaboration=SURE, max_iter=30)
    given = ~np.isnan(Y)
    assert_array_equal(model.transduction_[given], Y[given])
    assert_array_equal(model.labeled_iter_ == 0, given)
    assert_array_equal(np.isnan(model.transduction_), model.labeled_iter_ == -1)
    assert (model.labeled_iter_ == 1).any(axis=0).all()
    labelled = model.labeled_iter_ == 1
    assert set(model.transduction_[:, 1][labelled[:, 1]]) <= {0.0, 1.0, 2.0}
    for name, column in zip(model.task_names_, model.labeled_iter_.T, strict=True):
        missing = column != 0
        expected = "all_labeled" if (column[missing] == 1).all() else "max_iter"
        assert model.termination_condition_[name] == expected
    assert_array_equal(fit(collaboration=SURE, max_iter=30).transduction_, model.transduction_)


def test_each_task_is_predicted_by_those_who_are_better_on_held_out_rows(monkeypatch):
    monkeypatch.setattr(_peers, "_gain", lambda *_: (np.array([0.1, -0.1, 0.1]), np.array([0.04, 0.04, 0.06])))
    model = fit(collaboration=SURE)
    taught = np.tile([False, False, True, True], 2)
    assert_array_equal(model._member_weights[:, 0], taught / 4)
    assert_array_equal(model._member_weights[:, 1], ~taught / 4)
    assert_array_equal(model._member_weights[:, 2], np.full(8, 1 / 8))
    outputs = model.network_(torch.from_numpy(model.encoder_.transform(X, np.float64))[None]).numpy()
    responses = model._layout.by_task(model._layout.mean_responses(outputs[taught]))
    assert_allclose(model.predict_proba(X)[0], responses[0], rtol=0, atol=1e-12)
    responses = model._layout.by_task(model._layout.mean_responses(outputs[~taught]))
    assert_allclose(model.predict_proba(X)[1], responses[1], rtol=0, atol=1e-12)
    assert model.pseudo_label_gain_["task0"] == 0.1


def test_a_gain_is_a_difference_of_held_out_losses():
    """Of the weights that are kept, each cohort by the labels that it holds out."""
    model = fit(FULL, collaboration=SURE, n_estimators=3)
    by_loss = model.history_["validation_loss"] @ model.loss_weights_
    best = by_loss.argmin(axis=0)
    kept = model.history_["validation_loss"][best, np.arange(12)].reshape(3, 4, 3)
    gains = kept[:, :2].mean(axis=(0, 1)) - kept[:, 2:].mean(axis=(0, 1))
    found = [model.pseudo_label_gain_[name] for name in model.task_names_]
    assert_allclose(found, gains, rtol=0, atol=0.01)  # folds differ by a row


def test_the_error_of_a_gain_is_that_of_a_mean_over_rows(monkeypatch):
    found, gain = [], _peers._gain
    monkeypatch.setattr(_peers, "_gain", lambda *args: found.append(gain(*args)) or found[-1])
    for repeats in (1, 2):
        net = MultiTaskNet(tasks=KINDS, hidden_layer_sizes=(8,), n_estimators=2, max_iter=10, random_state=0)
        net.set_params(dtype="float64", collaboration=PseudoLabeling(0.8))
        net.fit(X[:120], Y[:120], X_val=np.tile(X[120:], (repeats, 1)), y_val=np.tile(FULL[120:], (repeats, 1)))
    (gains, errors), (same, smaller) = found
    assert_allclose(same, gains, rtol=0, atol=1e-10)
    assert_allclose(smaller, errors * np.sqrt(79 / 159), rtol=1e-6)


def test_rows_without_labels_leave_folds_and_steps_as_they_are(monkeypatch):
    steps, n_labelled = [], np.count_nonzero(~np.isnan(Y).all(axis=1))
    call = Step.__call__
    monkeypatch.setattr(Step, "__call__", lambda self, batch, *args: steps.append(batch) or call(self, batch, *args))
    params = {
        "collaboration": PseudoLabeling(1.5),
        "n_estimators": 1,
        "max_iter": 1,
        "batch_size": 20,
        "input_scaling": False,
    }
    held_out = np.isfinite(fit(**params).oof_prediction_).all(axis=1)
    assert abs(np.count_nonzero(held_out & ~np.isnan(Y).all(axis=1)) - n_labelled / 3) < 1
    assert len(steps) == -(-n_labelled // 20)


def test_a_vector_of_labels_gives_vectors():
    labels = np.where(np.isnan(Y[:, 0]), -1, FULL[:, 0]).astype(int)
    net = MultiTaskNetClassifier(
        hidden_layer_sizes=(8,), n_estimators=2, max_iter=10, missing_label=-1, collaboration=SURE, random_state=0
    )
    model = net.fit(X, labels)
    assert model.transduction_.shape == model.labeled_iter_.shape == (200,)
    words = np.where(labels < 0, None, np.where(labels > 0, "yes", "no"))
    net.set_params(missing_label=None).fit(X, words)
    assert set(net.transduction_) <= {"yes", "no", None}
    assert_array_equal(net.labeled_iter_, model.labeled_iter_)


def test_a_search_finds_what_grid_search_finds():
    grid = [{"collaboration__precision": [0.6, 0.9]}, {"collaboration__start": [0.2, 0.6]}]
    params = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 8, "dtype": "float64", "random_state": 0}
    net = MultiTaskNet(tasks=KINDS, collaboration=SURE, **params)
    ours, theirs = (
        search(net, grid, cv=KFold(2), refit=False).fit(X, Y) for search in (MultiTaskSearchCV, GridSearchCV)
    )
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("peers_only", [True, False])
def test_rounds_renew_the_thresholds(peers_only):
    once, often = (fit(collaboration=PseudoLabeling(0.8, rounds=n, start=0.2)) for n in (1, 3))
    assert_same_predictions(once, often, X[:5])  # a given threshold needs no calibration
    method = PseudoLabeling(precision=0.7, start=0.2, rounds=3, peers_only=peers_only)
    assert [method.rounds_begun(p) for p in (0.0, 0.19, 0.2, 0.46, 0.47, 0.74, 1.0)] == [0, 0, 1, 1, 2, 3, 3]
    assert set(np.unique(fit(collaboration=method).labeled_iter_)) == {-1, 0, 3}


def test_labels_given_in_the_course_of_one_epoch_are_told():
    some = np.where(np.isnan(Y).all(axis=1)[:, None], FULL, Y)
    settings = {"tasks": KINDS, "hidden_layer_sizes": (8,), "random_state": 0, "batch_size": 64, "n_peers": 4}
    settings["n_estimators"] = 1
    taught = MultiTaskNet(**settings, collaboration=PseudoLabeling(0.0)).partial_fit(X, some)
    plain = MultiTaskNet(**settings).partial_fit(X, some)
    assert not np.array_equal(weights_of(taught, 3), weights_of(plain, 3))
    assert set(taught.termination_condition_.values()) == {"all_labeled"}


def test_thresholds_need_held_out_rows():
    with pytest.raises(ValueError, match="PseudoLabeling needs held-out rows to measure on, and there are none"):
        fit(collaboration="pseudo_labels", early_stopping=False, cv=None)
    net = MultiTaskNet(tasks=KINDS, hidden_layer_sizes=(8,), collaboration="pseudo_labels")
    with pytest.raises(ValueError, match="early_stopping is False, as in partial_fit"):
        net.partial_fit(X, FULL)
    with pytest.raises(ValueError, match="two teachers or more and as many students; got n_peers=5"):
        fit(collaboration="pseudo_labels", n_peers=5)
    model = fit(collaboration=PseudoLabeling(0.9), early_stopping=False, cv=None)
    assert np.isnan(list(model.pseudo_label_gain_.values())).all()
    assert (model._member_weights == 1 / 8).all()


def test_what_an_earlier_fit_found_out_is_forgotten():
    model = fit(collaboration=SURE)
    model.set_params(collaboration=CoTeaching()).fit(X, Y)
    assert not hasattr(model, "transduction_")
    model.set_params(collaboration=None).fit(X, Y)
    assert not hasattr(model, "label_quality_")


# quality of labels ----------------------------------------------------------------------------------------------------


def test_the_quality_of_a_label_is_what_others_think_of_it():
    """The out-of-fold probability of a class; of a number, that of a residual as large, which orders them."""
    model = fit(collaboration=CoTeaching(), cv=2)
    seen = ~np.isnan(Y)
    assert_array_equal(np.isnan(model.label_quality_), ~seen)
    for task in (0, 1):
        rows = np.flatnonzero(seen[:, task])
        expected = model.oof_proba_[task][rows, Y[rows, task].astype(int)]
        assert_allclose(model.label_quality_[rows, task], expected, rtol=1e-6)
    quality, residual = model.label_quality_[seen[:, 2], 2], np.abs(model.oof_prediction_ - Y)[seen[:, 2], 2]
    assert (np.diff(quality[np.argsort(residual)]) <= 0).all()
    assert ((quality >= 0) & (quality <= 1)).all()
    assert_allclose(np.median(quality), 0.5, atol=1e-3)


def test_labels_that_none_held_out_are_judged_by_all():
    model = fit(collaboration=CoTeaching(), early_stopping=False, cv=None)
    seen = ~np.isnan(Y[:, 0])
    expected = model.predict_proba(X)[0][seen, Y[seen, 0].astype(int)]
    assert_allclose(model.label_quality_[seen, 0], expected, rtol=1e-6)
    part = fit(collaboration=CoTeaching(), cv=8, n_estimators=2)
    assert not np.isnan(part.label_quality_[seen, 0]).any()
