"""What blends learn from labels alone: the same bits whatever the responses are, so that it can be learned once."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmtl.postprocess import KernelBlend, TreeBlend
from tests.postprocess._held_out import held_out_rows, network_of

RNG = np.random.default_rng(0)
ROWS, NEW = RNG.normal(size=(70, 4)), RNG.normal(size=(9, 4))
LABELS = [ROWS[:, 0] + np.sign(ROWS[:, 1]) + 0.3 * RNG.normal(size=70), (ROWS[:, 2] > 0).astype(float)]
KINDS = ["regression", "binary"]


def responses(noise):
    probability = np.clip(0.5 + noise * RNG.normal(size=(70, 1)), 0.01, 0.99)
    return [LABELS[0][:, None] + 3 * noise * RNG.normal(size=(70, 1)), np.hstack([1 - probability, probability])]


@pytest.mark.parametrize("kind", [KernelBlend, TreeBlend])
def test_other_responses_have_learned_the_same_bits(kind):
    first = held_out_rows(ROWS, LABELS, responses(0.5), KINDS)
    second = replace(first, responses=responses(0.17))
    alone = replace(second, memo={})
    network, new = network_of(4), [np.zeros((9, 1)), np.full((9, 2), 0.5)]
    assert kind().fit(network, first) is not None
    after, before = kind().fit(network, second), kind().fit(network, alone)
    assert len(first.memo) == len(alone.memo) == 1
    for one, other in zip(after(NEW, new), before(NEW, new), strict=True):
        assert_array_equal(one, other)
    for one, other in zip(after.cross_fitted(second), before.cross_fitted(alone), strict=True):
        assert_array_equal(one, other)
