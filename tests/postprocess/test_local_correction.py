"""Corrections by the errors about rows alike: formulas, limits, what it keeps."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.postprocess import HeldOutRows, LocalCorrection, relevance
from skmtl.postprocess import _kernel as kernels
from skmtl.postprocess._local_correction import PRIORS, WIDTHS, Residuals
from skmtl.tasks import KINDS
from tests._builders import make_network

RNG = np.random.default_rng(0)
N = 60
ROWS = RNG.normal(size=(N, 3))
ROWS[40:] = ROWS[:20]  # rows that repeat others
SCALE = np.array([1.0, 0.5, 2.0])
ALONE = np.arange(N)  # no row counts as a copy of another


def evidence_of_numbers(index=0, weights=None):
    """Errors that rows alike share."""
    kind = KINDS["regression"]()
    error = np.sin(3 * ROWS[:, :1]) + 0.1 * RNG.normal(size=(N, 1))
    response = RNG.normal(size=(N, 1))
    weights = np.ones(N) if weights is None else weights
    return Residuals(index, kind.fit("number", response[:, 0], np.ones(N)), response + error, response, weights)


def evidence_of_classes(index=0):
    kind = KINDS["multiclass"]()
    labels = np.where(ROWS[:, 0] > 0, "a", np.where(ROWS[:, 1] > 0, "b", "c"))
    task = kind.fit("class", labels, np.ones(N))
    response = RNG.dirichlet([1, 1, 1], N)
    return Residuals(index, task, task.kind.ideal_response(task, labels), response, np.ones(N))


def corrected_by(rows, groups, scale, residuals):
    """Fit a correction; with it the held-out responses of the corrected tasks, each corrected by the other rows."""
    correction = LocalCorrection().fit_residuals(rows, groups, scale, residuals)
    if correction is None:
        return None
    n_tasks = 1 + max(of_task.index for of_task in residuals)
    responses = [next((r.response for r in residuals if r.index == k), None) for k in range(n_tasks)]
    corrected = correction(rows, responses, groups)
    return correction, [corrected[task.index] for task in correction.tasks_]


def by_definition(known, chosen, x, own=None, groups=ALONE):
    """Sums over all pairs, one by one."""
    scaled, z = x * SCALE, ROWS * SCALE
    distances = np.linalg.norm(scaled[:, None] - z, axis=2)
    among = np.linalg.norm(z[:, None] - z, axis=2)
    among[groups[:, None] == groups] = np.inf
    if own is not None:
        distances[own[:, None] == groups] = np.inf
    of_references, of_rows = (np.sort(d, axis=1)[:, kernels.NEIGHBOUR - 1] for d in (among, distances))
    least = kernels.MIN_WIDTH * np.median(of_references[of_references > 0])
    of_references, of_rows = np.maximum(of_references, least), np.maximum(of_rows, least)
    likeness = np.exp(-(distances**2) / (2 * chosen.width**2 * of_rows[:, None] * of_references))
    likeness *= known.weights / known.weights[known.weights > 0].mean()
    errors = np.where(known.weights[:, None] > 0, known.truth - known.response, 0.0)
    return (likeness @ errors) / (likeness.sum(axis=1, keepdims=True) + chosen.prior)


def test_the_correction_is_what_its_formula_says(monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK_CELLS", 7 * N)  # several blocks
    weights = RNG.uniform(1, 3, N)
    weights[::7] = 0
    known = evidence_of_numbers(weights=weights)
    correction, corrected = corrected_by(ROWS, ALONE, SCALE, [known])
    x = RNG.normal(size=(25, 3))
    response = RNG.normal(size=(25, 1))
    expected = response + by_definition(known, *correction.tasks_, x)
    assert_allclose(correction(x, [response])[0], expected, rtol=1e-9)
    left_out = known.response + by_definition(known, *correction.tasks_, ROWS, np.arange(N))
    assert_allclose(corrected[0], left_out, rtol=1e-9)


def test_width_and_prior_are_the_best_of_all_by_leaving_one_out():
    known = evidence_of_numbers()
    correction, _ = corrected_by(ROWS, ALONE, SCALE, [known])

    class Tried:
        def __init__(self, width, prior):
            self.width, self.prior = width, prior

    errors = {}
    for width in WIDTHS:
        for prior in PRIORS:
            change = by_definition(known, Tried(width, prior), ROWS, np.arange(N))
            errors[width, prior] = np.square(known.truth - known.response - change).sum()
    (chosen,) = correction.tasks_
    assert (chosen.width, chosen.prior) == min(errors, key=errors.get)


def test_each_task_has_a_width_and_a_prior_of_its_own():
    smooth, rough = evidence_of_numbers(0), evidence_of_classes(1)
    constant = Residuals(2, smooth.task, smooth.response + 2.0, smooth.response, smooth.weights)
    known = [smooth, rough, constant]
    together, corrected = corrected_by(ROWS, ALONE, SCALE, known)
    assert len({(task.width, task.prior) for task in together.tasks_}) > 1
    x, responses = RNG.normal(size=(9, 3)), [np.zeros((9, 1)), RNG.dirichlet([1, 1, 1], 9), np.zeros((9, 1))]
    got = together(x, responses)
    for k, one in enumerate(known):
        alone, corrected_alone = corrected_by(ROWS, ALONE, SCALE, [one])
        assert_allclose(got[k], alone(x, responses)[k], rtol=1e-9)
        assert_allclose(corrected[k], corrected_alone[0], rtol=1e-9)


def test_errors_that_rows_alike_do_not_share_are_left_alone():
    known = evidence_of_numbers()
    alternating = np.where(np.argsort(np.argsort(ROWS[:, 0])) % 2, 1.0, -1.0)[:, None]
    alternating[40:] = -alternating[:20]  # the same row again, with the opposite error
    opposed = Residuals(0, known.task, known.response + alternating, known.response, known.weights)
    assert corrected_by(ROWS, ALONE, SCALE, [opposed]) is None


def test_a_task_that_would_lose_is_left_alone():
    gains = evidence_of_numbers(0)
    opposed = gains.truth - gains.response
    opposed[40:] = -opposed[:20]
    loses = Residuals(1, gains.task, gains.response + opposed, gains.response, gains.weights)
    correction, corrected = corrected_by(ROWS, ALONE, SCALE, [gains, loses])
    assert [task.index for task in correction.tasks_] == [0]
    assert len(corrected) == 1
    responses = [RNG.normal(size=(N, 1)) for _ in range(2)]
    assert correction(ROWS, responses)[1] is responses[1]


@pytest.mark.parametrize(("n_wrong", "corrects"), [(2, False), (3, True)])
def test_a_gain_within_one_and_a_half_standard_errors_is_luck(n_wrong, corrects):
    """Of n equal gains among zeros the sum is about sqrt(n) standard errors: 1.41 of two, 1.73 of three."""
    rows = np.vstack([np.full((n_wrong, 3), 9.0), RNG.normal(size=(N - n_wrong, 3))])
    error = np.where(np.arange(N) < n_wrong, 1.0, 0.0)[:, None]
    task = evidence_of_numbers().task
    known = Residuals(0, task, error, np.zeros_like(error), np.ones(N))
    assert (corrected_by(rows, ALONE, SCALE, [known]) is not None) == corrects


def test_copies_are_left_out_together():
    known = evidence_of_numbers()
    groups = np.where(np.arange(N) < 40, np.arange(N), np.arange(N) - 40)
    correction, corrected = corrected_by(ROWS, groups, SCALE, [known])
    expected = known.response + by_definition(known, *correction.tasks_, ROWS, groups, groups)
    assert_allclose(corrected[0], expected, rtol=1e-9)


def test_copies_are_no_further_evidence():
    def verdicts(copies):
        found = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            rows, noise = (np.repeat(rng.normal(size=(150, d)), copies, axis=0) for d in (3, 1))
            task = KINDS["regression"]().fit("noise", noise[:, 0], np.ones(len(noise)))
            known = Residuals(0, task, noise, np.zeros_like(noise), np.ones(len(noise)))
            groups = np.repeat(np.arange(150), copies)
            found.append(corrected_by(rows, groups, np.ones(3), [known]) is None)
        return found

    left_alone = verdicts(1).count(True)
    assert verdicts(4).count(True) >= left_alone
    assert 5 < left_alone < 20  # some noise passes for a gain, most does not


def test_labels_without_weight_say_nothing():
    weights = np.ones(N)
    weights[::3] = 0
    known = evidence_of_numbers(weights=weights)
    absurd = known.truth.copy()
    absurd[::3] = 1e9
    other = Residuals(0, known.task, absurd, known.response, weights)
    x, response = RNG.normal(size=(9, 3)), np.zeros((9, 1))
    corrections = [corrected_by(ROWS, ALONE, SCALE, [e])[0] for e in (known, other)]
    assert_array_equal(corrections[0](x, [response])[0], corrections[1](x, [response])[0])


def test_the_scale_of_the_weights_does_not_matter():
    known = evidence_of_numbers()
    heavier = Residuals(0, known.task, known.truth, known.response, 1000 * known.weights)
    x, response = RNG.normal(size=(9, 3)), np.zeros((9, 1))
    one, thousand = (corrected_by(ROWS, ALONE, SCALE, [e])[0](x, [response])[0] for e in (known, heavier))
    assert_allclose(one, thousand, rtol=1e-12)


def test_tasks_keep_their_places_and_others_are_left_alone():
    known = [evidence_of_numbers(2), evidence_of_classes(0)]
    correction, corrected = corrected_by(ROWS, ALONE, SCALE, known)
    responses = [RNG.dirichlet([1, 1, 1], N), RNG.normal(size=(N, 1)), RNG.normal(size=(N, 1))]
    got = correction(ROWS, responses)
    assert got[1] is responses[1]
    assert_allclose(got[2], responses[2] + by_definition(known[0], correction.tasks_[0], ROWS), rtol=1e-9)
    assert [c.shape for c in corrected] == [(N, 1), (N, 3)]


def test_probabilities_stay_positive_and_sum_to_one():
    known = evidence_of_classes()
    correction, corrected = corrected_by(ROWS, ALONE, SCALE, [known])
    near_zero = np.array([[1e-6, 1 - 3e-6, 2e-6]] * N)
    for got in (corrected[0], correction(ROWS, [near_zero])[0]):
        assert (got > 0).all()
        assert_allclose(got.sum(axis=1), 1, rtol=1e-12)


def test_small_probabilities_keep_their_order():
    task = evidence_of_classes().task
    response = np.array([[0.2, 0.8, 0.0], [0.1, 0.9, 0.0]])
    shifted = task.kind.shift(response, np.array([[-0.5, 0.5, 0.0]] * 2))
    assert shifted[0, 0] > shifted[1, 0] > 0


def test_rates_of_counts_stay_positive():
    kind = KINDS["poisson"]()
    shifted = kind.shift(np.array([[2.0], [3.0]]), np.array([[-5.0], [1.0]]))
    assert_array_equal(shifted, [[0.2], [4.0]])


@pytest.mark.parametrize("loss", ["quantile", "absolute_error", "huber"])
def test_what_is_not_a_mean_has_no_ideal_response(loss):
    kind = KINDS[loss]()
    labels = np.arange(4.0)
    assert kind.ideal_response(kind.fit("y", labels, np.ones(4)), labels) is None


def test_all_rows_alike_are_one_neighbourhood():
    known = evidence_of_numbers()
    shared = Residuals(0, known.task, known.response + 2.0, known.response, known.weights)
    correction, _ = corrected_by(np.zeros((N, 3)), ALONE, SCALE, [shared])
    got = correction(np.zeros((1, 3)), [np.zeros((1, 1))])[0]
    assert_allclose(got, 2.0 * N / (N + correction.tasks_[0].prior), rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_numbers_of_any_size_are_corrected(unit):
    known = evidence_of_numbers()
    far = Residuals(0, known.task, unit * known.truth, unit * known.response, known.weights)
    rows = ROWS.astype(np.float32)
    x, response = rows[:9], np.zeros((9, 1))
    one, scaled = (corrected_by(rows, ALONE, SCALE.astype(np.float32), [e])[0](x, [response])[0] for e in (known, far))
    assert_allclose(scaled / unit, one, rtol=1e-6)


def test_relevance_of_a_linear_network_is_the_size_of_its_weights():
    network = make_network("hard", 3, (), (1, 1), seeds=range(2), activation="identity")
    (name,) = [spec.name for spec in network.buffer.specs if network.buffer.views[spec.name][0].numel() == 6]
    weights = np.array([[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], [[10.0, 0.0, 0.0], [0.0, 0.0, 10.0]]])
    view = network.buffer.views[name]
    view.copy_(torch.from_numpy(weights).reshape(view.shape))
    of_members = 3 * np.array([[9, 16, 0], [100, 0, 100]]) / [[25], [200]]
    got = relevance(network, RNG.normal(size=(300, 3)), np.ones((2, 2), dtype=bool))
    assert_allclose(got, np.sqrt(of_members.mean(axis=0)), rtol=1e-12)
    of_learned = 3 * np.array([[0, 1, 0], [0.5, 0, 0.5]])  # the first member has learned its second output only
    got = relevance(network, RNG.normal(size=(300, 3)), np.array([[False, True], [True, True]]))
    assert_allclose(got, np.sqrt(of_learned.mean(axis=0)), rtol=1e-12)


@pytest.mark.parametrize(("n_inputs", "by_relevance"), [(15, True), (16, False)])
def test_inputs_count_by_their_relevance_where_rows_are_enough(n_inputs, by_relevance):
    rows, labels = RNG.normal(size=(30, n_inputs)), np.zeros(30)
    network = make_network("hard", n_inputs, (4,), (1,), seeds=[0])
    task = KINDS["regression"]().fit("number", np.arange(30.0), np.ones(30))
    cells = [task], [labels], np.ones((30, 1)), [labels[:, None] + 1.0]
    learned = np.ones((1, 1), dtype=bool)
    held_out = HeldOutRows(np.arange(30), *cells, rows=rows, weights=np.ones((30, 1)), learned=learned)
    scale = LocalCorrection().fit(network, held_out).scale_
    assert_allclose(scale, relevance(network, rows, learned) if by_relevance else np.ones(n_inputs), rtol=1e-12)
