"""Peers that learn from one another, fitted: laws, searches, rows without labels, copies, bad input."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.collaboration import CoTeaching, CoTraining, MeanTeacher, MutualLearning, PseudoLabeling
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.model_selection.search._candidates import grouped, net_key, read_candidates
from tests._asserts import assert_same_predictions
from tests._fits import fitted, read_inputs, stacks_of
from tests.estimators.test_held_out import differing, weights_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 1]) > 0.5, X[:, 2] + X[:, 3]]).astype(float)
FULL = Y.copy()
Y[RNG.random(Y.shape) < 0.3] = np.nan
Y[np.isnan(Y).all(axis=1), 0] = 1
KINDS = ["binary", "binary", "regression"]
METHODS = {
    "agreement": MutualLearning(),
    "diversity": MutualLearning(-0.5, ramp=0.0),
    "unlabeled cells": MutualLearning(0.0, unlabeled_strength=1.0, ramp=0.0),
    "chosen labels": CoTeaching(0.3),
    "joint choice": CoTeaching(0.3, select="joint", agreement=0.2),
    "a teacher": MeanTeacher(0.9, ramp=0.0),
    "pseudo-labels": PseudoLabeling(0.6, start=0.2),
    "views": CoTraining([[0, 1, 2], [1, 2, 3]], ramp=0.0),
}
IDLE = [MutualLearning(0.0), CoTeaching(0.0), CoTeaching(0.0, select="joint"), PseudoLabeling(weight=0.0)]


def make(**params):
    defaults = {"tasks": KINDS, "hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "batch_size": 32}
    return MultiTaskNet(**{**defaults, "dtype": "float64", "dropout": 0.1, "random_state": 0, **params})


@pytest.mark.parametrize("method", IDLE, ids=repr)
def test_methods_of_strength_zero_train_independent_peers(method):
    params = {"n_peers": method.peers, "cv": 2, "kernel_blend": False, "tree_blend": False}
    one, other = make(collaboration=method, **params).fit(X, Y), make(**params).fit(X, Y)
    assert_same_fit(one, other, atol=0)
    assert_same_predictions(one, other, X)


def assert_same_fit(one, other, atol=1e-10):
    for name, values in one.network_.buffer.arrays().items():
        assert_allclose(other.network_.buffer.arrays()[name], values, rtol=0, atol=atol)
    assert_allclose(one.history_["loss"], other.history_["loss"], rtol=0, atol=atol)


@pytest.mark.parametrize("name", METHODS)
def test_peers_change_what_they_learn(name):
    one, other = make(collaboration=METHODS[name]).fit(X, Y), make(n_peers=METHODS[name].peers).fit(X, Y)
    assert one.n_peers_ == METHODS[name].peers
    changed = differing(*([weights_of(model, k) for k in range(one.n_peers_)] for model in (one, other)))
    assert changed == ([False, False, True, True] if name == "pseudo-labels" else [True, True])


@pytest.mark.parametrize("name", METHODS)
def test_a_cohort_is_what_it_is_without_others(name):
    """Members of a fit have seeds of their own; a first cohort alone has those of the first among several."""
    params = {"collaboration": METHODS[name], "early_stopping": False, "dropout": 0.2}
    alone, beside = (make(n_estimators=n, **params).fit(X, Y) for n in (1, 3))
    assert beside.network_.architecture.members == 3 * alone.network_.architecture.members
    for member in range(METHODS[name].peers):
        assert_allclose(weights_of(beside, member), weights_of(alone, member), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", METHODS)
def test_a_fit_is_what_it_is_beside_others(name):
    """Fits with other labels held out, seeds and settings, of which some are dropped on the way."""
    method = METHODS[name]
    others = [{}, {"random_state": 7, "learning_rate_init": 0.02}, {"n_estimators": 1}]
    nets = [make(collaboration=method, cv=3, **params) for params in others]
    rows = [read_inputs(nets[0], X[own], Y[own]) for own in (slice(0, 80), slice(10, 90))]
    fits = [(net, own) for own in rows for net in nets]
    (stack,) = stacks_of(fits, 1e9)
    stack.advance(0.5)
    stack.keep([0, 4, 5])
    stack.advance(1.0)
    for place in stack.indices:
        own = slice(0, 80) if place < 3 else slice(10, 90)
        assert_same_fit(fitted(stack, place), clone(fits[place][0]).fit(X[own], Y[own]))


@pytest.mark.parametrize("name", METHODS)
def test_nothing_that_a_cohort_holds_out_reaches_it_through_a_peer(name):
    """Other inputs of held-out rows, and so other outputs of all peers, leave the cohort as it was to the last bit."""
    counts = 10.0 * (1 + RNG.permutation(100))
    rows = np.random.default_rng(1).normal(size=(100, 3))
    small = {"hidden_layer_sizes": (8,), "cv": 4, "local_correction": False, "random_state": 0}
    method = CoTraining([[0, 1], [1, 2]]) if name == "views" else METHODS[name]
    small |= {"loss": "poisson", "collaboration": method, "input_scaling": False, "max_iter": 1}
    first = MultiTaskNetRegressor(**small, n_estimators=1).fit(rows, counts)
    fold = np.flatnonzero(np.isfinite(first.oof_prediction_))
    changed = counts.copy()
    changed[fold[:12]] += 4
    changed[fold[12:24]] -= 4
    models = [MultiTaskNetRegressor(**small, n_estimators=4).fit(rows, y) for y in (counts, changed)]
    n_peers = first.n_peers_
    changed = differing(*([weights_of(model, k) for k in range(4 * n_peers)] for model in models))
    assert changed == [False] * n_peers + [True] * (3 * n_peers)


def test_without_a_missing_cell_unlabeled_strength_does_nothing():
    one, other = (make(collaboration=MutualLearning(1.0, strength, ramp=0.0)).fit(X, FULL) for strength in (0.0, 2.0))
    assert_same_fit(one, other, atol=0)


def test_peers_agree_the_more_the_stronger_they_are_drawn_together():
    spreads = []
    for strength in (-0.4, 0.0, 1.0, 100.0):
        params = {"collaboration": MutualLearning(strength, ramp=0.0), "max_iter": 60, "early_stopping": False}
        model = make(n_estimators=1, dropout=0.0, **params).fit(X, Y)
        outputs = model.network_(torch.from_numpy(model.encoder_.transform(X, np.float64))[None])
        spreads.append(float(outputs.std(0).mean()))
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.1 * spreads[1]


def test_a_row_of_weight_two_is_the_row_twice_to_agreeing_peers():
    params = {"collaboration": MutualLearning(ramp=0.0), "early_stopping": False, "batch_size": 200, "dropout": 0.0}
    params |= {"input_dropout": 0.0, "input_scaling": False, "local_correction": False}
    weights = RNG.integers(1, 3, len(X))
    weighted = make(**params).fit(X, Y, sample_weight=weights)
    repeated = make(**params).fit(np.repeat(X, weights, axis=0), np.repeat(Y, weights, axis=0))
    for member in range(4):
        assert_allclose(weights_of(weighted, member), weights_of(repeated, member), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "grid",
    [
        {"collaboration__strength": [-0.3, 0.0, 2.0]},
        {"collaboration__unlabeled_strength": [0.0, 1.0], "collaboration__ramp": [0.0, 0.5]},
        {"collaboration": [None, "mutual", CoTeaching(0.3)], "n_peers": [2]},
        {"collaboration": ["co_teaching"], "collaboration__noise_rate": [0.0, 0.4]},
    ],
)
def test_a_search_finds_what_grid_search_finds(grid):
    net = make(collaboration=MutualLearning(), max_iter=3)
    ours, theirs = (search(net, grid, cv=KFold(3)).fit(X, Y) for search in (MultiTaskSearchCV, GridSearchCV))
    assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=0, atol=1e-9)
    assert ours.best_params_ == theirs.best_params_


def test_candidates_that_differ_in_strength_are_one_network():
    nets = [make(collaboration=MutualLearning(strength)) for strength in (-0.3, 0.0, 1.0)]
    rows = read_inputs(nets[0], X, Y)
    assert [stack.indices for stack in stacks_of([(net, rows) for net in nets])] == [[0, 1, 2]]
    others = [MutualLearning(temperature=2.0), MutualLearning(unlabeled_strength=1.0), CoTeaching(), None]
    grid = [{"collaboration": method, "n_peers": 2} for method in [*(net.collaboration for net in nets), *others]]
    groups = grouped(read_candidates(make(), grid), net_key)
    assert [[candidate.index for candidate in group] for group in groups] == [[0, 1, 2], [3], [4], [5], [6]]


@pytest.mark.parametrize("name", METHODS)
def test_a_race_keeps_whole_cohorts(name):
    grid = {"learning_rate_init": [0.001, 0.01, 0.05]}
    params = {"max_iter": 4, "collaboration": METHODS[name]}
    race = MultiTaskSearchCV(make(**params), grid, cv=KFold(2), elimination="halving").fit(X, Y)
    assert race.best_estimator_.network_.architecture.members == 2 * METHODS[name].peers
    alone = make(**params, **race.best_params_).fit(X, Y)
    assert_same_fit(race.best_estimator_, alone)


# rows without any label -----------------------------------------------------------------------------------------------


HOLES = Y.copy()
HOLES[::3] = np.nan


def test_rows_without_labels_are_kept_where_a_method_uses_them(capsys):
    plain, using = MutualLearning(), MutualLearning(unlabeled_strength=1.0, ramp=0.0)
    assert make(collaboration=plain).fit(X, HOLES).n_unlabeled_rows_ == 0
    model = make(collaboration=using, verbose=1).fit(X, HOLES)
    assert model.n_unlabeled_rows_ == 30
    assert "30 rows without any label are learned from" in capsys.readouterr().out
    assert model.history_["loss"].shape[2] == 3


def test_what_peers_think_of_rows_without_labels_matters():
    params = {"collaboration": MutualLearning(unlabeled_strength=5.0, ramp=0.0), "early_stopping": False}
    moved = X.copy()
    moved[::3] = RNG.normal(size=moved[::3].shape)
    one, other = (make(**params).fit(rows, HOLES) for rows in (X, moved))
    assert all(differing(*([weights_of(model, k) for k in range(4)] for model in (one, other))))
    assert_array_equal(one.encoder_.transform(X), other.encoder_.transform(X))


def test_rows_of_weight_zero_are_no_rows():
    weights = np.ones(len(X))
    weights[::2] = 0
    model = make(collaboration=MutualLearning(unlabeled_strength=1.0)).fit(X, HOLES, sample_weight=weights)
    assert model.n_unlabeled_rows_ == 15
    fewer = make(collaboration=MutualLearning(unlabeled_strength=1.0)).fit(X[1::2], HOLES[1::2])
    assert_same_predictions(model, fewer, X)


def test_minus_one_means_no_label_as_in_scikit_learn():
    labels = np.where(np.arange(90) % 3, X[:, 0] > 0, -1)
    net = MultiTaskNetClassifier(
        hidden_layer_sizes=(5,), n_estimators=1, max_iter=3, missing_label=-1, random_state=0,
        collaboration=MutualLearning(unlabeled_strength=1.0),
    )  # fmt: skip
    model = net.fit(X, labels)
    assert model.n_unlabeled_rows_ == 30
    assert model.classes_.tolist() == [0, 1]
    assert set(model.predict(X)) <= {0, 1}


# copies, and training that goes on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_fits_are_deterministic_and_survive_copying(name):
    model = make(collaboration=METHODS[name]).fit(X, Y)
    assert_same_predictions(clone(model).fit(X, Y), model, X)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert copied.collaboration == METHODS[name]
        assert_same_predictions(copied, model, X)


@pytest.mark.parametrize("name", METHODS)
def test_training_goes_on_from_bytes_with_the_same_bits(name):
    net = make(collaboration=METHODS[name], max_iter=6)
    rows = read_inputs(net, X, Y)
    (whole,), (broken,) = (list(stacks_of([(net, rows)])) for _ in range(2))
    whole.advance(1.0)
    broken.advance(0.5)
    broken = pickle.loads(pickle.dumps(broken))
    broken.advance(1.0)
    assert_same_predictions(fitted(broken, 0), fitted(whole, 0), X)


@pytest.mark.parametrize("name", METHODS)
def test_training_goes_on_in_passes_and_with_further_rows(name):
    model = make(collaboration=METHODS[name])
    for _ in range(3):
        model.partial_fit(X, FULL)
    assert model.network_.architecture.members == 2 * METHODS[name].peers
    model.set_params(warm_start=True, max_iter=2).fit(X, FULL)
    assert np.isfinite(model.predict(X).astype(float)).all()


# bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_one_peer_is_too_few(name):
    with pytest.raises(ValueError, match=r"needs .*; got n_peers=1\. (Set n_peers to|Leave it 'auto')"):
        make(collaboration=METHODS[name], n_peers=1).fit(X, Y)


def test_peers_see_the_columns_of_their_views():
    """A change of the others changes nothing of what a peer says, and its predictions are those of its columns."""
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 0, "x", "y")).astype({"e": "category"})
    frame.loc[::7, "b"] = np.nan
    method = CoTraining([["a", "b"], ["c", "d", "e"]])
    model = make(collaboration=method, encoder=TabularEncoder(n_bins=3)).fit(frame, Y)
    said = outputs_of(model, frame)
    for changed, peers in [({"a": 0.0, "b": 1.0}, (1, 3)), ({"c": 0.0, "d": 1.0, "e": "x"}, (0, 2))]:
        other = outputs_of(model, frame.assign(**changed).astype(frame.dtypes))
        assert [k for k in range(4) if np.array_equal(said[k], other[k])] == list(peers)
    assert (model.network_.architecture.input_scale[:, :1] == [[1], [0], [1], [0]]).all()


def outputs_of(model, rows):
    return model.network_(torch.from_numpy(model.encoder_.transform(rows, np.float64))[None]).numpy()


@pytest.mark.parametrize(
    ("views", "message"),
    [
        (None, "must be two lists of columns or more, such as"),
        ([["a"]], "must be two lists of columns or more"),
        (
            [["a"], ["z"]],
            r"names 'z', which is no column of X\. Give names of columns such as 'a', or positions from 0",
        ),
        ([[0], [4]], "names 4, which is no column"),
        ([["a"], []], "must hold a column or more each; view 1 is empty"),
    ],
)
def test_views_name_columns(views, message):
    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match=rf"views of collaboration=CoTraining {message}"):
        make(collaboration=CoTraining(views)).fit(frame, Y)


def test_views_are_of_columns():
    with pytest.raises(ValueError, match="CoTraining needs an encoder that makes each input of one column"):
        make(collaboration=CoTraining([[0], [1]]), encoder=torch.nn.Linear(4, 3)).fit(X, Y)
    with pytest.raises(ValueError, match="input_scaling must not be True with collaboration=CoTraining"):
        make(collaboration=METHODS["views"], input_scaling=True).fit(X, Y)


def test_unknown_methods_and_settings_are_told():
    with pytest.raises(ValueError, match=r"collaboration='telepathy' is not known\. Choose one of 'mutual'"):
        make(collaboration="telepathy").fit(X, Y)
    with pytest.raises(TypeError, match=r"collaboration must be one of .* or a Collaboration object; got"):
        make(collaboration=MutualLearning).fit(X, Y)
    with pytest.raises(ValueError, match="noise_rate of collaboration=CoTeaching must be a number of at least 0 and"):
        make(collaboration=CoTeaching(1.0)).fit(X, Y)
    with pytest.raises(ValueError, match="CoTeaching has no parameter 'strength'"):
        make(collaboration="co_teaching").set_params(collaboration__strength=1)


@pytest.mark.parametrize("collaboration", [None, "mutuall", MutualLearning, 3])
def test_settings_of_no_method_are_refused(collaboration):
    message = (
        "collaboration__strength cannot be set, as collaboration=.* has no parameters. Set collaboration to one of"
    )
    with pytest.raises(ValueError, match=message):
        make(collaboration=collaboration).set_params(collaboration__strength=1.0)
    assert make(collaboration=None).set_params(collaboration="mutual", collaboration__strength=0.5).collaboration
