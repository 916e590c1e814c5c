"""One step: terms at the outputs beside the supervised objective, and what they must not see."""

import numpy as np
import pytest
import torch

from skmtl.balancing import BALANCERS
from tests import _builders as build
from tests.contracts.test_balancing_laws import N, X, make_data, make_training

KEPT = torch.from_numpy(np.random.default_rng(2).random((3, N)) < 0.7)
FORMS = [
    ("static", "hard"), ("uncertainty", "ple"), ("famo", "soft"),
    ("cagrad", "hard"), ("gradnorm", "cross_stitch"), ("mgda", "mmoe"), ("imtl_g", "ple"),
]  # fmt: skip


class TowardsZero:
    """Half the sum of all squared outputs: asks for no label, and not whether a member may learn from a row."""

    def begin_epoch(self, progress, network, validation):
        pass

    def add(self, step, gradient):
        gradient.add_(step.outputs)

    def select(self, members):
        return self


def data_with(rows):
    known = make_data()
    return build.make_data(rows, known.targets, known.cell_weights, KEPT.double())


def gradient_of(balancer, sharing, terms, rows=X):
    """Gradient of the parameters, by name, ``(member, ...)``, in a step on all rows."""
    data = data_with(rows)
    training = make_training(BALANCERS[balancer](), [0, 1, 2], data, sharing=sharing, dropout=0.0)
    training.step.terms, training.step.updates = terms, ()
    with training.step.passes.mode():
        training.step(data.take(slice(None)), 1.0)
    buffer = training.network.buffer
    return {spec.name: buffer.gradient_views[spec.name].clone() for spec in buffer.specs}, training


@pytest.mark.parametrize(("balancer", "sharing"), FORMS)
def test_a_term_without_labels_never_sees_rows_that_a_member_holds_out(balancer, sharing):
    before, _ = gradient_of(balancer, sharing, [TowardsZero()])
    rows = X.copy()
    rows[~KEPT[0].numpy()] += 1.0
    after, _ = gradient_of(balancer, sharing, [TowardsZero()], rows)
    for name, values in before.items():
        assert torch.equal(after[name][0], values[0])
    assert not any(torch.equal(after["head.weight"][k], before["head.weight"][k]) for k in (1, 2))


@pytest.mark.parametrize(("balancer", "sharing"), FORMS)
def test_the_gradient_of_a_term_is_added_to_that_of_the_losses(balancer, sharing):
    both, _ = gradient_of(balancer, sharing, [TowardsZero()])
    losses, training = gradient_of(balancer, sharing, [])
    passes = training.step.passes
    with passes.mode():
        outputs = passes.forward(torch.from_numpy(X)[None])
        passes.backward(outputs * KEPT[:, :, None])
    for name, values in losses.items():
        expected = values + training.network.buffer.gradient_views[name]
        torch.testing.assert_close(both[name], expected, rtol=0, atol=1e-10)


def test_a_batch_tells_labels_from_rows_that_a_member_may_learn_from():
    batch = data_with(X).take(torch.tensor([3, 1, 4]))
    data = make_data()
    assert torch.equal(batch.row_mask, KEPT[:, [3, 1, 4]].double())
    assert torch.equal(batch.cell_weights[0], data.cell_weights[[3, 1, 4]])
    assert torch.equal(batch.weights, batch.cell_weights * batch.row_mask[:, :, None])
