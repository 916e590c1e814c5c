"""Piecewise linear encoding and the rule that chooses it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.encoders import TabularEncoder
from skmtl.encoders._piecewise import PiecewiseLinear
from skmtl.inputs import row_hashes

RNG = np.random.default_rng(0)


def encode(bins, values, fill):
    out = np.empty((len(values), bins.n_outputs))
    bins.encode(values, fill, out)
    return out


def edges_of(bins):
    """Edges of the bins of a single column."""
    return np.append(bins.low, bins.low[-1] + bins.height[-1] / bins.slope[-1])


def test_a_linear_map_of_the_bins_is_any_piecewise_linear_function():
    x = RNG.normal(size=(500, 1))
    bins = PiecewiseLinear(x, np.ones(500), 8)
    knots = edges_of(bins)
    heights = RNG.normal(size=9)
    encoded = encode(bins, x, np.zeros(1))
    assert_allclose(
        heights[0] + encoded @ (np.diff(heights) / bins.height), np.interp(x[:, 0], knots, heights), atol=1e-12
    )


def test_bins_are_full_below_and_empty_above_a_value():
    bins = PiecewiseLinear(np.arange(5.0)[:, None], np.ones(5), 4)
    assert_array_equal(encode(bins, np.array([[-9.0], [1.5], [9.0]]), np.zeros(1)), [[0] * 4, [1, 0.5, 0, 0], [1] * 4])


def test_missing_values_take_the_fill():
    bins = PiecewiseLinear(np.array([[0.0], [1.0], [2.0], [np.nan]]), np.ones(4), 4)
    assert_array_equal(
        encode(bins, np.array([[np.nan]]), np.array([1.0])), encode(bins, np.array([[1.0]]), np.zeros(1))
    )


def test_columns_of_two_values_have_no_bins():
    values = np.column_stack([np.tile([0.0, 1.0], 50), np.arange(100.0), np.zeros(100)])
    assert set(PiecewiseLinear(values, np.ones(100), 4).columns) == {1}


def test_a_column_of_few_values_has_an_edge_at_each_however_rare():
    values = np.array([0.0] * 990 + [1.0, 2.0, 3.0, 5.0] + [8.0] * 6)[:, None]
    bins = PiecewiseLinear(values, np.ones(1000), 4)
    assert_array_equal(bins.low, [0, 1, 2, 3, 5])
    assert_allclose(edges_of(bins), [0, 1, 2, 3, 5, 8])


def test_a_frequent_value_leaves_the_bins_to_the_others():
    others = np.exp(RNG.normal(size=100))
    values = np.concatenate([np.zeros(900), others, [np.nan]])[:, None]
    bins = PiecewiseLinear(values, np.ones(1001), 8)
    levels = np.linspace(0, 1, 9)
    assert_allclose(edges_of(bins), [0, *np.quantile(others, levels, method="averaged_inverted_cdf")], rtol=1e-12)


def test_an_integer_weight_equals_repeated_rows():
    x, weights = RNG.normal(size=(50, 3)), RNG.integers(1, 4, 50)
    x[:, 1] *= RNG.random(50) < 0.5
    x[:, 2] = x[:, 2].round()
    weighted = PiecewiseLinear(x, weights.astype(float), 6)
    repeated = PiecewiseLinear(np.repeat(x, weights, axis=0), np.ones(weights.sum()), 6)
    assert_allclose(weighted.low, repeated.low, atol=1e-12)
    assert_allclose(weighted.slope, repeated.slope, rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "chosen"), [((199, 5), False), ((200, 5), True), ((400, 500), True), ((400, 501), False)]
)
def test_auto_needs_rows_and_few_columns(shape, chosen):
    encoder = TabularEncoder().fit(RNG.normal(size=shape), np.ones(shape[0]))
    assert (encoder.bins_ is not None) == chosen


@pytest.mark.parametrize(
    ("n_columns", "n_bins"),
    [(1, 32), (8, 32), (12, 21), (25, 10), (80, 4)],
)
def test_columns_share_bins(n_columns, n_bins):
    x = RNG.normal(size=(300, n_columns + 9))
    x[:, n_columns:] = RNG.integers(0, 8, (300, 9))  # of few values: they take no part
    bins = TabularEncoder(numeric="piecewise").fit(x, np.ones(300)).bins_
    assert np.bincount(bins.columns).tolist() == [n_bins] * n_columns + [7] * 9


def test_auto_counts_distinct_rows():
    x = np.repeat(RNG.normal(size=(100, 3)), 5, axis=0)
    assert TabularEncoder().fit(x, np.ones(500)).bins_ is None


def test_bins_bend_a_number_of_many_values():
    n = 300
    x = np.column_stack([np.arange(float(n)), np.arange(n) % 32])
    scaled = TabularEncoder(numeric="scaled").fit(x, np.ones(n)).transform(x)
    encoder = TabularEncoder(numeric="piecewise", n_bins=16).fit(x, np.ones(n))
    both = encoder.transform(x)
    assert_allclose(both[:, :2], scaled * [4, 1], rtol=1e-15)
    assert_array_equal(both[:, 2:].max(axis=0), np.where(encoder.bins_.columns == 0, 0.5, 1.0))


def test_outputs_are_named_and_stand_beside_the_scaled_numbers():
    x = RNG.normal(size=(300, 2))
    scaled = TabularEncoder(numeric="scaled").fit(x, np.ones(300))
    both = TabularEncoder(numeric="piecewise", n_bins=4).fit(x, np.ones(300))
    assert_allclose(both.transform(x)[:, :2], 2 * scaled.transform(x), rtol=1e-15)
    names = both.get_feature_names_out()
    assert len(names) == both.n_outputs_ == both.transform(x).shape[1] == 2 + 8
    assert names[2:].tolist() == [f"x{k}_bin{i}" for k in range(2) for i in range(4)]


def test_hashes_tell_rows_apart_and_equal_rows_not():
    x = np.arange(20_000.0).reshape(-1, 2)  # few mantissa bits differ
    assert len(np.unique(row_hashes(x, 0))) == len(x)
    assert_array_equal(row_hashes(np.vstack([x, x]), 3)[len(x) :], row_hashes(x, 3))
    assert row_hashes(np.array([[-0.0]]), 0) == row_hashes(np.array([[0.0]]), 0)
    assert (row_hashes(x, 1) != row_hashes(x, 2)).all()
