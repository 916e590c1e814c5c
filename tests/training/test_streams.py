"""What an epoch draws depends on the seed and the epoch, not on the epochs before."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skmtl.balancing import BALANCERS
from skmtl.training import Streams
from tests.contracts.test_balancing_laws import make_data, make_training


def outputs_of_epochs(epochs, balancer="static", members=(0, 1, 2), first=0):
    """Outputs of every batch in training, by epoch; the parameters do not change, only order and dropout masks do."""
    training = make_training(BALANCERS[balancer](), list(members), make_data())
    training.streams.epoch, training.step.updates, found = first, (), []
    forward = training.step.passes.forward

    def spy(x, row_mask=None):
        outputs = forward(x)
        found[-1].append(outputs.clone())
        return outputs

    training.step.passes.forward = spy
    weights = []
    for _ in range(epochs):
        found.append([])
        training.epoch()
        weights.append(training.step.weighting.epoch_weights())
    return found, weights


@pytest.mark.parametrize("balancer", ["static", "random", "pcgrad"])
def test_an_epoch_computed_at_once_is_the_one_met_on_the_way(balancer):
    on_the_way, weights = outputs_of_epochs(4, balancer)
    for epoch in range(4):
        (at_once,), (own_weights,) = outputs_of_epochs(1, balancer, first=epoch)
        for batch, same in zip(on_the_way[epoch], at_once, strict=True):
            assert torch.equal(batch, same)
        assert torch.equal(weights[epoch], own_weights)
    first, second = (torch.cat(batches, 1).sort(1).values for batches in on_the_way[:2])
    assert not torch.equal(first, second), "the masks are the same in every epoch"


def test_a_member_draws_alone_what_it_draws_in_a_stack():
    together, weights = outputs_of_epochs(3, "random")
    for member in range(3):
        alone, own_weights = outputs_of_epochs(3, "random", [member])
        for epoch, batches in enumerate(alone):
            for batch, of_all in zip(batches, together[epoch], strict=True):
                torch.testing.assert_close(batch[0], of_all[member], rtol=0, atol=1e-12)
            torch.testing.assert_close(own_weights[epoch][0], weights[epoch][member], rtol=0, atol=1e-12)


def drawn(streams):
    return [generator.random(3).tolist() for generator in streams.orders()]


def test_every_epoch_has_an_order_of_its_own():
    streams, orders = Streams.from_seed(0, 2), []
    for streams.epoch in range(50):
        (order,) = streams.orders()
        orders.append(tuple(order.permutation(20)))
    assert len(set(orders)) == 50


def test_parts_keep_their_orders_and_members_their_seeds():
    fits = [Streams.from_seed(seed, size) for seed, size in ((3, 2), (4, 1), (5, 3))]
    joined = Streams.join([[fit] for fit in fits])
    assert drawn(joined) == [draws for fit in fits for draws in drawn(fit)]
    chosen = joined.select(torch.tensor([1, 4, 5]))
    assert drawn(chosen) == [*drawn(fits[0]), *drawn(fits[2])]
    assert chosen.parts == ((3, 1), (5, 2))
    for draws, (fit, member) in zip(chosen.initial, ((0, 1), (2, 1), (2, 2)), strict=True):
        np.testing.assert_array_equal(draws.random(3), fits[fit].initial[member].random(3))
    stacked = Streams.join([fits])
    assert drawn(stacked) == drawn(fits[0])
    assert stacked.members == joined.members


def test_streams_apart_count_their_own_epochs():
    streams = Streams.from_seed(0, 1)
    other = replace(streams)
    other.epoch += 1
    assert streams.epoch == 0
    assert drawn(streams) != drawn(other)
    other.epoch = 0
    assert drawn(streams) == drawn(other)
