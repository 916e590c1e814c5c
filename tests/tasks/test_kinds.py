"""Laws that every kind keeps: gradients, non-negative losses, golden values, the best constant."""

import io
import json
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_pinball_loss, mean_poisson_deviance

from skmtl.tasks import KINDS, AbsoluteError, Binary, Huber, Kind, Multiclass, Poisson, Quantile, SquaredError, Task

NUMERIC = [SquaredError(), SquaredError(0.7), AbsoluteError(), Huber(0.7), Quantile(0.8), Poisson()]
SEVERAL = Quantile([0.1, 0.4, 0.8])
ALL = [Binary(), Multiclass(), *NUMERIC, SEVERAL]
RNG = np.random.default_rng(0)


def labels_for(kind: Kind, n: int = 60) -> np.ndarray:
    if isinstance(kind, Binary):
        return RNG.integers(0, 2, n)
    if isinstance(kind, Multiclass):
        return RNG.integers(0, 4, n)
    return RNG.poisson(3.0, n).astype(float)


def outputs_and_targets(kind: Kind, members: int = 2, rows: int = 7, n_tasks: int = 3):
    task = kind.fit("t", labels_for(kind), np.ones(60))
    encoded = np.stack([kind.encode(task, labels_for(kind, rows)) for _ in range(n_tasks)], axis=-1)
    outputs = torch.tensor(RNG.normal(size=(members, rows, n_tasks * kind.n_outputs(task))))
    return outputs, torch.tensor(encoded)[None]


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_gradient_is_the_derivative_of_the_loss(kind):
    outputs, targets = outputs_and_targets(kind)
    losses, gradient = kind.loss_gradient(outputs.clone(), targets)
    step = 1e-6
    for column in range(outputs.shape[2]):
        moved = outputs.clone()
        moved[:, :, column] += step
        above = kind.loss_gradient(moved.clone(), targets)[0].sum(2)
        moved[:, :, column] -= 2 * step
        below = kind.loss_gradient(moved.clone(), targets)[0].sum(2)
        torch.testing.assert_close((above - below) / (2 * step), gradient[:, :, column], rtol=1e-6, atol=1e-6)
    assert losses.shape == (2, 7, 3)
    assert (losses >= 0).all()


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_fused_tasks_equal_single_tasks(kind):
    outputs, targets = outputs_and_targets(kind)
    losses, gradient = kind.loss_gradient(outputs.clone(), targets)
    width = outputs.shape[2] // targets.shape[2]
    for k in range(targets.shape[2]):
        own = slice(k * width, (k + 1) * width)
        one_loss, one_gradient = kind.loss_gradient(outputs[:, :, own].clone(), targets[:, :, k : k + 1])
        torch.testing.assert_close(one_loss[:, :, 0], losses[:, :, k], rtol=0, atol=1e-15)
        torch.testing.assert_close(one_gradient, gradient[:, :, own], rtol=0, atol=1e-15)


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_initial_bias_is_the_best_constant(kind):
    labels, weights = labels_for(kind), RNG.uniform(0.5, 2, 60)
    task = kind.fit("t", labels, weights)
    encoded = kind.encode(task, labels)
    bias = kind.initial_bias(task, encoded, weights)

    def mean_loss(outputs: np.ndarray) -> float:
        expanded = torch.tensor(outputs).expand(1, 60, -1).clone()
        losses = kind.loss_gradient(expanded, torch.tensor(encoded)[None, :, None])[0]
        return float((losses[0, :, 0] * torch.tensor(weights)).sum())

    for direction in np.vstack([np.eye(len(bias)), -np.eye(len(bias))]):
        assert mean_loss(bias) <= mean_loss(bias + 0.05 * direction)


def test_losses_have_their_textbook_values():
    targets = torch.tensor([[[1.0], [0.0], [2.5]]])
    outputs = torch.tensor([[[0.4], [-1.2], [0.3]]])
    y, z = targets.numpy().ravel(), outputs.numpy().ravel()

    def mean(kind, target=targets):
        return float(kind.loss_gradient(outputs.clone(), target)[0].mean())

    assert mean(SquaredError()) == pytest.approx(np.mean((y - z) ** 2))
    assert mean(AbsoluteError()) == pytest.approx(np.mean(np.abs(y - z)))
    assert mean(Quantile(0.8)) == pytest.approx(mean_pinball_loss(y, z, alpha=0.8))
    several = [mean_pinball_loss(y, z, alpha=level) for level in SEVERAL.level]
    assert float(SEVERAL.loss_gradient(outputs.repeat_interleave(3, 2), targets)[0].mean()) == pytest.approx(
        np.mean(several)
    )
    assert mean(Poisson()) == pytest.approx(mean_poisson_deviance(y, np.exp(z)), rel=1e-6)
    inside = np.abs(y - z) <= 1.0
    assert mean(Huber(1.0)) == pytest.approx(np.mean(np.where(inside, (y - z) ** 2, 2 * np.abs(y - z) - 1)))
    assert mean(SquaredError(far=1.0)) == mean(Huber(1.0))
    binary = torch.tensor([[[1.0], [0.0], [1.0]]])
    assert mean(Binary(), binary) == pytest.approx(log_loss([1, 0, 1], 1 / (1 + np.exp(-z))), rel=1e-6)


@pytest.mark.parametrize("kind", NUMERIC, ids=repr)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12, 1e200])
def test_numbers_survive_encoding_at_any_scale(kind, scale):
    labels = labels_for(kind) * scale
    task = kind.fit("t", labels, np.ones(60))
    encoded = kind.encode(task, labels)
    assert np.abs(encoded).max() < 100
    outputs = np.log(np.maximum(encoded, 1e-300)) if isinstance(kind, Poisson) else encoded
    np.testing.assert_allclose(
        kind.response([task], outputs[None, :, None])[0, :, 0, 0], labels, rtol=1e-9, atol=1e-9 * scale
    )


@pytest.mark.parametrize("kind", NUMERIC, ids=repr)
def test_a_constant_target_is_predicted_exactly(kind):
    task = kind.fit("t", np.full(5, 0.1), np.ones(5))
    assert (kind.response([task], RNG.normal(size=(1, 4, 1))) == 0.1).all()


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_weight_two_equals_the_label_twice(kind):
    labels = labels_for(kind, 20)
    weights = RNG.integers(1, 4, 20).astype(float)
    repeated = np.repeat(labels, weights.astype(int))
    weighted, plain = kind.fit("t", labels, weights), kind.fit("t", repeated, np.ones(len(repeated)))
    assert weighted.scale == pytest.approx(plain.scale, rel=1e-12)
    assert weighted.center == pytest.approx(plain.center, rel=1e-12)
    a = kind.initial_bias(weighted, kind.encode(weighted, labels), weights)
    b = kind.initial_bias(plain, kind.encode(plain, repeated), np.ones(len(repeated)))
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Huber(0.0), "delta"),
        (Quantile(1.0), "level"),
        *(
            (Quantile(levels), "list of rising ones")
            for levels in ([], [0.9, 0.1], [0.5, 0.5], [0, 0.5], np.ones(2) / 2)
        ),
        (Poisson(), "non-negative.*-1"),
    ],
)
def test_settings_and_targets_out_of_range_are_refused(kind, message):
    with pytest.raises(ValueError, match=f"Task 'height'.*{message}"):
        kind.fit("height", np.array([-1.0, 2.0]), np.ones(2))


def test_an_unseen_label_is_refused_by_name():
    task = Multiclass().fit("colour", np.array(["blue", "red", "green"]), np.ones(3))
    with pytest.raises(ValueError, match=r"Task 'colour': label .*'pink'.* is not among"):
        task.kind.encode(task, np.array(["red", "pink"]))


def test_one_class_has_probability_one_and_a_warning():
    with pytest.warns(UserWarning, match="'only'.*one class"):
        task = Binary().fit("only", np.array(["a", "a"]), np.ones(2))
    assert (task.kind.response([task], RNG.normal(size=(1, 3, 1))) == 1).all()
    assert task.kind.decode(task, np.ones((3, 1))).tolist() == ["a"] * 3


def test_far_labels_are_cut_only_while_they_are_few():
    def kind_of(n_far, far="auto"):
        labels = np.zeros(2000)  # events among zeros are no glitches
        labels[:n_far] = 50.0
        return SquaredError(far).fit("t", labels, np.ones(2000)).kind

    assert kind_of(0) == kind_of(20) == SquaredError()
    assert kind_of(21) == SquaredError(np.inf)
    assert kind_of(21, 3.0) == SquaredError(3.0)


BULK = np.random.default_rng(0).normal(3.0, 2.0, 4000)
GLITCHES = {
    "units": (BULK * np.where(np.arange(4000) < 40, 50.0, 1.0), True),
    "slips of the decimal point": (BULK * np.where(np.arange(4000) < 80, 10.0, 1.0), True),
    "a code for no value": (np.r_[BULK[:3900], np.full(100, -9999.0)], True),
    "one of few": (np.r_[BULK[:199], 300.0], True),
    "normal": (BULK, False),
    "exponential": (RNG.exponential(size=4000), False),
    "log-normal": (RNG.lognormal(sigma=1.5, size=4000), False),
    "finite variance": (RNG.standard_t(3, 4000), False),
    "rare events": ((RNG.random(4000) < 0.02).astype(float), False),
    "amounts of events": (np.where(RNG.random(4000) < 0.04, RNG.lognormal(5.0, 1.0, 4000), 0.0), False),
    "too many": (np.where(RNG.random(4000) < 0.08, 100.0, BULK), False),
}


@pytest.mark.parametrize("name", GLITCHES)
def test_glitches_are_told_from_tails_and_events(name):
    labels, expected = GLITCHES[name]
    for factor in (1.0, -1e-9):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            task = SquaredError().fit("t", factor * labels, np.ones(len(labels)))
        assert len(caught) == expected
        if expected:
            assert task.kind == SquaredError(4.0)
            assert task.scale == pytest.approx(2.0 * abs(factor), rel=0.2)
            assert task.center == pytest.approx(3.0 * factor, rel=0.2)


def test_a_far_label_of_weight_three_is_the_label_three_times():
    labels = np.r_[np.random.default_rng(0).normal(size=60), 15.0]
    weights = np.r_[np.ones(60), 3.0]
    weighted = SquaredError().fit("t", labels, weights)
    repeated = SquaredError().fit("t", np.repeat(labels, weights.astype(int)), np.ones(63))
    assert weighted.kind == repeated.kind
    assert (weighted.center, weighted.scale) == pytest.approx((repeated.center, repeated.scale), rel=1e-12)


def test_a_run_that_stays_open_cuts_nothing_unless_told_to():
    labels = np.arange(5.0)
    for far, kept in {"auto": np.inf, 3.0: 3.0}.items():
        kind = SquaredError(far)
        assert kind.keep_open(kind.fit("t", labels, np.ones(5))).kind == SquaredError(kept)


@pytest.mark.parametrize("far", ["near", None, 0, -1.0, np.nan])
def test_far_is_a_positive_number(far):
    with pytest.raises(ValueError, match="'t': SquaredError needs far='auto' or a number above 0"):
        SquaredError(far).fit("t", np.arange(5.0), np.ones(5))


def test_only_a_squared_error_wants_its_residuals_to_average_to_zero():
    labels = np.arange(5.0)
    tasks = [kind.fit("t", labels, np.ones(5)) for kind in (SquaredError(), SquaredError(1e39), SquaredError(2.0))]
    assert [task.kind.ideal_response(task, labels) is None for task in tasks] == [False, False, True]


LABELS = {
    "words": np.array(["low", "high", "mid", "high"] * 15),
    "objects": np.array(["low", "high", "mid", "high"] * 15, dtype=object),
    "integers": np.array([2**60, -1, 7, 7] * 15),
    "booleans": np.array([True, False] * 30),
    "bytes": np.array([b"a", b"bc"] * 30),
    "fractions": RNG.exponential(size=60).astype(np.float32),
    "constant": np.full(60, 0.1),
    "far": np.r_[RNG.exponential(size=59), 1e6],
}


OF_KIND = [
    *((Multiclass(), labels) for labels in LABELS if LABELS[labels].dtype.kind != "f"),
    *((Binary(), labels) for labels in ("booleans", "bytes")),
    *(
        (kind, labels)
        for kind in [SquaredError(np.inf), SEVERAL, *NUMERIC]
        for labels in ("fractions", "constant", "far")
    ),
]


@pytest.mark.filterwarnings("ignore:.*look like glitches")  # some weights make them so
@pytest.mark.parametrize(("kind", "labels"), OF_KIND, ids=str)
def test_a_task_comes_back_from_json_and_arrays(kind, labels):
    y = LABELS[labels]
    task = kind.fit("tâche", y, RNG.uniform(0.5, 2, 60))
    state, arrays = task.state()
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    copy = Task.from_state(json.loads(json.dumps(state)), np.load(file, allow_pickle=False))
    assert (copy.name, copy.kind, copy.center, copy.scale) == (task.name, task.kind, task.center, task.scale)
    assert type(copy.kind) is type(task.kind)
    outputs = RNG.normal(size=(2, 9, kind.n_outputs(task)))
    responses = [each.kind.response([each], outputs.copy()) for each in (copy, task)]
    np.testing.assert_array_equal(*responses)
    predicted = [each.kind.decode(each, responses[0][0, :, 0]) for each in (copy, task)]
    np.testing.assert_array_equal(*predicted)
    assert predicted[0].dtype == predicted[1].dtype
    np.testing.assert_array_equal(copy.kind.encode(copy, y), task.kind.encode(task, y))


def test_every_kind_with_a_name_can_be_stored_and_no_other():
    for kind in {*KINDS.values()}:
        assert Task.from_state(*Task("t", kind()).state()).kind == kind()

    class Foreign(SquaredError):
        pass

    with pytest.raises(TypeError, match=r"Task.kind holds Foreign\(far='auto'\).*pickle the whole"):
        Task("t", Foreign()).state()


@pytest.mark.parametrize("kind", [Binary(), Multiclass(), *NUMERIC], ids=repr)
def test_labels_are_judged_by_the_loss_of_the_outputs_behind_a_response(kind):
    task = kind.fit("t", labels_for(kind), np.ones(60))
    labels, outputs = labels_for(kind, 9), RNG.normal(size=(1, 9, kind.n_outputs(task)))
    response = kind.response([task], outputs)[0, :, 0]
    losses, _ = kind.loss_gradient(torch.tensor(outputs), torch.tensor(kind.encode(task, labels))[None, :, None])
    np.testing.assert_allclose(kind.losses(task, labels, response), losses[0, :, 0], rtol=1e-9, atol=1e-12)


def test_several_quantiles_are_sorted_and_predict_their_median():
    for levels, weights in ([0.1, 0.5, 0.9], [0, 1, 0]), ([0.05, 0.95], [0.5, 0.5]), ([0.8, 0.9], [1, 0]):
        kind = Quantile(levels)
        task = kind.fit("t", RNG.normal(size=60), np.ones(60))
        response = kind.response([task], RNG.normal(size=(1, 9, len(levels))))[0, :, 0]
        assert (np.diff(response, axis=1) >= 0).all()
        np.testing.assert_allclose(kind.decode(task, response), response @ weights)


def test_probabilities_of_0_have_a_finite_loss():
    task = Binary().fit("t", np.array([0, 1]), np.ones(2))
    losses = Binary().losses(task, np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], dtype=np.float32))
    assert 80 < losses[0] < 100
    assert losses[1] == pytest.approx(0, abs=1e-30)


def test_a_kind_that_cannot_tell_its_outputs_says_so():
    class Odd(SquaredError):
        outputs = Kind.outputs

    task = Odd().fit("t", np.array([0.0, 1.0]), np.ones(2))
    with pytest.raises(NotImplementedError, match=r"Odd has no method outputs.*choose scoring"):
        Odd().losses(task, np.array([0.0]), np.zeros((1, 1)))


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind.residual_sums is not None] + [SquaredError(np.inf)])
def test_sums_of_residuals_are_those_of_losses_and_gradient(kind):
    rng = np.random.default_rng(0)
    outputs, targets = torch.tensor(rng.normal(0, 3, (2, 7, 3))), torch.tensor(rng.normal(0, 3, (1, 7, 3)))
    weights, factors = torch.tensor(rng.integers(0, 3, (2, 7, 3))).double(), torch.tensor(rng.random((1, 1, 3)))
    losses, gradient = kind.loss_gradient(outputs.clone(), targets)
    for given, counted in ((weights, weights), (None, torch.ones(1, 7, 3))):
        found = kind.residual_sums(outputs - targets, given, factors)
        expected = (losses * counted).sum(1), gradient * counted * factors
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_a_subclass_with_another_loss_has_not_the_sums_of_residuals():
    class Other(SquaredError):
        def loss_gradient(self, outputs, targets):
            return super().loss_gradient(2 * outputs, targets)

    assert SquaredError.residual_sums is not None
    assert Other.residual_sums is None
