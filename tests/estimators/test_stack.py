"""Estimators fitted side by side as one network: each is what it is alone."""

import gc
import re
import weakref

import numpy as np
import pytest

from skmtl import MultiTaskNetClassifier
from skmtl.balancing import Recorded
from skmtl.encoders import TabularEncoder
from skmtl.estimators._fit_inputs import fitted_copy, prepare_candidate, read_further_rows
from skmtl.fitting import GrowingFits
from skmtl.sharing import Additive, Hard, LatentTasks, Relationship, Soft
from skmtl.training import EMA, AdamW, Averaging, DivergenceError, _joined
from tests._fits import fitted, read_inputs, stacks_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 1]) > 0.5]).astype(float)
Y[RNG.random(Y.shape) < 0.3] = np.nan
Y[np.isnan(Y).all(axis=1), 0] = 1

VARIANTS = [
    {},
    {"loss_weights": [1, 5]},
    {"learning_rate_init": 0.02},
    {"learning_rate_init": 1e200},
    {"dropout": 0.3},
    {"weight_decay": 1.0},
    {"class_weight": "balanced"},
    {"class_weight": {"task0": {0.0: 5}}, "n_estimators": 3},
    {"loss_weights": [1, 2, 3]},
]
DIVERGES, UNUSABLE = 3, 8
COMMON = {
    "auto": {},
    "held out, patience": {"n_iter_no_change": 1, "tol": 0.02, "max_iter": 12, "learning_rate": "constant"},
    "nothing held out": {"early_stopping": False},
    "training loss, patience": {"early_stopping": False, "n_iter_no_change": 1, "tol": 0.05, "max_iter": 12},
    "inputs scaled and dropped": {"input_scaling": True, "input_dropout": 0.2},
    "average of weights": {"optimizer": AdamW(weight_average=EMA(0.8)), "n_iter_no_change": 1, "max_iter": 12},
    "sgd, independent": {"optimizer": "sgd", "sharing": "independent"},
    "means of peers": {"peer_sharing": Averaging(2, 0.5), "n_peers": 2, "n_iter_no_change": 1, "max_iter": 12},
    "sums of peers": {"peer_sharing": "additive", "n_peers": 2},
    "scalings of peers": {"peer_sharing": "batch_ensemble", "n_peers": 2},
    "task layers, mixture": {"task_layer_sizes": (3,), "sharing": "mmoe"},
}


def make(**params):
    defaults = {"hidden_layer_sizes": (5,), "n_estimators": 2, "max_iter": 4, "batch_size": 32}
    defaults |= {"input_dropout": 0.0, "dtype": "float64", "random_state": 0}  # "auto" would follow dropout
    return MultiTaskNetClassifier(**{**defaults, **params})


def on_same_rows(estimators, **fit_params):
    rows = read_inputs(estimators[0], X, Y, **fit_params)
    return [(estimator, rows) for estimator in estimators]


def assert_same_fit(fitted, alone):
    assert fitted.n_iter_ == alone.n_iter_
    for name, values in alone.history_.items():
        np.testing.assert_allclose(fitted.history_[name], values, rtol=0, atol=1e-9)
    for name, values in alone.network_.buffer.arrays().items():
        np.testing.assert_allclose(fitted.network_.buffer.arrays()[name], values, rtol=0, atol=1e-9)
    assert fitted.network_.architecture.dropout == alone.network_.architecture.dropout
    np.testing.assert_array_equal(fitted.loss_weights_, alone.loss_weights_)
    assert fitted.n_features_in_ == alone.n_features_in_
    assert hasattr(fitted, "oof_score_") == hasattr(alone, "oof_score_")
    if hasattr(alone, "oof_score_"):
        assert fitted.oof_score_ == pytest.approx(alone.oof_score_, abs=1e-9)


OWN_ROWS, GIVEN_ROWS = {}, {"X_val": X[:20], "y_val": Y[:20]}


@pytest.mark.parametrize(
    ("common", "fit_params"),
    [*((name, OWN_ROWS) for name in COMMON), *((name, GIVEN_ROWS) for name in ("auto", "average of weights"))],
    ids=[*COMMON, "X_val", "X_val, average of weights"],
)
def test_each_estimator_becomes_what_it_becomes_alone(common, fit_params):
    common = COMMON[common]
    estimators = [make(**{**common, **variant}) for variant in VARIANTS]
    (stack,) = stacks_of(on_same_rows(estimators, **fit_params), 1e9)
    assert list(stack.errors) == [UNUSABLE]
    stack.advance(0.5)
    stack.keep([place for place in range(len(VARIANTS)) if place != 1])
    stack.advance(1.0)
    for place, variant in enumerate(VARIANTS):
        if place == 1:
            continue
        alone = make(**{**common, **variant})
        if place in (DIVERGES, UNUSABLE):
            error = DivergenceError if place == DIVERGES else ValueError
            with pytest.raises(error) as expected:
                alone.fit(X, Y, **fit_params)
            with pytest.raises(error) as found:
                fitted(stack, place)
            assert str(found.value) == str(expected.value)
        else:
            assert_same_fit(fitted(stack, place), alone.fit(X, Y, **fit_params))


@pytest.mark.parametrize("seed", [0, None])
def test_fits_that_begin_alike_do_not_disturb_each_other(seed):
    """Estimators that differ in settings only begin with one network, whatever becomes of it elsewhere."""
    estimators = [make(loss_weights=[1, k], random_state=seed) for k in (1, 2, 3)]
    stacks = list(stacks_of(on_same_rows(estimators), 1))  # stacks of one fit each, one after another
    for stack in stacks:
        stack.advance(1.0)
    networks = [fitted(stack, place).network_ for place, stack in enumerate(stacks)]
    assert len({id(network) for network in networks}) == 3
    if seed is not None:
        for place, estimator in enumerate(estimators):
            assert_same_fit(fitted(stacks[place], place), make(**estimator.get_params()).fit(X, Y))


def test_fits_that_begin_alike_share_their_beginning_until_they_end():
    fits = on_same_rows([make(loss_weights=[1, k + 1], random_state=seed) for k, seed in enumerate((0, 0, 7, 8))])
    (memory,) = [stack.memory for stack in stacks_of(fits, 1e9)]
    stacks = stacks_of(fits, memory / 2)
    stack = next(stacks)
    networks = {stack.jobs[place].network for place in (0, 1)}
    assert len(networks) == 1
    of_first = weakref.ref(networks.pop())
    del stack
    gc.collect()
    assert of_first() is None  # although more stacks are to come
    assert next(stacks).indices == [2, 3]


def test_fits_that_have_stopped_leave_the_network():
    patient = {"max_iter": 30, "learning_rate": "constant", "early_stopping": False}
    estimators = [make(**patient, n_iter_no_change=2, tol=tol, learning_rate_init=rate)
                  for tol, rate in [(0.01, 1e-6), (0.01, 2e-6), (0.01, 0.02)]]  # fmt: skip
    (stack,) = stacks_of(on_same_rows(estimators), 1e9)
    stack.advance(1.0)
    assert stack._training.network.buffer.members == 2
    for place, estimator in enumerate(estimators):
        assert_same_fit(fitted(stack, place), make(**estimator.get_params()).fit(X, Y))


def test_fits_that_end_together_respond_each_on_its_own():
    patient = {"max_iter": 30, "learning_rate": "constant", "early_stopping": False, "n_iter_no_change": 2, "tol": 0.01}
    estimators = [
        make(**patient, n_estimators=n, learning_rate_init=rate, random_state=7)
        for n, rate in [(1, 1e-6), (3, 2e-6), (2, 0.02), (2, 3e-6)]
    ]
    (stack,) = stacks_of(on_same_rows(estimators), 1e9)
    stack.advance(1.0)
    assert sorted(stack._ended) == [0, 1, 3]
    assert len(set(stack._ended.values())) == 1
    together = stack.responses([3, 2, 0, 1], X)
    for place in range(4):
        for found, expected in zip(together[place], fitted(stack, place).predict_proba(X), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert len(set(stack._ended.values())) == 3  # each is on its own now
    assert [len(stack.learned(place)[1].epochs[0]["loss"]) for place in range(4)] == [1, 3, 2, 2]
    alone = stack.responses([1], X)[1]
    assert all(np.allclose(*pair, rtol=0, atol=1e-12) for pair in zip(alone, together[1], strict=True))


def test_the_memory_allowed_bounds_a_stack_and_one_fit_is_always_trained():
    estimators = [make(loss_weights=[1, k + 1]) for k in range(6)]
    fits = on_same_rows(estimators)
    (whole,) = stacks_of(fits, 1e9)
    each = whole.memory / 6
    for allowed, sizes in [(2.5 * each, [2, 2, 2]), (4 * each, [4, 2]), (each / 10, [1] * 6)]:
        stacks = list(stacks_of(fits, allowed))
        assert [len(stack.indices) for stack in stacks] == sizes
        assert all(stack.memory <= allowed for stack in stacks) or allowed < each


# several folds, orders of batches and strengths of penalties ---------------------------------------------------------

TRAIN = [np.arange(80) % 5 != k for k in range(3)]  # 64 rows each
FIT_PARAMS = {
    "own rows": lambda k: {},
    "weighted": lambda k: {"sample_weight": np.random.default_rng(k).integers(1, 4, (64, 2))},
    "X_val": lambda k: {"X_val": X[~TRAIN[k]], "y_val": Y[~TRAIN[k]]},
    "X_val, of other lengths": lambda k: {"X_val": X[: 10 + k], "y_val": Y[: 10 + k]},
}
JOINED = {
    **COMMON,
    "full batch": {"batch_size": 100},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "task layers": {"task_layer_sizes": (3, 2), "dropout": 0.2},
    "task layers alone": {"hidden_layer_sizes": (), "task_layer_sizes": (3,)},
    "two layers, more inputs": {"hidden_layer_sizes": (4, 3), "encoder": TabularEncoder(n_bins=3)},
    "balancer that looks at losses": {"balancing": "uncertainty"},
    "balancer that looks at gradients": {"balancing": Recorded("cagrad", ["gradient_norms"])},
}


@pytest.mark.parametrize("common", JOINED.values(), ids=JOINED)
def test_fits_to_several_folds_become_what_they_become_alone(common, monkeypatch):
    check_joined(common, FIT_PARAMS["own rows"], ways=both_products(monkeypatch))


@pytest.mark.parametrize("fit_params", list(FIT_PARAMS.values())[1:], ids=list(FIT_PARAMS)[1:])
def test_joined_fits_are_weighted_and_judged_as_alone(fit_params):
    check_joined({"early_stopping": True}, fit_params)


UNEQUAL = [TRAIN[0], np.arange(80) > 20, np.arange(80) < 63]  # 64, 59, 63 rows: two batches
FILLED = {
    "held out": {},
    "patience": COMMON["training loss, patience"],
    "sgd, independent": COMMON["sgd, independent"],
    "two layers, more inputs": JOINED["two layers, more inputs"],
    "no hidden layer": JOINED["no hidden layer"],
    "a penalty, rates of their own": {"sharing": "soft", "weight_decay": 0.1},
}


@pytest.mark.parametrize("common", FILLED.values(), ids=FILLED)
def test_fits_to_unequal_numbers_of_rows_become_what_they_become_alone(common, monkeypatch):
    ways = both_products(monkeypatch)
    check_joined({"dropout": 0.0, **common}, FIT_PARAMS["own rows"], train=UNEQUAL, fill=True, ways=ways)


def test_weights_count_in_filled_batches():
    weights = [np.random.default_rng(k).integers(1, 4, (own.sum(), 2)) for k, own in enumerate(UNEQUAL)]
    check_joined({"dropout": 0.0}, lambda k: {"sample_weight": weights[k]}, train=UNEQUAL, fill=True)


@pytest.mark.parametrize(
    ("sizes", "common", "stacks"),
    [
        ((64, 63), {}, 1),
        ((64, 65), {}, 2),  # another step
        ((64, 63), {"dropout": 0.1}, 2),  # a row more, and all that is drawn after it differs
        ((64, 63), {"input_dropout": 0.1}, 2),
        ((64, 63), {"balancing": "uncertainty"}, 2),
        ((64, 63), {"balancing": Recorded(quantities=["gradient_norms"])}, 2),
        ((64, 63), {"input_scaling": True}, 2),
        ((64, 63), {"batch_size": 100}, 2),
    ],
)
def test_batches_are_filled_up_where_that_leaves_no_trace(sizes, common, stacks):
    nets = [(make(**{"dropout": 0.0, **common}), n) for n in sizes]
    fits = [(net, read_inputs(net, X[:n], Y[:n])) for net, n in nets]
    assert len(list(stacks_of(fits, 1e9, fill=True))) == stacks
    assert len(list(stacks_of(fits, 1e9))) == 2


def both_products(monkeypatch):
    """A product a part, then one product with rows for each member."""
    for most in (0, np.inf):
        monkeypatch.setattr(_joined, "MAX_REPEATED", most)
        yield


def check_joined(common, fit_params, train=TRAIN, *, fill=False, ways=(None,)):
    variants = [{}, {"loss_weights": [1, 5]} | ({} if fill else {"dropout": 0.3})]
    variants += [{"learning_rate_init": 1e200}]
    variants += [{"random_state": 7, "n_estimators": 3, "class_weight": "balanced"}]
    places = [(variant, k) for variant in variants for k in range(3)]
    rows = [read_inputs(make(**common), X[own], Y[own], **fit_params(k)) for k, own in enumerate(train)]
    fits = [(make(**{**common, **variant}), rows[k]) for variant, k in places]
    stacks = []
    for _ in ways:
        (stack,) = stacks_of(fits, 1e9, fill=fill)
        stack.advance(0.5)
        stack.keep([place for place in range(len(fits)) if place not in (1, 4, 9)])
        stack.advance(1.0)
        stacks.append(stack)
    for place in stacks[0].indices:
        variant, k = places[place]
        alone = make(**{**common, **variant})
        if variant.get("learning_rate_init") == 1e200:
            with pytest.raises(DivergenceError) as expected:
                alone.fit(X[train[k]], Y[train[k]], **fit_params(k))
            for stack in stacks:
                with pytest.raises(DivergenceError, match=re.escape(str(expected.value))):
                    fitted(stack, place)
        else:
            alone.fit(X[train[k]], Y[train[k]], **fit_params(k))
            for stack in stacks:
                assert_same_fit(fitted(stack, place), alone)


def test_folds_that_are_not_alike_make_stacks_of_their_own():
    sizes = [(80, 4), (80, 4), (79, 4), (80, 3)]
    rows = [read_inputs(make(), X[:n, :d], Y[:n]) for n, d in sizes]
    stacks = list(stacks_of([(make(), own) for own in rows], 1e9))
    assert sorted(stack.indices for stack in stacks) == [[0, 1], [2], [3]]


def test_stacks_side_by_side_keep_to_the_memory_too():
    rows = [read_inputs(make(), X[:n], Y[:n]) for n in (80, 79)]
    fits = [(make(loss_weights=[1, k + 1]), rows[k % 2]) for k in range(8)]
    both = list(stacks_of(fits, 1e9))
    assert [len(stack.indices) for stack in both] == [4, 4]
    allowed = sum(stack.memory for stack in both) / 2
    stacks = list(stacks_of(fits, allowed))
    assert sorted(place for stack in stacks for place in stack.indices) == list(range(8))
    assert len(stacks) == 4
    assert max(stack.memory for stack in stacks) <= allowed


def test_rows_of_several_folds_keep_to_the_memory():
    wide = np.tile(X, 100)
    rows = [read_inputs(make(hidden_layer_sizes=()), wide[own], Y[own]) for own in TRAIN]
    fits = [(make(hidden_layer_sizes=(), loss_weights=[1, k + 1]), own) for own in rows for k in range(2)]
    (whole,) = stacks_of(fits, 1e9)
    (of_rows,) = set(whole.rows_memory.values())
    assert of_rows == 64 * 8 * whole.jobs[0].network.architecture.n_inputs
    assert 6 * of_rows > whole.memory > of_rows
    assert [stack.indices for stack in stacks_of(fits, 2.5 * of_rows)] == [[0, 1, 2, 3], [4, 5]]
    assert [stack.indices for stack in stacks_of(fits, 0.9 * of_rows)] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("sharing", [Hard, Soft, Additive, Relationship, LatentTasks])
def test_strengths_of_penalties_are_the_members_own(sharing):
    strengths = [0.0, 0.01, 1.0]
    name = sharing.strengths[0]
    fits = on_same_rows([make(sharing=sharing(**{name: strength})) for strength in strengths])
    (stack,) = stacks_of(fits, 1e9)
    stack.advance(0.5)
    stack.keep([0, 2])
    stack.advance(1.0)
    for place in (0, 2):
        own = sharing(**{name: strengths[place]})
        taken = fitted(stack, place)
        assert_same_fit(taken, make(sharing=own).fit(X, Y))
        assert taken.network_.architecture.sharing == own
        assert not taken.network_.architecture.strengths


def test_a_fit_taken_from_a_stack_goes_on_like_one_fitted_alone():
    rows = [read_inputs(make(), X[own], Y[own]) for own in TRAIN]
    (stack,) = stacks_of([(make(), own) for own in rows], 1e9)
    stack.advance(1.0)
    alone = make().fit(X[TRAIN[2]], Y[TRAIN[2]])
    taken = fitted(stack, 2)
    np.testing.assert_array_equal(taken.network_.architecture.initial_bias, alone.network_.architecture.initial_bias)
    assert taken.network_.architecture.encoder is taken.encoder_
    for net in (taken, alone):
        net.__dict__.pop("_training", None)
        net.partial_fit(X, Y)
    for ours, theirs in zip(taken.predict_proba(X), alone.predict_proba(X), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_scores_of_a_stack_are_those_of_its_fits():
    rows = read_inputs(make(), X, Y)
    estimators = [make(n_estimators=n, learning_rate_init=rate) for n, rate in [(1, 0.1), (3, 1e200), (2, 0.01)]]
    (stack,) = stacks_of([(estimator, rows) for estimator in estimators], 1e9)
    stack.advance(1.0)
    assert list(stack.errors) == [1]
    scores = stack.score_tasks([0, 2], read_further_rows(make(), rows, X, Y, None))
    assert scores == {place: pytest.approx(fitted(stack, place).score_tasks(X, Y), abs=1e-12) for place in (0, 2)}


GROWING = {
    "patience": COMMON["held out, patience"] | {"dropout": 0.3},
    "inputs scaled": COMMON["inputs scaled and dropped"],
    "cohorts": COMMON["means of peers"],
    "corrected": {"cv": 3, "local_correction": True, "calibration": "temperature", "threshold_metric": "f1"},
}


@pytest.mark.parametrize("common", GROWING.values(), ids=GROWING)
@pytest.mark.parametrize("fit_params", [{}, {"X_val": X[:20], "y_val": Y[:20]}], ids=["own rows", "X_val"])
def test_members_that_come_later_are_those_of_the_whole_fit(common, fit_params):
    if fit_params and "cv" in common:
        return  # which asks for rows that members hold out
    learned = {name: None for name in ("calibration", "threshold_metric")} | {"local_correction": False}
    variants = [{}, {"learning_rate_init": 0.02}, {"learning_rate_init": 1e200}]
    estimators = [make(**{**common, **variant, "n_estimators": 3}) for variant in variants]
    inputs = read_inputs(estimators[0], X, Y, **fit_params)
    growing = GrowingFits((index, prepare_candidate(own, inputs)) for index, own in enumerate(estimators))
    for n_members in (1, 3):
        found = {index: trainer for trainer in growing.grow(n_members, 1e9, fill=False) for index in trainer.indices}
        for index in (0, 1):
            fit = fitted_copy(estimators[index], found[index].result(index))
            own = {} if n_members == 3 else learned | {"n_estimators": n_members}
            assert_same_fit(fit, make(**estimators[index].get_params(deep=False) | own).fit(X, Y, **fit_params))
        assert isinstance(found[2].errors[2], DivergenceError)
