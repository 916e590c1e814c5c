"""Weighted quantiles: the laws of weights, and numpy as the oracle."""

import numpy as np
import pytest

from skmtl.inputs import _quantiles, weighted_quantile

LEVELS = (0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1.0)


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    columns = np.round(rng.normal(size=(60, 7)), 1)  # with ties
    columns[:, 1] = 4.25
    columns[rng.random(60) < 0.4, 2] = np.nan
    columns[1:, 3] = np.nan
    columns[:, 4] = np.nan
    columns[:, 5] *= 1e30
    return columns


@pytest.fixture
def weights():
    return np.random.default_rng(1).integers(1, 6, size=60).astype(float)


def test_equal_weights_agree_with_numpy(values):
    found = weighted_quantile(values, np.full(60, 0.3), LEVELS)
    for column in (0, 1, 5, 6):
        expected = np.quantile(values[:, column], LEVELS, method="averaged_inverted_cdf")
        np.testing.assert_array_equal(found[:, column], expected)


def test_integer_weight_equals_repeats_exactly(values, weights):
    repeated = np.repeat(values, weights.astype(int), axis=0)
    expected = weighted_quantile(repeated, np.ones(len(repeated)), LEVELS)
    np.testing.assert_array_equal(weighted_quantile(values, weights, LEVELS), expected)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1 / 3, 7.7e12])
def test_scale_of_weights_cancels(values, weights, scale):
    expected = weighted_quantile(values, weights, LEVELS)
    np.testing.assert_array_equal(weighted_quantile(values, weights * scale, LEVELS), expected)


def test_order_of_rows_does_not_matter(values, weights):
    order = np.random.default_rng(2).permutation(60)
    expected = weighted_quantile(values, weights, LEVELS)
    np.testing.assert_array_equal(weighted_quantile(values[order], weights[order], LEVELS), expected)


@pytest.mark.parametrize("equal", [True, False])
def test_missing_values_are_left_out(values, weights, equal):
    weights = np.ones(60) if equal else weights
    seen = ~np.isnan(values[:, 2])
    expected = weighted_quantile(values[seen, 2:3], weights[seen], LEVELS)
    found = weighted_quantile(values, weights, LEVELS)
    np.testing.assert_array_equal(found[:, 2:3], expected)
    np.testing.assert_array_equal(found[:, 3], np.full(len(LEVELS), values[0, 3]))
    assert np.isnan(found[:, 4]).all()


def test_known_values():
    column = np.array([[3.0], [1.0], [2.0]])
    # Cumulative weights of 1, 2, 3 are 1, 2, 4: the level 0.5 meets the 2 exactly and averages it with the 3.
    np.testing.assert_array_equal(
        weighted_quantile(column, np.array([2.0, 1.0, 1.0]), [0.2, 0.5, 0.6]).T, [[1, 2.5, 3]]
    )


@pytest.mark.parametrize("equal", [True, False])
def test_chunks_do_not_matter(values, weights, equal, monkeypatch):
    weights = np.ones(60) if equal else weights
    expected = weighted_quantile(values, weights, LEVELS)
    monkeypatch.setattr(_quantiles, "_ELEMENTS_AT_ONCE", 130)
    np.testing.assert_array_equal(weighted_quantile(values, weights, LEVELS), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool, ">f8"])
def test_input_is_unchanged_and_any_number_works(dtype):
    values = np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype)
    values.flags.writeable = False
    np.testing.assert_array_equal(weighted_quantile(values, np.ones(3), [0.5]), [[1.0, 1.0]])


def test_one_row():
    np.testing.assert_array_equal(
        weighted_quantile(np.array([[2.0, np.nan]]), np.ones(1), [0, 0.5, 1])[:, 0], [2, 2, 2]
    )
