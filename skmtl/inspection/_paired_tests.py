"""Tests of score differences over the folds of a cross-validation, whose training rows overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from skmtl.inspection._row_noise import NO_ROW_NOISE, RowNoise


class PairedTest(NamedTuple):
    """What differences say.

    Attributes
    ----------
    mean : float
        Mean difference.
    low, high : float
        Ends of its confidence interval.
    p_value : float
        Two-sided p-value of no difference.
    p_worse, p_same, p_better : float
        Posterior probabilities of a mean below, within and above the region of practical equivalence.
    """

    mean: float
    low: float
    high: float
    p_value: float
    p_worse: float
    p_same: float
    p_better: float


def paired_test(
    differences: np.ndarray, test_over_train: float, rope: float, level: float, noise: RowNoise = NO_ROW_NOISE
) -> PairedTest:
    """Corrected resampled t-test and correlated Bayesian t-test.

    The folds of a cross-validation share training rows, so that their differences d_1, ..., d_J are correlated and
    s^2 / J, with s^2 their variance, is too small a variance of their mean. Nadeau and Bengio replace it by
    (1 / J + n_test / n_train) s^2. With a flat prior the posterior of the mean is Student's t distribution with that
    scale about the mean, with J - 1 degrees of freedom (Corani and Benavoli).

    Where the variance w of a difference by its test rows is known, only the rest of s^2, which is due to the training
    rows and to chance in training, is corrected so: K test parts without common rows make the variance of the mean
    w / K + (1 / J + n_test / n_train) max(s^2 - w, 0).

    Parameters
    ----------
    differences : ndarray of shape (J,)
        Of paired scores.
    test_over_train : float
        Number of test labels over that of training labels.
    rope : float
        Half the width of the region of practical equivalence.
    level : float
        1 minus the confidence of the interval.
    noise : RowNoise, default=NO_ROW_NOISE
        What the test rows make of the differences.

    Returns
    -------
    PairedTest
        NaN but for the mean where there are fewer than two differences.

    References
    ----------
    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.

    Corani, G. and Benavoli, A. (2015). A Bayesian approach for comparing cross-validated algorithms on multiple data
    sets. Machine Learning 100, 285-304.
    """
    n = len(differences)
    if n < 2:
        mean = float(differences.mean()) if n else np.nan
        return PairedTest(mean, *[np.nan] * 6)
    mean = float(differences.mean())
    of_training = max(float(differences.var(ddof=1)) - noise.variance, 0.0)
    scale = float(np.sqrt(noise.variance / noise.parts + (1 / n + test_over_train) * of_training))
    if scale == 0:
        same = float(abs(mean) <= rope)
        return PairedTest(mean, mean, mean, float(mean == 0), float(mean < -rope), same, float(mean > rope))
    posterior = stats.t(n - 1, mean, scale)
    low, high = posterior.interval(1 - level)
    p_value = 2 * stats.t.sf(abs(mean) / scale, n - 1)
    p_worse, p_better = posterior.cdf(-rope), posterior.sf(rope)
    return PairedTest(mean, low, high, p_value, p_worse, max(1 - p_worse - p_better, 0.0), p_better)


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values adjusted for being several, by the step-down method of Holm (1979); NaN stays NaN.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return adjusted
