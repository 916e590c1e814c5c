"""Methods that see losses, against their objectives, their fixed points and torchjd."""

import numpy as np
import pytest
import torch

from skmtl.balancing import (
    DWA,
    FAMO,
    STCH,
    Alternating,
    BalancerInputs,
    GradNorm,
    LogLosses,
    RandomWeights,
    SoftOptimalUncertainty,
    Uncertainty,
)

LOSSES = torch.tensor([[0.5, 2.0, 0.1], [1.0, 0.3, 4.0]], dtype=torch.float64)
EQUAL = torch.full((2, 3), 1 / 3, dtype=torch.float64)
UNEQUAL = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64)
SQUARED = torch.full((2, 3), 0.5, dtype=torch.float64)  # the likelihood of three squared errors


def close(weights, expected, tolerance=1e-12):
    torch.testing.assert_close(weights, torch.as_tensor(expected, dtype=weights.dtype), rtol=0, atol=tolerance)


def derivative(objective, losses):
    """Of an objective of one member by its losses."""
    losses = losses.clone().requires_grad_()
    return torch.autograd.grad(objective(losses), losses)[0]


def streams(members=2):
    return [torch.Generator().manual_seed(member) for member in range(members)]


def repeat(balancer, steps, loss_weights=EQUAL, **seen):
    """Weights of many steps that see the same, ``(step, member, task)``."""
    state, out = balancer.start(loss_weights), []
    for _ in range(steps):
        weights, state = balancer.weights(loss_weights, BalancerInputs(**seen), state)
        out.append(weights)
    return torch.stack(out)


@pytest.mark.parametrize("loss_weights", [EQUAL, UNEQUAL])
def test_log_is_the_derivative_of_the_sum_of_logarithms(loss_weights):
    weights = repeat(LogLosses(epsilon=0.01), 1, loss_weights, losses=LOSSES)[0]
    for member in range(2):
        floor = 0.01 * LOSSES[member]

        def objective(losses, floor=floor, p=loss_weights[member]):
            return (p * (losses + floor).log()).sum()

        close(weights[member], derivative(objective, LOSSES[member]))


def test_log_cancels_the_scale_of_a_loss():
    scale = torch.tensor([1.0, 1000.0, 0.001], dtype=torch.float64)
    balancer = LogLosses()
    for losses in (LOSSES, LOSSES / 7):
        close(
            repeat(balancer, 1, losses=losses * scale)[0] * scale, repeat(balancer, 1, losses=losses)[0], tolerance=1e-9
        )


def test_log_with_a_floor_relative_to_the_first_loss():
    balancer = LogLosses(epsilon=0.1)
    _, state = balancer.weights(EQUAL, BalancerInputs(losses=LOSSES), balancer.start(EQUAL))
    weights, _ = balancer.weights(EQUAL, BalancerInputs(losses=torch.zeros_like(LOSSES)), state)
    close(weights, EQUAL / (0.1 * LOSSES))


def test_stch_is_the_derivative_of_its_smooth_maximum():
    mu, ideal = 0.3, 0.05
    weights = repeat(STCH(mu, ideal), 1, UNEQUAL, losses=LOSSES)[0]
    for member in range(2):
        factor = 3 * UNEQUAL[member]

        def objective(losses, factor=factor):
            return mu * torch.logsumexp(factor * (losses - ideal) / mu, 0)

        close(weights[member], derivative(objective, LOSSES[member]))


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1.0, 0.5), (1.0, 1.0)])
def test_uncertainty_learns_the_noise_that_maximises_the_likelihood(a, b):
    """At the fixed point a exp(-s) L = b, above and below a loss of 1: s is not clamped at 0."""
    likelihood = torch.tensor([[a] * 3, [b] * 3], dtype=torch.float64)
    weights = repeat(Uncertainty(learning_rate=0.05), 600, losses=LOSSES, likelihood=likelihood)
    close(weights[0], EQUAL * a)
    close(weights[-1], EQUAL * b / LOSSES, 1e-3)


def test_uncertainty_tells_kinds_apart():
    from skmtl.tasks import AbsoluteError, Binary, Multiclass, Poisson, SquaredError

    assert SquaredError.likelihood == (0.5, 0.5)
    assert Binary.likelihood == Multiclass.likelihood == (1.0, 0.5)
    assert AbsoluteError.likelihood == Poisson.likelihood == (1.0, 1.0)


def test_soft_optimal_uncertainty_is_a_softmax_of_inverse_losses():
    weights = repeat(SoftOptimalUncertainty(temperature=2.0), 1, losses=LOSSES)[0]
    close(weights, torch.softmax(1 / (2 * LOSSES), 1))


def test_dwa_follows_the_ratio_of_epoch_means():
    balancer = DWA(temperature=2.0)
    state = balancer.start(EQUAL)
    epochs = [[LOSSES, 3 * LOSSES], [LOSSES**2, LOSSES], [LOSSES]]
    for epoch, batches in enumerate(epochs):
        for losses in batches:
            weights, state = balancer.weights(EQUAL, BalancerInputs(losses=losses, epoch=epoch), state)
        if epoch < 2:
            close(weights, EQUAL)
    ratio = (LOSSES**2 + LOSSES) / 2 / (2 * LOSSES)
    close(weights, torch.softmax(ratio / 2, 1))


def test_random_weights_are_a_softmax_of_each_members_own_draws():
    weights = repeat(RandomWeights(), 1, generators=streams())[0]
    draws = torch.stack([torch.randn(3, generator=g, dtype=torch.float64) for g in streams()])
    close(weights, torch.softmax(draws, 1))


def test_alternating_visits_every_task_once_a_round():
    weights = repeat(Alternating(), 30, UNEQUAL, generators=streams())
    assert (weights.count_nonzero(2) == 1).all()
    for first in range(0, 30, 3):
        close(weights[first : first + 3].mean(0), UNEQUAL)
    orders = {tuple(weights[first : first + 3, 0].argmax(1).tolist()) for first in range(0, 30, 3)}
    assert len(orders) > 1


def test_alternating_passes_over_an_absent_task():
    balancer, state, counts = Alternating(), Alternating().start(EQUAL), torch.zeros(2, 3)
    absent = EQUAL * torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    generators = streams()
    for step in range(60):
        loss_weights = absent if step < 30 else torch.zeros_like(EQUAL) if step < 33 else EQUAL
        weights, state = balancer.weights(loss_weights, BalancerInputs(generators=generators), state)
        counts += weights > 0
        assert (weights[loss_weights == 0] == 0).all()
    assert counts[0, 1] > 0
    assert counts.sum() == 2 * 57


def test_famo_weights_sum_to_one_and_follow_its_objective():
    """c sum_t z_t log(L_t + eps L_t(0)) with c fixed."""
    balancer = FAMO(epsilon=0.01)
    weights = repeat(balancer, 1, losses=LOSSES)[0]
    close(weights.sum(1), [1.0, 1.0])
    close(weights, (1 / LOSSES) / (1 / LOSSES).sum(1, keepdim=True))


@pytest.mark.parametrize("weight_decay", [0.0, 0.001])
def test_famo_agrees_with_torchjd(weight_decay):
    """Over thirty steps of random losses, to the sixth digit; its epsilon is absolute, so both are made small."""
    scalarization = pytest.importorskip("torchjd.scalarization")
    reference = scalarization.FAMO(3, lr=0.025, weight_decay=weight_decay).double()
    balancer = FAMO(weight_decay=weight_decay, epsilon=1e-12)
    loss_weights, rng = EQUAL[:1], torch.Generator().manual_seed(0)
    state, after = balancer.start(loss_weights), None
    for _ in range(30):
        losses = 0.1 + torch.rand(3, generator=rng, dtype=torch.float64)
        if after is not None:
            reference.update(after)
        inputs = BalancerInputs(losses=losses[None], losses_after_step=None if after is None else after[None])
        weights, state = balancer.weights(loss_weights, inputs, state)
        close(weights[0], derivative(reference, losses), 1e-6)
        after = losses * torch.rand(3, generator=rng, dtype=torch.float64)


def test_famo_raises_the_weight_of_the_task_that_fell_least():
    balancer, state = FAMO(weight_decay=0.0), FAMO().start(EQUAL)
    after = None
    for _ in range(20):
        inputs = BalancerInputs(losses=torch.ones_like(LOSSES), losses_after_step=after)
        weights, state = balancer.weights(EQUAL, inputs, state)
        after = torch.tensor([[0.9, 0.5, 0.5], [0.5, 0.5, 0.9]], dtype=torch.float64)
    assert weights.argmax(1).tolist() == [0, 2]


@pytest.mark.parametrize("name", ["STCH", "UW"])
def test_scalarizations_agree_with_torchjd(name):
    scalarization = pytest.importorskip("torchjd.scalarization")
    if name == "STCH":
        reference = scalarization.STCH(0.3, weights=3 * UNEQUAL[0])
        ours = repeat(STCH(0.3), 1, UNEQUAL, losses=LOSSES)[0]
    else:  # sums where ours is the mean
        reference = scalarization.UW(3).double()
        ours = 3 * repeat(Uncertainty(), 1, losses=LOSSES, likelihood=SQUARED)[0]
    close(ours[0], derivative(reference, LOSSES[0]), 1e-9)


def test_gradnorm_moves_towards_the_tasks_own_rate():
    """At alpha = 1 and equal norms, the task whose own loss fell least gains weight.

    With the mean loss ratio in place of the task's, all targets would be equal and no weight would move.
    """
    balancer, state = GradNorm(alpha=1.0), GradNorm().start(EQUAL)
    norms = torch.ones_like(LOSSES)
    _, state = balancer.weights(EQUAL, BalancerInputs(losses=torch.ones_like(LOSSES), gradient_norms=norms), state)
    left = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.8, 0.5]], dtype=torch.float64)
    for _ in range(10):
        weights, state = balancer.weights(EQUAL, BalancerInputs(losses=left, gradient_norms=norms), state)
    assert (weights.argsort(1) == left.argsort(1)).all()


def test_gradnorm_balances_norms_where_all_learn_alike():
    """The weighted norms end within Adam's jitter of each other."""
    norms = torch.tensor([[4.0, 1.0, 0.5]], dtype=torch.float64)
    weights = repeat(GradNorm(learning_rate=0.01), 800, EQUAL[:1], losses=torch.ones_like(norms), gradient_norms=norms)[
        -100:
    ].mean(0)
    weighted = weights * norms
    assert weighted.max() / weighted.min() < 1.1
    close(weights.sum(1), [1.0], 1e-9)


METHODS = [
    LogLosses(),
    Uncertainty(),
    SoftOptimalUncertainty(),
    DWA(),
    RandomWeights(),
    FAMO(),
    STCH(),
    Alternating(),
    GradNorm(),
]


@pytest.mark.parametrize("balancer", METHODS, ids=repr)
@pytest.mark.parametrize(
    "case", ["zero losses", "huge losses", "one task", "all absent", "sometimes absent", "hundred"]
)
def test_hard_cases_stay_finite(balancer, case):
    n_tasks = {"one task": 1, "hundred": 100}.get(case, 4)
    rng = torch.Generator().manual_seed(0)
    base = torch.full((2, n_tasks), 1 / n_tasks, dtype=torch.float64)
    scale = {"zero losses": 0.0, "huge losses": 1e12}.get(case, 1.0)
    state, after, generators = balancer.start(base), None, streams()
    for step in range(6):
        here = torch.ones_like(base)
        if case == "all absent" or (case == "sometimes absent" and step % 2 == 0):
            here[:, step % n_tasks] = 0.0
        if case == "all absent" and step == 1:
            here.zero_()
        losses = scale * torch.rand(2, n_tasks, generator=rng, dtype=torch.float64) * here
        seen = BalancerInputs(
            losses=losses,
            losses_after_step=after,
            gradient_norms=losses.sqrt(),
            epoch=step // 2,
            likelihood=torch.ones(2, n_tasks, dtype=torch.float64),
            generators=generators,
        )
        weights, state = balancer.weights(base * here, seen, state)
        after = losses * 0.5
        assert weights.isfinite().all()
        assert (weights >= 0).all()
        assert (weights[here == 0] == 0).all()


@pytest.mark.parametrize(
    "balancer",
    [
        LogLosses(epsilon=0.0),
        Uncertainty(learning_rate=-1.0),
        SoftOptimalUncertainty(temperature=0.0),
        DWA(temperature=-2.0),
        FAMO(learning_rate=-1.0),
        FAMO(epsilon=0.0),
        STCH(smoothing=0.0),
        GradNorm(alpha=-1.0),
        GradNorm(gradient="heads"),
    ],
    ids=repr,
)
def test_settings_out_of_range(balancer):
    with pytest.raises(ValueError, match=f"{type(balancer).__name__}.* must be"):
        balancer.start(EQUAL)


def test_weightings_multiply_the_loss_weights():
    """Normalised to sum 1 after the multiplication."""
    for balancer in (SoftOptimalUncertainty(), DWA(), GradNorm(learning_rate=0.0)):
        seen = {"losses": LOSSES, "epoch": 0, "gradient_norms": LOSSES}
        equal, unequal = (repeat(balancer, 1, loss_weights, **seen)[0] for loss_weights in (EQUAL, UNEQUAL))
        expected = equal * UNEQUAL
        close(unequal, expected / expected.sum(1, keepdim=True))


def test_log_losses_of_a_task_seen_late_start_from_their_own_first_loss():
    balancer = LogLosses(epsilon=0.5)
    late = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64) / 3
    inputs = BalancerInputs(losses=torch.tensor([[1.0, 0.0, 1.0]]).double())
    _, state = balancer.weights(late, inputs, balancer.start(late))
    weights, _ = balancer.weights(EQUAL[:1], BalancerInputs(losses=torch.tensor([[1.0, 4.0, 1.0]]).double()), state)
    np.testing.assert_allclose(weights[0, 1], 1 / 3 / 6)
