"""Optimizers against torch's own, and members with rates of their own."""

import numpy as np
import pytest
import torch

from skmtl.layers import ParameterBuffer, ParameterSpec
from skmtl.training import SGD, AdamW
from skmtl.training.optimizers import adamw as module

CPU = torch.device("cpu")


def normal(generator, shape):
    return generator.normal(size=shape)


def make_buffer(members, seeds=None):
    specs = [ParameterSpec("a", (3, 2), normal), ParameterSpec("b", (4,), normal)]
    buffer = ParameterBuffer(specs, members, torch.float64, CPU)
    buffer.initialise([np.random.default_rng(s) for s in (seeds or range(members))])
    return buffer


def run(optimizer, buffer, rates, decays, steps=5, gradients=None, factors=(1.0,) * 5):
    update = optimizer.start(
        buffer, torch.tensor(rates, dtype=torch.float64), torch.tensor(decays, dtype=torch.float64)
    )
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        source = (
            gradients(step)
            if gradients
            else torch.randn(buffer.gradient.shape, generator=generator, dtype=torch.float64)
        )
        buffer.gradient.copy_(source)
        update.step(factors[step])
    return buffer.values.clone()


def torch_reference(make, members=2, steps=5, factors=(1.0,) * 5, rate=0.01):
    values = torch.nn.Parameter(make_buffer(members).values.clone())
    optimizer = make([values])
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        values.grad = torch.randn(values.shape, generator=generator, dtype=torch.float64)
        for group in optimizer.param_groups:
            group["lr"] = rate * factors[step]
        optimizer.step()
    return values.detach()


@pytest.mark.parametrize("fused", [True, False])
def test_adamw_equals_torch(monkeypatch, fused):
    if not fused:
        monkeypatch.setattr(module, "_fused_adamw", None)
    factors = (0.2, 1.0, 0.7, 0.5, 0.1)
    ours = run(AdamW(0.8, 0.97, 1e-6), make_buffer(2), [0.01, 0.01], [0.1, 0.1], factors=factors)
    reference = torch_reference(
        lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.97), eps=1e-6, weight_decay=0.1), factors=factors
    )
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_equals_torch(nesterov):
    ours = run(SGD(0.8, nesterov), make_buffer(2), [0.01, 0.01], [0.0, 0.0])
    reference = torch_reference(lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, nesterov=nesterov))
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


def test_weight_decay_in_the_gradient_is_a_frobenius_penalty():
    """As torch's SGD has it; its descent rests at the minimum of loss + wd / 2 |theta|^2 whatever the momentum."""
    ours = run(SGD(0.8, decoupled=False), make_buffer(2), [0.01, 0.01], [0.1, 0.1])
    reference = torch_reference(lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.1))
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)
    rests = []
    for decoupled in (False, True):
        buffer = make_buffer(1)
        update = SGD(0.5, decoupled=decoupled).start(
            buffer, torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.4], dtype=torch.float64)
        )
        for _ in range(800):
            buffer.gradient.copy_(buffer.values - 1)  # of the loss |theta - 1|^2 / 2
            update.step(1.0)
        rests.append(float(buffer.values.mean()))
    assert rests == pytest.approx([1 / (1 + 0.4), 1 / (1 + 0.5 * 0.4)], abs=1e-9)


@pytest.mark.parametrize("min_length", [1, 100], ids=["long", "short"])
@pytest.mark.parametrize("optimizer", [AdamW(), SGD(), SGD(decoupled=False)], ids=["adamw", "sgd", "sgd-coupled"])
def test_members_keep_their_own_rate_and_decay(monkeypatch, optimizer, min_length):
    monkeypatch.setattr(module, "MIN_LENGTH", min_length)
    rates, decays = [0.1, 0.001, 0.001], [0.1, 0.3, 0.3]
    stacked, updates = make_buffer(3), torch.randn(5, 3, 10, dtype=torch.float64)

    def scattered(step):
        a, b = updates[step][:, :6], updates[step][:, 6:]
        return torch.cat([a.flatten(), b.flatten()])

    run(optimizer, stacked, rates, decays, gradients=scattered)
    for k in range(3):
        alone = make_buffer(1, [k])
        run(optimizer, alone, [rates[k]], [decays[k]], gradients=lambda step, k=k: updates[step][k])
        for name in ("a", "b"):
            torch.testing.assert_close(alone.views[name][0], stacked.views[name][k], rtol=0, atol=1e-12)


@pytest.mark.parametrize("min_length", [1, 100], ids=["long", "short"])
def test_adamw_goes_on_from_a_state_and_with_fewer_members(monkeypatch, min_length):
    monkeypatch.setattr(module, "MIN_LENGTH", min_length)
    rates = torch.tensor([0.1, 0.02, 0.02], dtype=torch.float64)
    gradients = torch.randn(4, 30, dtype=torch.float64)

    def steps(update, buffer, which):
        for step in which:
            buffer.gradient.copy_(gradients[step])
            update.step(1.0)

    buffer, again = make_buffer(3), make_buffer(3)
    update, restored = (AdamW().start(own, rates, rates) for own in (buffer, again))
    steps(update, buffer, [0, 1])
    steps(restored, again, [3])  # whose moments the state replaces
    again.values.copy_(buffer.values)
    restored.load_state(*update.state(), CPU)
    steps(update, buffer, [2])
    steps(restored, again, [2])
    torch.testing.assert_close(again.values, buffer.values, rtol=0, atol=0)

    fewer, members = make_buffer(2), torch.tensor([0, 2])
    fewer.values.copy_(buffer.pick(buffer.values, members))
    chosen = update.select(members, fewer)
    steps(update, buffer, [3])
    fewer.gradient.copy_(buffer.pick(gradients[3], members))
    chosen.step(1.0)
    torch.testing.assert_close(fewer.values, buffer.pick(buffer.values, members), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (AdamW(beta_1=1), "beta_1 of optimizer=AdamW must be a number of at least 0 and below 1; got 1"),
        (AdamW(beta_1="0.9"), "beta_1 .* got '0.9'"),
        (AdamW(beta_2=-0.1), "beta_2"),
        (AdamW(beta_2=np.nan), "beta_2"),
        (AdamW(beta_2=True), "beta_2"),
        (AdamW(epsilon=0), "epsilon of optimizer=AdamW must be a number of at least 1e-30"),
        (AdamW(epsilon=np.inf), "epsilon"),
        (AdamW(epsilon=None), "epsilon"),
        (SGD(momentum=1.0), "momentum of optimizer=SGD must be a number of at least 0 and below 1"),
        (SGD(momentum=-1), "momentum"),
        (SGD(momentum=[0.9]), "momentum"),
        (SGD(nesterov="no"), "nesterov of optimizer=SGD must be True or False; got 'no'"),
        (SGD(decoupled=None), "decoupled of optimizer=SGD must be True or False"),
    ],
)
def test_settings_are_checked(optimizer, message):
    with pytest.raises(ValueError, match=message):
        run(optimizer, make_buffer(2), [0.1, 0.1], [0.0, 0.0])


@pytest.mark.parametrize("number", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("rates", [[0.1, 0.1], [0.1, 0.2]])
def test_numbers_of_every_type(number, rates):
    for plain, typed in (
        (AdamW(0.5, 0.75, 0.25), AdamW(number(0.5), number(0.75), number(0.25))),
        (SGD(0.5), SGD(number(0.5), nesterov=np.bool_(True), decoupled=np.bool_(True))),
    ):
        values = [run(optimizer, make_buffer(2), rates, [0.0, 0.1]) for optimizer in (plain, typed)]
        torch.testing.assert_close(*values, rtol=0, atol=0)
