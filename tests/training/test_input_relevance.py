"""A run ahead tells which inputs matter."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skmtl.training import Validation, learn_input_scale
from tests import _builders as build

N, D, MEMBERS = 60, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
Y = np.column_stack([X[:, 0], X[:, 0] - X[:, 1]])  # inputs 2, 3 and 4 say nothing
HELD_OUT = RNG.random((MEMBERS, N)) < 0.2
OBJECTIVE = build.make_objective(build.make_layout(list(Y.T)))


def data_of(members, X=X):
    kept = torch.from_numpy(~HELD_OUT[members]).double()
    return build.make_data(X, Y, kept=kept)


def settings_of(members, rates=(0.02,) * MEMBERS):
    rate = build.tensor(rates)[members]
    return build.make_config(len(members), 2, learning_rate=rate, max_iter=100, tol=0.0, relevance_epochs=20)


def network_of(members, sharing="hard", n_inputs=D):
    return build.make_network(sharing, n_inputs, (8,), (1, 1), seeds=members, dropout=0.1)


def scouted(members, *, rates=(0.02,) * MEMBERS, sharing="hard", X=X, validated=True, **settings):
    """Return the network before and after."""
    network, data = network_of(members, sharing, X.shape[1]), data_of(members, X)
    every = torch.arange(N).expand(len(members), N)
    validation = Validation(OBJECTIVE, data, every, torch.from_numpy(HELD_OUT[members]).double())
    streams = build.make_streams(members, seed=3)
    chosen = replace(settings_of(members, rates), **settings)
    result = learn_input_scale(network, OBJECTIVE, data, chosen, streams, validation if validated else None)
    assert streams.epoch == 0
    return network, result


@pytest.mark.parametrize("sharing", ["hard", "mmoe", "cross_stitch"])
def test_inputs_that_matter_are_scaled_up(sharing):
    network, result = scouted([0, 1, 2], sharing=sharing)
    scale = result.architecture.input_scale
    np.testing.assert_allclose((scale**2).mean(1), 0.25)
    assert (scale[:, :2].min(1) > 2 * scale[:, 2:].max(1)).all()
    assert network.architecture.input_scale is None
    torch.testing.assert_close(result.buffer.values, network.buffer.values, rtol=0, atol=0)


def test_each_member_finds_what_it_finds_alone():
    _, together = scouted([0, 1, 2])
    for k in range(MEMBERS):
        _, alone = scouted([k])
        np.testing.assert_allclose(
            alone.architecture.input_scale[0], together.architecture.input_scale[k], rtol=0, atol=1e-10
        )


def test_a_member_that_diverges_keeps_its_inputs_and_disturbs_no_other():
    _, calm = scouted([0, 1, 2])
    _, wild = scouted([0, 1, 2], rates=(0.02, 0.02, 1e200))
    np.testing.assert_array_equal(wild.architecture.input_scale[2], np.ones(D))
    np.testing.assert_allclose(wild.architecture.input_scale[:2], calm.architecture.input_scale[:2], rtol=0, atol=1e-10)


def test_rows_that_a_member_holds_out_tell_it_nothing():
    changed = X.copy()
    changed[HELD_OUT[0]] += RNG.normal(size=(int(HELD_OUT[0].sum()), D))
    _, first = scouted([0], validated=False)
    _, second = scouted([0], validated=False, X=changed)
    np.testing.assert_allclose(first.architecture.input_scale, second.architecture.input_scale, rtol=0, atol=1e-10)


def test_a_task_that_does_not_count_does_not_decide():
    only_first = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    _, result = scouted([0], loss_weights=only_first)
    scale = result.architecture.input_scale[0]
    assert scale[0] > 3 * scale[1]


def test_of_many_inputs_each_member_reads_those_that_matter_most():
    wide = np.concatenate([RNG.normal(size=(N, 120)), X], axis=1)
    network, result = scouted([0, 1, 2], X=wide)
    scale = result.architecture.input_scale
    assert result.architecture.n_read == 100
    assert (np.count_nonzero(scale, axis=1) == 100).all()
    assert (scale[:, 120] > 2 * np.median(scale, axis=1)).all()  # both tasks need it
    (weight, _), (of_all, _) = (
        [net.buffer.views[spec.name] for spec in net.buffer.specs[:2]] for net in (result, network)
    )
    for own, before, factors in zip(weight, of_all, scale, strict=True):
        torch.testing.assert_close(own[0], before[0, np.flatnonzero(factors)], rtol=0, atol=0)


def test_what_a_member_reads_does_not_depend_on_others():
    wide = np.concatenate([RNG.normal(size=(N, 120)), X], axis=1)
    _, together = scouted([0, 1, 2], X=wide)
    _, alone = scouted([1], X=wide)
    np.testing.assert_allclose(
        alone.architecture.input_scale[0], together.architecture.input_scale[1], rtol=0, atol=1e-10
    )


def test_inputs_that_never_change_are_left_out():
    constant = np.full((N, 2), 0.5)
    constant[HELD_OUT[0], 1] = 1.0  # changes only where the first member does not learn
    _, result = scouted([0, 1, 2], X=np.concatenate([constant, X], axis=1))
    scale = result.architecture.input_scale
    np.testing.assert_array_equal(scale[:, 0], 0.0)
    assert scale[0, 1] == 0.0 < scale[1:, 1].min()
    assert (scale[:, 2:] > 0).all()


def test_without_inputs_that_change_all_are_alike():
    _, result = scouted([0], X=np.ones((N, D)))
    np.testing.assert_array_equal(result.architecture.input_scale, 0.5)
