"""What peers say of cells, how far that is apart, and what follows for each peer: laws of every method's ground."""

import numpy as np
import pytest
import torch

from skmtl.collaboration import COLLABORATIONS, CoTeaching, MutualLearning, PeerCells
from skmtl.collaboration.co_teaching import kept_factors, places_in_class
from skmtl.tasks import AbsoluteError, Binary, Group, Huber, Multiclass, Poisson, Quantile, SquaredError
from tests import _builders as build

COHORTS, PEERS, ROWS = 2, 3, 7
RNG = np.random.default_rng(0)
KINDS = [Binary(), Multiclass(), SquaredError(), AbsoluteError(), Huber(), Quantile(0.8), Poisson()]
LABELS = [RNG.integers(0, 2, 40), RNG.integers(0, 4, 40), *[RNG.poisson(3.0, 40).astype(float) for _ in range(5)]]
LAYOUT = build.make_layout(LABELS, KINDS)
OBJECTIVE = build.make_objective(LAYOUT)
TARGETS = torch.from_numpy(LAYOUT.encode(LABELS, np.ones((40, 7), dtype=bool)))[None, :ROWS]
WEIGHTS = torch.from_numpy(RNG.integers(0, 3, (1, 1, ROWS, 7))).double()


def random_outputs(peers=PEERS):
    return torch.from_numpy(RNG.normal(size=(COHORTS, peers, ROWS, sum(LAYOUT.n_outputs))))


def cells_of(outputs, *, weights=None, progress=1.0):
    losses, _ = OBJECTIVE.cells(outputs.flatten(0, 1).clone(), TARGETS)
    losses = losses.unflatten(0, outputs.shape[:2])
    targets = TARGETS[None]
    return PeerCells(outputs, OBJECTIVE.groups, losses, targets, weights, progress, OBJECTIVE.to_outputs)


def settings_of(method, cohorts=COHORTS, peers=PEERS):
    one = torch.ones(cohorts, peers, 1, 1, dtype=torch.float64)
    return {name: getattr(method, name) * one for name in method.strengths}


def effect_of(method, outputs, **cells):
    return method.effect(cells_of(outputs, **cells), settings_of(method, *outputs.shape[:2]))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_agreement_is_the_mean_divergence_from_the_others(temperature):
    """The gradient is that of the mean over the other peers, which are constants, of the distance from each."""
    outputs = random_outputs().requires_grad_()
    cells = cells_of(outputs)
    beliefs = cells.beliefs(temperature)
    total = torch.zeros(())
    for peer in range(PEERS):
        for other in range(PEERS):
            if other != peer:
                own, others = beliefs[:, [peer]], beliefs[:, [other]].detach()
                total = total + cells.disagreement(own, others, temperature).sum() / (PEERS - 1)
    (expected,) = torch.autograd.grad(total, outputs)
    found = effect_of(MutualLearning(temperature=temperature), outputs.detach()).gradient
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_divergences_are_those_of_the_textbook():
    outputs = random_outputs()
    beliefs = cells_of(outputs).beliefs()
    found = cells_of(outputs).disagreement(beliefs, beliefs[:, [0]])
    position = {type(task.kind).__name__: k for k, task in enumerate(LAYOUT.tasks)}
    starts = np.cumsum([0, *LAYOUT.n_outputs])
    first, classes = (position[name] for name in ("Binary", "Multiclass"))
    p, q = (torch.sigmoid(o[..., starts[first]]) for o in (outputs[:, [0]], outputs))
    expected = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(found[..., first], expected, rtol=0, atol=1e-12)
    own = slice(starts[classes], starts[classes + 1])
    log_p, log_q = (o[..., own].log_softmax(-1) for o in (outputs[:, [0]], outputs))
    torch.testing.assert_close(found[..., classes], (log_p.exp() * (log_p - log_q)).sum(-1), rtol=0, atol=1e-12)
    for name in ("SquaredError", "AbsoluteError", "Huber", "Quantile", "Poisson"):
        column = starts[position[name]]
        expected = (outputs[..., column] - outputs[:, [0], :, column]) ** 2
        torch.testing.assert_close(found[..., position[name]], expected, rtol=0, atol=1e-12)


def test_peers_far_apart_have_finite_divergences():
    for dtype in (torch.float32, torch.float64):
        outputs = torch.full((1, 2, ROWS, sum(LAYOUT.n_outputs)), 500.0, dtype=dtype)
        outputs[:, 1] = -500.0
        outputs[:, :, :, 1::2] = 0
        beliefs = cells_of(outputs).beliefs()
        assert cells_of(outputs).disagreement(beliefs, beliefs.roll(1, 1)).isfinite().all()


@pytest.mark.parametrize("strength", [1.0, -0.5])
def test_agreement_moves_peers_and_not_their_sum(strength):
    gradient = effect_of(MutualLearning(strength), random_outputs()).gradient
    torch.testing.assert_close(gradient.sum(1), torch.zeros_like(gradient[:, 0]), rtol=0, atol=1e-12)
    assert (gradient != 0).all()


@pytest.mark.parametrize("method", [MutualLearning(), MutualLearning(target="best"), MutualLearning(temperature=3.0)])
def test_equal_peers_feel_nothing(method):
    gradient = effect_of(method, random_outputs(1).expand(-1, PEERS, -1, -1)).gradient
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "method",
    [MutualLearning(), MutualLearning(target="best"), CoTeaching(select="joint", agreement=0.3)],
    ids=repr,
)
def test_permuted_peers_are_permuted(method):
    outputs, order = random_outputs(), [2, 0, 1]
    one, other = effect_of(method, outputs, weights=WEIGHTS), effect_of(method, outputs[:, order], weights=WEIGHTS)
    torch.testing.assert_close(other.gradient, one.gradient[:, order], rtol=0, atol=1e-12)
    if one.factors is not None:
        torch.testing.assert_close(other.factors, one.factors[:, order], rtol=0, atol=1e-12)


def test_full_diversity_is_the_gradient_of_the_mean():
    """At -(K - 1) / K each peer's supervised gradient plus the term is the mean of the peers' gradients."""
    smooth = [k for k, task in enumerate(LAYOUT.tasks) if type(task.kind).__name__ in ("Binary", "Multiclass")]
    numbers = [k for k, task in enumerate(LAYOUT.tasks) if type(task.kind).__name__ == "SquaredError"]
    outputs = 0.1 * random_outputs()
    strength = -(PEERS - 1) / PEERS
    _, own = OBJECTIVE.cells(outputs.flatten(0, 1).clone(), TARGETS)
    own = own.unflatten(0, (COHORTS, PEERS))
    both = own + strength * effect_of(MutualLearning(strength), outputs).gradient
    of_mean = outputs.mean(1)
    _, expected = OBJECTIVE.cells(of_mean.clone(), TARGETS)
    starts = np.cumsum([0, *LAYOUT.n_outputs])
    for k in smooth + numbers:
        columns = slice(starts[k], starts[k + 1])
        wanted = expected if k in numbers else own.mean(1)
        assert_all_peers(both[..., columns], wanted[..., columns])


def assert_all_peers(found, expected):
    torch.testing.assert_close(found, expected[:, None].expand_as(found), rtol=0, atol=1e-12)


def test_the_best_peer_teaches_where_there_is_a_label():
    outputs = random_outputs()
    cells = cells_of(outputs, weights=WEIGHTS)
    found = effect_of(MutualLearning(target="best"), outputs, weights=WEIGHTS).gradient
    mean = effect_of(MutualLearning(), outputs, weights=WEIGHTS).gradient
    best = cells.losses.argmin(1)
    labelled = WEIGHTS[0, 0] > 0
    starts = np.cumsum([0, *LAYOUT.n_outputs])
    for task in range(7):
        columns = slice(starts[task], starts[task + 1])
        for cohort in range(COHORTS):
            for row in range(ROWS):
                teacher = int(best[cohort, row, task])
                if labelled[row, task]:
                    assert (found[cohort, teacher, row, columns] == 0).all()
                else:
                    assert torch.equal(found[cohort, :, row, columns], mean[cohort, :, row, columns])


def test_agreement_grows_along_the_ramp():
    found = [
        float(effect_of(MutualLearning(2.0, ramp=0.5), random_outputs(), progress=progress).labeled.mean())
        for progress in (0.0, 0.25, 0.5, 1.0)
    ]
    np.testing.assert_allclose(found, [2 * np.exp(-5), 2 * np.exp(-1.25), 2, 2])
    at_once = effect_of(MutualLearning(2.0, ramp=0.0), random_outputs(), progress=0.0)
    assert (at_once.labeled == 2).all()


# choice of labels -----------------------------------------------------------------------------------------------------


def rates(rate):
    return torch.full((1, 1), rate, dtype=torch.float64)


def test_labels_of_greatest_loss_are_left_out():
    losses = torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0], dtype=torch.float64)[:, None]
    assert (kept_factors(losses, None, rates(0.0)) == 1).all()
    torch.testing.assert_close(kept_factors(losses, None, rates(0.4))[:, 0], torch.tensor([0, 5, 0, 5, 5]).double() / 3)


def test_missing_labels_take_no_part_in_the_ranking():
    losses = torch.tensor([-9.0, 1.0, 4.0, 99.0, 3.0], dtype=torch.float64)[:, None]
    weights = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)[:, None]
    factors = kept_factors(losses, weights, rates(1 / 3))[:, 0]
    torch.testing.assert_close(factors * weights[:, 0], torch.tensor([0, 1.5, 0, 0, 1.5], dtype=torch.float64))
    nothing = kept_factors(losses, torch.zeros_like(weights), rates(0.5))
    assert (nothing * 0 == 0).all()


def test_a_label_of_weight_two_counts_as_two():
    losses, weights = torch.rand(8, 2, dtype=torch.float64), torch.ones(8, 2, dtype=torch.float64)
    weights[3] = 2.0
    twice = torch.cat([losses, losses[3:4]])
    for rate in (1 / 9, 4 / 9, 7 / 9):  # no rate parts the two
        own = kept_factors(losses, weights, rates(rate - 1e-9))
        both = kept_factors(twice, torch.ones_like(twice), rates(rate - 1e-9))
        split = (both[3] == 0) != (both[8] == 0)
        torch.testing.assert_close(own[:, ~split], both[:8][:, ~split], rtol=0, atol=1e-12)


def labelled(classes, losses, *, weights=None):
    """Cells of one task of classes and one peer."""
    targets, losses = (torch.tensor(values, dtype=torch.float64)[None, None, :, None] for values in (classes, losses))
    if weights is not None:
        weights = torch.tensor(weights, dtype=torch.float64)[None, None, :, None]
    group = Group(Multiclass(), slice(0, 1), slice(0, 4))
    return PeerCells(torch.zeros(1, 1, len(classes), 4), [group], losses, targets, weights, 1.0, lambda cells: cells)


def kept(cells, rate):
    factors = kept_factors(cells.losses, cells.weights, rates(rate), places_in_class(cells, cells.losses))
    return factors.flatten() > 0


def test_labels_are_ranked_within_their_class():
    """A label's place is the weight of those of its class below it and half its own, over that of all."""
    classes, weights = RNG.integers(0, 4, 30), RNG.integers(0, 3, 30)
    losses = RNG.normal(size=30)
    cells = labelled(classes, losses, weights=weights)
    found = places_in_class(cells, cells.losses).flatten()
    for row in np.flatnonzero(weights):
        own = weights * (classes == classes[row])
        expected = (own[losses < losses[row]].sum() + weights[row] / 2) / own.sum()
        assert abs(found[row] - expected) <= 1e-12
    numbers = cells_of(random_outputs())
    assert (places_in_class(numbers, numbers.losses)[..., 2:] == 0).all()


def test_no_class_is_left_out_as_a_whole():
    classes, losses = [0] * 8 + [1] * 4, [*np.linspace(0, 1, 8), *np.linspace(5, 6, 4)]
    assert np.flatnonzero(~kept(labelled(classes, losses), 0.25)).tolist() == [6, 7, 11]


def test_labels_are_ranked_together_where_no_class_is_harder():
    """Labels of one class, one label of each, and classes that have the same losses: the choice of the paper."""
    losses = RNG.normal(size=4)
    for classes, values in (([0] * 4, losses), ([0, 1, 2, 3], losses), ([0, 1] * 4, losses.repeat(2))):
        cells = labelled(classes, values)
        assert torch.equal(kept(cells, 0.5), kept_factors(cells.losses, None, rates(0.5)).flatten() > 0)


def test_missing_labels_have_no_place_in_a_class():
    classes, losses = [0, 0, 0, 1, 1, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    holed = labelled([*classes, 0, 1, 3], [*losses, -9.0, 9.0, 0.0], weights=[1] * 6 + [0] * 3)
    for rate in (0.0, 0.3, 0.6, 0.9):
        assert torch.equal(kept(holed, rate)[:6], kept(labelled(classes, losses), rate))
    empty = labelled(classes, losses, weights=[0] * 6)
    assert torch.isfinite(
        kept_factors(empty.losses, empty.weights, rates(0.3), places_in_class(empty, empty.losses))
    ).all()


def test_labels_are_chosen_by_the_next_peer():
    outputs = random_outputs()
    cells = cells_of(outputs)
    factors = effect_of(CoTeaching(0.4), outputs).factors
    rate = torch.full((COHORTS, PEERS, 1, 1), 0.4, dtype=torch.float64)
    own = kept_factors(cells.losses, None, rate, places_in_class(cells, cells.losses))
    assert torch.equal(factors, own[:, [1, 2, 0]])
    assert not torch.equal(factors, own)


def test_joint_choice_adds_losses_and_disagreement():
    outputs = random_outputs()
    cells, agreement = cells_of(outputs), 0.3
    beliefs = cells.beliefs()
    others = (beliefs.sum(1, keepdim=True) - beliefs) / (PEERS - 1)
    scores = ((1 - agreement) * cells.losses + agreement * cells.disagreement(beliefs, others)).sum(1, keepdim=True)
    rate = torch.full((COHORTS, 1, 1, 1), 0.4, dtype=torch.float64)
    expected = kept_factors(scores, None, rate, places_in_class(cells, scores))
    effect = effect_of(CoTeaching(0.4, select="joint", agreement=agreement), outputs)
    torch.testing.assert_close(effect.factors, (0.7 * expected).expand(-1, PEERS, -1, -1))
    torch.testing.assert_close(effect.labeled, (0.3 * expected).expand(-1, PEERS, -1, -1))
    torch.testing.assert_close(effect.gradient, cells.pull(beliefs, others))


def test_labels_must_beat_the_most_frequent_class():
    found = cells_of(random_outputs(), weights=WEIGHTS).constant_correctness()
    assert found.shape == (COHORTS, 1, 1, 7)
    for task, kind in enumerate(task.kind for task in LAYOUT.tasks):
        counts = np.bincount(TARGETS[0, :, task].long().clamp(min=0), WEIGHTS[0, 0, :, task])
        expected = counts.max() / counts.sum() if kind.is_classifier else 0.0
        np.testing.assert_allclose(found[..., task], expected)


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 1.0])
def test_the_rate_rises_along_the_ramp(progress):
    outputs = random_outputs()
    expected = effect_of(CoTeaching(0.6 * min(progress / 0.5, 1), ramp=0.0), outputs).factors
    assert torch.equal(effect_of(CoTeaching(0.6), outputs, progress=progress).factors, expected)


@pytest.mark.parametrize("name", COLLABORATIONS)
def test_settings_out_of_range_are_refused(name):
    bad = {
        "mutual": [("strength", np.nan), ("temperature", 0.0), ("ramp", 1.5), ("target", "worst")],
        "co_teaching": [("noise_rate", 1.0), ("noise_rate", -0.1), ("ramp", -1), ("select", "me"), ("agreement", 0.5)],
        "mean_teacher": [("decay", 1.0), ("strength", -1.0), ("unlabeled_strength", -1.0), ("temperature", 0.0)],
        "co_training": [("views", "ab"), ("views", [[0]]), ("views", 3)],
        "pseudo_labels": [
            ("threshold", "high"),
            ("precision", 1.0),
            ("weight", -1.0),
            ("start", 1.0),
            ("rounds", 0),
            ("peers_only", "yes"),
        ],
    }[name]
    for setting, value in bad:
        method = COLLABORATIONS[name](**{setting: value})
        with pytest.raises(ValueError, match=rf"{setting} of collaboration={type(method).__name__}"):
            method.check()
