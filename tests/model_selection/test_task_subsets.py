"""Networks of subsets of the tasks: each is what it is alone; that of all tasks is the fit of the estimator."""

from itertools import combinations

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.inputs import take_rows
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import MultiTaskKFold
from skmtl.model_selection._subset_measurements import read_subsets
from skmtl.model_selection._task_subsets import measure_subsets

KINDS = ["regression", "binary", "multiclass"]
X, Y = make_related_tasks(90, 8, 3, missing=0.2, kinds=KINDS, random_state=0)
ALL = [subset for size in (1, 2, 3) for subset in combinations(range(3), size)]
SETTINGS = {"hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "dtype": "float64", "random_state": 3}
SEED = check_random_state(3).randint(2**31 - 1)


def net(**params):
    return MultiTaskNet(**{"tasks": KINDS, **SETTINGS, **params})


@pytest.fixture(scope="module")
def measured():
    return measure_subsets(net(), X, Y, ALL, cv=2)


def test_tasks_outside_a_subset_have_no_score(measured):
    for subset, scores, losses in zip(ALL, measured.scores, measured.cell_losses, strict=True):
        inside = np.isin(np.arange(3), subset)
        assert (np.isnan(scores) == ~inside).all()
        assert (np.isnan(losses[0]) == ~inside[measured.cells[1]]).all()


@pytest.mark.parametrize("params", [{}, {"dropout": 0.2}, {"sharing": "low_rank", "balancing": "imtl_g"}])
def test_a_subset_is_the_same_alone_and_beside_others(params):
    together = measure_subsets(net(**params), X, Y, ALL, cv=2)
    for k in (0, 4):
        alone = measure_subsets(net(**params), X, Y, [ALL[k]], cv=2)
        np.testing.assert_allclose(together.scores[k], alone.scores[0], rtol=0, atol=1e-10)
        np.testing.assert_allclose(together.cell_losses[k], alone.cell_losses[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize(("subset", "weights"), [((0, 1, 2), None), ((0, 2), [10, 0, 1]), ((1,), [0, 1, 0])])
def test_a_subset_is_a_fit_with_the_other_loss_weights_0(measured, subset, weights):
    row, task = measured.cells
    for train, test in MultiTaskKFold(2).split(X, Y):
        model = net(loss_weights=weights, random_state=SEED).fit(X[train], Y[train])
        proba = model.predict_proba(X[test])
        for k in subset:
            seen = ~np.isnan(Y[test, k])
            labels = Y[test, k][seen]
            if k == 0:
                scale = np.nanstd(Y[train, 0])
                expected = ((model.predict(X[test])[seen, 0].astype(float) - labels) / scale) ** 2
            else:
                expected = -np.log(proba[k][seen, labels.astype(int)])
            cells = (task == k) & np.isin(row, test)
            np.testing.assert_allclose(measured.cell_losses[ALL.index(subset), 0, cells], expected, rtol=1e-7)


def test_scores_are_errors_of_the_losses(measured):
    losses = measured.losses(ALL.index((0, 1, 2)))[0]
    folds = [test for _, test in MultiTaskKFold(2).split(X, Y)]
    expected = [[np.nanmean(losses[test, 0]) ** 0.5, *np.nanmean(losses[test, 1:], axis=0)] for test in folds]
    np.testing.assert_allclose(measured.scores[-1], expected)
    np.testing.assert_array_equal(measured.n_test, [(~np.isnan(Y[test])).sum(0) for test in folds])
    np.testing.assert_array_equal(measured.n_train, measured.n_test[::-1])
    assert not measured.greater_is_better.any()


def test_repeats_have_other_folds_and_the_last_of_two_is_no_copy():
    measured = measure_subsets(net(), X, Y, [(0, 1)], cv=2, n_repeats=2)
    assert measured.repeat_of_split.tolist() == [0, 0, 1, 1]
    assert measured.cell_losses.shape == (1, 2, np.count_nonzero(~np.isnan(Y)))
    assert not np.allclose(measured.scores[0, :2, :2], measured.scores[0, 2:, :2])
    own_folds = measure_subsets(net(), X, Y, [(0, 1)], cv=MultiTaskKFold(2), n_repeats=2, random_state=1)
    assert (own_folds.n_test[:2] == own_folds.n_test[2:]).all()
    assert not np.allclose(own_folds.scores[0, :2, :2], own_folds.scores[0, 2:, :2])


def test_steps_before_the_net_are_fitted_once_a_fold():
    pipeline = make_pipeline(StandardScaler(), net(random_state=SEED))
    measured = measure_subsets(make_pipeline(StandardScaler(), net()), X * 100, Y, [(0, 1, 2)], cv=2, scoring="r2")
    for fold, (train, test) in enumerate(MultiTaskKFold(2).split(X, Y)):
        model = pipeline.fit(X[train] * 100, Y[train])
        score = model[-1].score_tasks(model[:-1].transform(X[test] * 100), Y[test])["task0"]
        assert measured.scores[0, fold, 0] == pytest.approx(score, rel=1e-9)


def test_steps_get_the_weights_that_they_request():
    weights, rows = np.arange(1.0, 91), [(np.arange(45), np.arange(45, 90))]
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        measured = measure_subsets(make_pipeline(scaler, net()), X, Y, [(0, 1, 2)], cv=rows, sample_weight=weights)
    scores = {}
    for name, given in {"weighted": weights[:45], "plain": None}.items():
        scaled = StandardScaler().fit(X[:45], sample_weight=given).transform(X)
        scores[name] = measure_subsets(net(), scaled, Y, [(0, 1, 2)], cv=rows, sample_weight=weights).scores
    np.testing.assert_allclose(measured.scores, scores["weighted"])
    assert not np.allclose(measured.scores, scores["plain"])


def test_metrics_by_task():
    names = {"task0": "rmse", "task1": "roc_auc", "task2": make_task_scorer("accuracy")}
    measured = measure_subsets(net(), X, Y, [(0, 1), (2,)], cv=2, scoring=names)
    assert measured.greater_is_better.tolist() == [False, True, True]
    assert (np.isnan(measured.scores) == [[[False, False, True]] * 2, [[True, True, False]] * 2]).all()
    assert (measured.scores[0, :, 0] > 0).all()
    numbers = measure_subsets(net(), X, Y, [(0, 1)], cv=2, scoring="rmse")
    np.testing.assert_allclose(numbers.scores[0, :, 0], measured.scores[0, :, 0])
    assert np.isnan(numbers.scores[0, :, 1]).all()  # a metric of numbers is not for classes


def test_sample_weights_count_in_training_and_in_scores():
    weights = np.random.default_rng(0).uniform(0.5, 2, Y.shape)
    weights[:9, 0] = 0
    measured = measure_subsets(net(), X, Y, [(0,)], cv=[(np.arange(45), np.arange(45, 90))], sample_weight=weights)
    row, task = measured.cells
    assert not ((row < 9) & (task == 0)).any()
    own = (row >= 45) & (task == 0)
    expected = np.average(measured.cell_losses[0, 0, own], weights=measured.cell_weights[own]) ** 0.5
    assert measured.scores[0, 0, 0] == pytest.approx(expected)
    plain = measure_subsets(net(), X, Y, [(0,)], cv=[(np.arange(45), np.arange(45, 90))])
    assert not np.allclose(plain.cell_losses[0, 0, plain.cells[0] >= 60], measured.cell_losses[0, 0, row >= 60])


def test_what_cannot_be_judged_is_nan():
    y = Y.copy()
    y[50, 2] = 7  # a class that is not trained on
    y[:45, 1] = 1
    folds = [(np.arange(45), np.arange(45, 90))]
    with pytest.warns(UserWarning, match="'task1' has labels of one class only"):
        measured = measure_subsets(net(), X, y, [(0, 1, 2)], cv=folds)
    assert measured.n_test.tolist() == [[np.count_nonzero(~np.isnan(Y[45:, 0])), 0, measured.n_test[0, 2]]]
    assert np.isnan(measured.scores[0, 0]).tolist() == [False, True, False]
    assert np.isnan(measured.losses(0)[0, 50, 2])


@pytest.mark.parametrize("names", [["a", "b", "c"], [2, 0, 1]], ids=str)
def test_frames_with_names_of_any_kind(measured, names):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(Y, columns=names)
    named = measure_subsets(net(), pd.DataFrame(X).add_prefix("x"), frame, ALL, cv=2)
    assert named.task_names == names
    np.testing.assert_array_equal(named.scores, measured.scores)
    assert take_rows(frame, np.arange(2)).shape == (2, 3)


@pytest.mark.parametrize(
    ("names", "subsets", "expected"),
    [
        (["a", "b", "c"], [["c", "a"], {"b"}, (2, 1)], [(0, 2), (1,), (1, 2)]),
        ([2, 0, 1], [[2, 1], (0,)], [(0, 2), (1,)]),
        ([5, ("d", 1)], [[("d", 1), 0]], [(0, 1)]),
    ],
    ids=str,
)
def test_subsets_by_name_and_by_index(names, subsets, expected):
    assert read_subsets(subsets, names) == expected


@pytest.mark.parametrize(
    ("subsets", "error", "message"),
    [
        ([["x"]], ValueError, r"subsets names the unknown task 'x'; the tasks are 0, 1, 'c'"),
        ([(3,)], ValueError, "unknown task 3"),
        ([[["c"]]], ValueError, r"unknown task \['c'\]"),
        ([[True, False]], ValueError, "unknown task True"),
        (np.array([[True, False, True]]), ValueError, "unknown task np.True_"),
        ([()], ValueError, "subsets holds an empty one"),
        (["c", 1], TypeError, "list of lists of task names; got 'c' in place of a list"),
        ([0, 1], TypeError, "got 0 in place of a list"),
    ],
    ids=str,
)
def test_subsets_that_are_refused(subsets, error, message):
    with pytest.raises(error, match=message):
        read_subsets(subsets, [0, 1, "c"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1"),
        ({"scoring": "speed"}, "metric must be one of"),
        ({"estimator": net(loss_weights=[1, 1, 0])}, "loss_weights is 0 for task 'task2'"),
    ],
)
def test_bad_input(change, message):
    given = {"estimator": net(), "subsets": [(0,), (2,)], "cv": 2, **change}
    with pytest.raises(ValueError, match=message):
        measure_subsets(given.pop("estimator"), X, Y, given.pop("subsets"), **given)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="Training side by side needs one of skmtl's estimators"):
        measure_subsets(LinearRegression(), X, Y, [(0,)])


def test_a_task_without_a_label_to_train_on_is_named_with_its_fold():
    y = Y.copy()
    y[:45, 0] = np.nan
    with pytest.raises(ValueError, match="Task 'task0' has no label") as caught:
        measure_subsets(net(), X, y, [(1,)], cv=[(np.arange(45), np.arange(45, 90))])
    assert caught.value.__notes__ == ["In fold 0."]


def test_a_fit_that_diverges_names_its_tasks():
    model = MultiTaskNetRegressor(**SETTINGS | {"learning_rate_init": 1e300, "early_stopping": False})
    with pytest.raises(FloatingPointError) as caught:
        measure_subsets(model, X, X[:, :2], [(1,)], cv=2)
    assert caught.value.__notes__ == ["In the fit of the tasks 'task1' in fold 0."]
