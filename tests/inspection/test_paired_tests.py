"""Tests of differences over folds: published values and closed forms."""

import numpy as np
import pytest
from scipy import stats

from skmtl.inspection._paired_tests import holm, paired_test
from skmtl.inspection._row_noise import RowNoise


def test_the_published_comparison_of_two_kernels():
    """scikit-learn's example "Statistical comparison of models using grid search": t = 0.750, p = 0.227 one-sided.

    Area under the curve of an SVC with the kernel "rbf" minus that with "linear", in 10 times 10 folds of 100 rows.
    """
    differences = np.repeat([-0.12, -0.08, -0.04, 0.0, 0.04, 0.08, 0.2], [1, 2, 10, 53, 29, 4, 1])
    test = paired_test(differences, 10 / 90, rope=0.01, level=0.05)
    assert stats.t(99).isf(test.p_value / 2) == pytest.approx(0.750, abs=5e-4)
    assert test.p_value / 2 == pytest.approx(0.227, abs=5e-4)
    assert (test.p_worse, test.p_same, test.p_better) == pytest.approx((0.068, 0.432, 0.5), abs=5e-4)


def test_without_shared_rows_it_is_the_paired_t_test():
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    test, plain = paired_test(differences, 0.0, 0.0, 0.1), stats.ttest_1samp(differences, 0)
    assert test.p_value == pytest.approx(plain.pvalue)
    assert (test.low, test.high) == pytest.approx(tuple(plain.confidence_interval(0.9)))
    assert test.p_worse == pytest.approx(plain.pvalue / 2 if plain.statistic > 0 else 1 - plain.pvalue / 2)
    assert test.p_same == pytest.approx(0, abs=1e-12)


def test_the_correction_widens_the_interval():
    differences = np.array([1.0, 2.0, 4.0, 3.0])
    narrow, wide = (paired_test(differences, ratio, 0.0, 0.1) for ratio in (0.0, 0.75))
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2)  # (1/4 + 3/4) / (1/4), its root


@pytest.mark.parametrize(("variance", "scale"), [(0.5, 0.5 / 4 + 1.5), (3.0, 3 / 4)])
def test_only_what_the_test_rows_do_not_explain_is_corrected(variance, scale):
    differences = np.array([1.0, 1.0, 3.0, 3.0, 0.0, 4.0, 2.0])
    assert differences.var(ddof=1) == 2
    test = paired_test(differences, 6 / 7, 0.0, 0.1, RowNoise(variance, 4.0))
    assert test.high - test.mean == pytest.approx(stats.t(6).ppf(0.95) * np.sqrt(scale))


@pytest.mark.parametrize(("value", "expected"), [(0.0, (1, 0, 1, 0)), (0.005, (0, 0, 1, 0)), (0.5, (0, 0, 0, 1))])
def test_equal_differences(value, expected):
    test = paired_test(np.full(5, value), 0.25, rope=0.01, level=0.1)
    assert (test.p_value, test.p_worse, test.p_same, test.p_better) == expected
    assert test.low == test.mean == test.high == value


def test_one_difference_says_nothing():
    test = paired_test(np.array([0.2]), 0.25, 0.01, 0.1)
    assert test.mean == 0.2
    assert np.isnan(test[1:]).all()
    assert np.isnan(paired_test(np.array([]), np.nan, 0.01, 0.1)).all()


def test_holm_by_hand():
    adjusted = holm(np.array([0.04, np.nan, 0.01, 0.03, 0.6]))
    np.testing.assert_allclose(adjusted, [0.09, np.nan, 0.04, 0.09, 0.6])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])
