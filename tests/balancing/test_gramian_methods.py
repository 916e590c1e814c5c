"""Gradient-based methods against closed forms, optimality conditions and torchjd."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from skmtl.balancing import (
    BALANCERS,
    IMTLG,
    MGDA,
    AlignedMTL,
    BalancerInputs,
    CAGrad,
    FairGrad,
    NashMTL,
    PCGrad,
    UPGrad,
    cagrad,
)

METHODS = {
    "pcgrad": PCGrad(),
    "mgda": MGDA(),
    "cagrad": CAGrad(),
    "imtl_g": IMTLG(),
    "nash_mtl": NashMTL(),
    "aligned_mtl": AlignedMTL(),
    "fairgrad": FairGrad(),
    "upgrad": UPGrad(),
}
SCALE_INVARIANT = ("imtl_g", "nash_mtl")


def jacobians(count, n_tasks, dimension, seed=0):
    """Random gradients (count, task, dimension), their norms a factor of e^2 apart."""
    rng = torch.Generator().manual_seed(seed)
    directions = torch.randn(count, n_tasks, dimension, generator=rng, dtype=torch.float64)
    return directions * torch.rand(count, n_tasks, 1, generator=rng, dtype=torch.float64).mul(2).exp()


def gramians(jacobian):
    return jacobian @ jacobian.mT


def solve(balancer, gramian, loss_weights=None):
    """Weights (member, task); equal loss weights by default."""
    members, n_tasks = gramian.shape[:2]
    if loss_weights is None:
        loss_weights = torch.full((members, n_tasks), 1 / n_tasks, dtype=gramian.dtype)
    streams = [torch.Generator().manual_seed(member) for member in range(members)]
    inputs = BalancerInputs(gramian=gramian, generators=streams)
    return balancer.weights(loss_weights, inputs, balancer.start(loss_weights))[0]


def two(a, b, cosine):
    """Gramian of two gradients of norms a and b."""
    return torch.tensor([[[a * a, a * b * cosine], [a * b * cosine, b * b]]], dtype=torch.float64)


def close(weights, expected, tolerance=1e-9):
    torch.testing.assert_close(weights, torch.as_tensor(expected, dtype=weights.dtype), rtol=0, atol=tolerance)


@dataclass
class Pair:
    """Two gradients and what each method makes of them, by hand."""

    a: float
    b: float
    cosine: float

    def mgda(self):
        a, b, dot = self.a, self.b, self.a * self.b * self.cosine
        first = float(np.clip((b * b - dot) / max(a * a + b * b - 2 * dot, 1e-300), 0, 1))
        return [first, 1 - first]

    def imtl_g(self):
        return [self.b / (self.a + self.b), self.a / (self.a + self.b)]

    nash_mtl = imtl_g

    def pcgrad(self):
        overlap = min(self.cosine, 0)
        return [0.5 * (1 - overlap * self.b / self.a), 0.5 * (1 - overlap * self.a / self.b)]

    upgrad = pcgrad  # with two gradients the dual cone has one wall for each

    def aligned_mtl(self):
        gramian = two(self.a, self.b, self.cosine)[0].numpy()
        values, vectors = np.linalg.eigh(gramian)
        kept = values > 1e-10 * values[-1]
        root = vectors[:, kept] / np.sqrt(values[kept]) @ vectors[:, kept].T
        return np.sqrt(values[kept].min()) * root @ [0.5, 0.5]


@pytest.mark.parametrize("name", ["mgda", "imtl_g", "nash_mtl", "pcgrad", "upgrad", "aligned_mtl"])
@pytest.mark.parametrize("cosine", [1.0, 0.6, 0.0, -0.4, -0.9])
@pytest.mark.parametrize("norms", [(1.0, 1.0), (3.0, 0.5)])
def test_two_gradients_in_closed_form(name, cosine, norms):
    if name == "mgda" and cosine == 1.0 and norms[0] == norms[1]:
        pytest.skip("identical gradients: every point of the simplex is a solution")
    weights = solve(METHODS[name], two(*norms, cosine))
    close(weights[0], getattr(Pair(*norms, cosine), name)(), 1e-6 if cosine == 1.0 else 1e-9)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_fairgrad_of_orthogonal_gradients(alpha):
    """w^(1 + 1 / alpha) = p / |g|^2, up to the sum."""
    expected = np.array([1 / 9.0, 1 / 0.25]) ** (alpha / (alpha + 1))
    close(solve(FairGrad(alpha), two(3.0, 0.5, 0.0))[0], expected / expected.sum())


@pytest.mark.parametrize("cosine", [0.9, 0.0, -0.9])
@pytest.mark.parametrize("c", [0.0, 0.3, 0.9])
def test_cagrad_of_equally_long_gradients(cosine, c):
    """The mean gradient bisects the two, and going further along it helps both most."""
    close(solve(CAGrad(c), two(2.0, 2.0, cosine))[0], [0.5 * (1 + c)] * 2)


def test_cagrad_helps_the_short_one_of_aligned_gradients_most():
    weights = solve(CAGrad(0.5), two(3.0, 1.0, 1.0))[0].numpy()
    assert weights @ [3.0, 1.0] == pytest.approx(1.5 * 2.0, rel=1e-6)  # (1 + c) times the mean gradient's length


@pytest.mark.parametrize("name", METHODS)
def test_directions_of_opposed_gradients_hurt_nobody(name):
    """No method may help one task at the other's cost, but for the two that stay near a mean of the gradients."""
    gramian = two(2.0, 1.0, -1.0)
    weights = solve(METHODS[name], gramian)
    gains = (gramian @ weights[:, :, None])[0, :, 0]
    assert weights.isfinite().all()
    if name not in ("aligned_mtl", "cagrad"):
        assert gains.min() > -1e-4


@pytest.mark.parametrize("name", METHODS)
def test_a_zero_gradient_is_left_out(name):
    """The others get what they would get alone."""
    jacobian = jacobians(6, 3, 7)
    with_zero = torch.cat([jacobian[:, :2], torch.zeros(6, 1, 7, dtype=torch.float64), jacobian[:, 2:]], 1)
    loss_weights = torch.full((6, 4), 0.25, dtype=torch.float64)
    balancer = PCGrad(shuffle=False) if name == "pcgrad" else METHODS[name]
    weights = solve(balancer, gramians(with_zero), loss_weights)
    alone = solve(balancer, gramians(jacobian), loss_weights[:, :3])
    assert (weights[:, 2] == 0).all()
    close(weights[:, [0, 1, 3]], alone)


@pytest.mark.parametrize("name", METHODS)
def test_an_absent_task_is_left_out(name):
    """A task without a label in the batch has loss weight 0, member by member."""
    jacobian = jacobians(2, 4, 7)
    loss_weights = torch.tensor([[0.1, 0.2, 0.0, 0.3], [0.4, 0.0, 0.2, 0.4]], dtype=torch.float64)
    balancer = PCGrad(shuffle=False) if name == "pcgrad" else METHODS[name]
    weights = solve(balancer, gramians(jacobian), loss_weights)
    for member, kept in enumerate(([0, 1, 3], [0, 2, 3])):
        alone = solve(balancer, gramians(jacobian[[member]][:, kept]), loss_weights[[member]][:, kept])
        close(weights[member, kept], alone[0])
        assert weights[member].count_nonzero() <= 3


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "case", ["zero", "one task", "identical", "duplicates", "hundred", "low rank", "tiny", "float32"]
)
def test_hard_cases_stay_finite(name, case):
    jacobian = {
        "zero": torch.zeros(2, 4, 3, dtype=torch.float64),
        "one task": jacobians(2, 1, 3),
        "identical": jacobians(2, 1, 3).expand(-1, 5, -1),
        "duplicates": jacobians(2, 3, 5)[:, [0, 1, 1, 2, 0]],
        "hundred": jacobians(1, 100, 120),
        "low rank": jacobians(3, 12, 4),
        "tiny": jacobians(2, 4, 5) * 1e-12,
        "float32": jacobians(3, 12, 4).float(),
    }[case]
    gramian = gramians(jacobian)
    weights = solve(METHODS[name], gramian)
    assert weights.isfinite().all()
    if case == "zero":
        assert (weights == 0).all()
    elif case in ("one task", "identical") and name not in ("cagrad", "pcgrad", "upgrad"):
        torch.testing.assert_close(weights.sum(1), torch.ones(2, dtype=torch.float64), rtol=1e-6, atol=0)
    if case != "hundred":  # members are solved as if alone
        for member in range(len(gramian)):
            if name != "pcgrad":
                close(solve(METHODS[name], gramian[[member]])[0], weights[member], 1e-9)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_is_left_to_the_loop(name, value):
    """Training stops at the end of an epoch whose loss diverged; until then no method may fail or disturb others."""
    gramian = gramians(jacobians(2, 4, 7))
    alone = solve(METHODS[name], gramian[[1]])
    gramian[0, 2], gramian[0, :, 2] = value, value
    if name != "pcgrad":  # its second member draws from another stream than the first
        close(solve(METHODS[name], gramian)[1], alone[0])
    assert solve(METHODS[name], gramian)[0].isfinite().all()


@pytest.mark.parametrize("name", SCALE_INVARIANT)
def test_scaling_a_loss_leaves_the_direction(name):
    jacobian = jacobians(20, 5, 9)
    scaled = jacobian * torch.tensor([1.0, 1000.0, 1.0, 0.001, 1.0], dtype=torch.float64)[:, None]

    def direction(jacobian):
        combined = (solve(METHODS[name], gramians(jacobian))[:, None] @ jacobian)[:, 0]
        return combined / combined.norm(dim=1, keepdim=True)

    close(direction(scaled), direction(jacobian), 1e-6)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "pcgrad"])
def test_permuting_tasks_permutes_weights(name):
    jacobian, order = jacobians(5, 6, 9), [3, 0, 5, 1, 4, 2]
    loss_weights = torch.rand(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    loss_weights /= loss_weights.sum(1, keepdim=True)
    weights = solve(METHODS[name], gramians(jacobian), loss_weights)
    close(solve(METHODS[name], gramians(jacobian[:, order]), loss_weights[:, order]), weights[:, order])


def test_distinct_methods_give_distinct_weights():
    """No method may be another in disguise; equal weights are the static ones."""
    gramian = gramians(jacobians(1, 5, 6, seed=3))
    weights = {name: solve(method, gramian)[0] for name, method in METHODS.items()}
    weights["static"] = torch.full((5,), 0.2, dtype=torch.float64)
    unit = {name: (w / w.abs().sum()) for name, w in weights.items()}
    names = list(unit)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (unit[a] - unit[b]).abs().max() > 1e-3, (a, b)


@pytest.mark.parametrize("name", ["pcgrad", "upgrad"])
def test_without_conflict_the_direction_is_that_of_static_weights(name):
    jacobian = jacobians(4, 5, 8).abs()
    loss_weights = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15]], dtype=torch.float64).expand(4, -1)
    close(solve(METHODS[name], gramians(jacobian), loss_weights), loss_weights)


def test_mgda_meets_its_optimality_conditions():
    """G w = m on positive weights and at least m elsewhere."""
    gramian = gramians(jacobians(100, 6, 8))
    weights = solve(MGDA(), gramian)
    gains = (gramian @ weights[:, :, None])[:, :, 0]
    norm = (weights * gains).sum(1, keepdim=True)
    close(weights.sum(1), [1.0] * 100)
    assert ((gains - norm) / norm > -1e-8).all()
    assert (weights * (gains - norm) / norm).abs().max() < 1e-8


def test_upgrad_is_the_mean_of_projections_by_least_squares():
    """v = e_t + x with the x >= 0 of least |J^T (e_t + x)|, from scipy's non-negative least squares."""
    jacobian = jacobians(30, 5, 6)
    weights = solve(UPGrad(), gramians(jacobian))
    for member, rows in enumerate(jacobian.numpy()):
        projections = [np.eye(5)[t] + nnls(rows.T, -rows[t])[0] for t in range(5)]
        close(weights[member], np.mean(projections, axis=0), 1e-8)


@pytest.mark.parametrize("guesses", [0, 8])
@pytest.mark.parametrize("c", [0.2, 0.5, 0.95])
def test_cagrad_meets_its_optimality_conditions(c, guesses, monkeypatch):
    """d lies on the ball around the mean gradient; its correction is a cone combination of the worst tasks."""
    monkeypatch.setattr(cagrad, "MAX_GUESSES", guesses)
    gramian = gramians(jacobians(100, 6, 8))
    correction = solve(CAGrad(c), gramian) - 1 / 6
    mean_norm = gramian.mean((1, 2)).sqrt()
    radius = (correction[:, None] @ gramian @ correction[:, :, None]).flatten().sqrt()
    close(radius / mean_norm, [c] * 100)
    gains = (gramian @ (correction + 1 / 6)[:, :, None])[:, :, 0]
    worst = gains.amin(1, keepdim=True)
    assert correction.min() > -1e-12
    assert (correction * (gains - worst) / mean_norm[:, None] ** 2).abs().max() < 1e-8


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 8.0])
def test_bargaining_meets_its_equation(alpha):
    """G w = p w^(-1 / alpha) up to one factor for all tasks."""
    gramian, loss_weights = (
        gramians(jacobians(100, 6, 8)),
        torch.arange(1.0, 7.0, dtype=torch.float64).expand(100, -1) / 21,
    )
    weights = solve(FairGrad(alpha), gramian, loss_weights)
    ratio = (gramian @ weights[:, :, None])[:, :, 0] / (loss_weights * weights ** (-1 / alpha))
    close(ratio / ratio.mean(1, keepdim=True), [[1.0] * 6] * 100, 1e-8)


def test_fairgrad_of_alpha_one_is_nash():
    gramian = gramians(jacobians(10, 4, 6))
    close(solve(FairGrad(1.0), gramian), solve(NashMTL(), gramian))


def test_imtl_g_never_turns_against_the_tasks():
    """Where the raw weights sum to a negative number, dividing by it would ascend on every loss."""
    jacobian = jacobians(400, 3, 3, seed=1)
    gramian = gramians(jacobian)
    raw = torch.linalg.solve(gramian, gramian.diagonal(dim1=1, dim2=2).sqrt()[:, :, None])[:, :, 0]
    assert (raw.sum(1) < 0).any(), "no such case among the draws: the test would show nothing"
    gains = (gramian @ solve(IMTLG(), gramian)[:, :, None])[:, :, 0]
    assert (gains > 0).all()


def test_loss_weights_shift_the_gradient_methods():
    """A task that is named more important gains more."""
    gramian = gramians(jacobians(40, 4, 8))
    equal = torch.full((40, 4), 0.25, dtype=torch.float64)
    favoured = torch.tensor([[0.55, 0.15, 0.15, 0.15]], dtype=torch.float64).expand(40, -1)
    for name, method in METHODS.items():
        lengths = []
        for loss_weights in (equal, favoured):
            weights = solve(method, gramian, loss_weights)
            gain = (gramian @ weights[:, :, None])[:, 0, 0]
            length = (weights[:, None] @ gramian @ weights[:, :, None])[:, 0, 0].clamp(min=1e-30).sqrt()
            lengths.append(gain / length)
        assert (lengths[1] - lengths[0]).mean() > 0, name


# Agreement with torchjd, at matched settings. The tolerance is the greatest difference of a weight over the greatest
# weight.


def relative_difference(weights, reference):
    return float((weights - reference).abs().max() / reference.abs().max())


def agree(balancer, reference, jacobian, tolerance):
    weights = solve(balancer, gramians(jacobian))
    differences = [relative_difference(w, reference(j, j @ j.mT)) for w, j in zip(weights, jacobian, strict=True)]
    assert max(differences) < tolerance


@pytest.fixture(scope="module")
def rival():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchjd.aggregation")


JACOBIANS = jacobians(100, 5, 9, seed=7)


def test_pcgrad_agrees_with_torchjd(rival, monkeypatch):
    """In the order of the tasks; torchjd sums where we take the mean."""
    monkeypatch.setattr(torch, "randperm", torch.arange)
    reference = rival.PCGradWeighting()
    agree(PCGrad(shuffle=False), lambda j, g: reference(g) / 5, JACOBIANS, 1e-12)


def test_mgda_agrees_with_torchjd(rival):
    """Its Frank-Wolfe converges slowly, so the norm reached is compared: never below ours, and within 5%."""
    reference = rival.MGDAWeighting(epsilon=1e-9, max_iters=1000)
    few = gramians(JACOBIANS[:8])  # it takes a tenth of a second for each
    for w, gramian in zip(solve(MGDA(), few), few, strict=True):
        theirs, ours = (v @ gramian @ v for v in (reference(gramian), w))
        assert ours <= theirs * (1 + 1e-9)
        assert theirs <= 1.05 * ours


def test_imtl_g_agrees_with_torchjd(rival):
    """Up to the sign of the weights' sum, which torchjd keeps."""
    reference = rival.IMTLGWeighting()

    def same_sign(jacobian, gramian):
        return reference(gramian) * torch.linalg.solve(gramian, gramian.diagonal().sqrt()).sum().sign()

    agree(IMTLG(), same_sign, JACOBIANS, 1e-8)


def test_aligned_mtl_agrees_with_torchjd(rival):
    reference = rival.AlignedMTLWeighting()
    agree(AlignedMTL(), lambda j, g: reference(g), JACOBIANS, 1e-9)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_fairgrad_agrees_with_torchjd(rival, alpha):
    """Up to the sum; its least squares starts at equal weights and stops at 1e-8, so the norms here are alike."""
    reference = rival.FairGradWeighting(alpha)

    def normalised(jacobian, gramian):
        weights = reference(gramian)
        return weights / weights.sum()

    jacobian = JACOBIANS / JACOBIANS.norm(dim=2, keepdim=True) * torch.arange(1.0, 1.5, 0.1)[:5, None].double()
    agree(FairGrad(alpha), normalised, jacobian, 1e-5)


def test_cagrad_agrees_with_torchjd(rival):
    """Its interior-point solver stops at a gap of 1e-8, which leaves some 1e-4 of the weights."""
    pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    reference = rival.CAGradWeighting(c=0.5, norm_eps=1e-10)
    agree(CAGrad(0.5), lambda j, g: reference(g), JACOBIANS[:30], 1e-3)


def test_upgrad_agrees_with_torchjd(rival):
    """With its regularisation of 1e-4 turned down."""
    pytest.importorskip("quadprog")
    pytest.importorskip("qpsolvers")
    from torchjd.linalg import QuadprogProjector

    reference = rival.UPGradWeighting(projector=QuadprogProjector(norm_eps=0.0, reg_eps=1e-13))
    agree(UPGrad(), lambda j, g: reference(g), JACOBIANS, 1e-7)


@pytest.mark.filterwarnings("ignore")
def test_nash_mtl_agrees_with_torchjd(rival):
    """Up to the sum, where torchjd's heuristic solves its equation: w_t (G w)_t alike for all t. Often it does not."""
    pytest.importorskip("cvxpy")
    pytest.importorskip("ecos")
    differences = []
    few = JACOBIANS[:10]
    for ours, jacobian in zip(solve(NashMTL(), gramians(few)), few, strict=True):
        theirs = rival.NashMTL(n_tasks=5, max_norm=0.0, update_weights_every=1, optim_niter=20).weighting(jacobian)
        products = theirs * (jacobian @ jacobian.mT @ theirs)
        if (products.max() - products.min()) / products.mean() < 1e-3:
            differences.append(relative_difference(ours, theirs / theirs.sum()))
    assert len(differences) >= 5
    assert max(differences) < 1e-4


@pytest.mark.parametrize("balancer", [CAGrad(c=1.0), CAGrad(c=-0.1), FairGrad(alpha=0.0), MGDA(gradient="head")])
def test_settings_out_of_range(balancer):
    with pytest.raises(ValueError, match=type(balancer).__name__):
        balancer.start(torch.ones(1, 2))


def test_every_gramian_method_is_tested_here():
    assert set(METHODS) == {name for name, cls in BALANCERS.items() if "gramian" in cls.needs}
