"""Calibration: probabilities that agree with frequencies, as learned from held-out ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from skmtl.postprocess import CALIBRATIONS, Calibration, HeldOutResponses
from skmtl.tasks import KINDS

RNG = np.random.default_rng(0)
N = 3000
TRUE = {k: softmax(1.5 * RNG.normal(size=(N, k)) + np.arange(k) / 3, axis=1) for k in (2, 4)}
LABELS = {k: (p.cumsum(axis=1) < RNG.random((N, 1))).sum(axis=1) for k, p in TRUE.items()}
ONES = np.ones(N)
DISTORTED = {  # what each method can undo
    "temperature": lambda p: softmax(2.5 * np.log(p), axis=1),
    "sigmoid": lambda p: np.column_stack([1 - (q := expit(0.6 * logit(p[:, 1]) + 1.5)), q]),
    "isotonic": lambda p: np.column_stack([1 - (q := p[:, 1] ** 3), q]),
}


def responses_of(probabilities, labels, weights=ONES, units=None):
    """Held-out responses to one task."""
    kind = "binary" if probabilities.shape[1] == 2 else "multiclass"
    task = KINDS[kind]().fit("t", np.arange(probabilities.shape[1]), np.ones(probabilities.shape[1]))
    units = np.arange(len(labels)) if units is None else units
    return HeldOutResponses(units, [task], [labels], weights[:, None], [probabilities])


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_a_method_undoes_what_it_is_for(method):
    given = DISTORTED[method](TRUE[2])
    calibrated = CALIBRATIONS[method].fit(given, LABELS[2], ONES)(given)
    assert_allclose(calibrated.sum(axis=1), 1.0)
    assert np.abs(calibrated - TRUE[2]).mean() < 0.025 < 0.09 < np.abs(given - TRUE[2]).mean()


class Given(ClassifierMixin, BaseEstimator):
    """Gives for probabilities of the classes what scikit-learn calibrates."""

    def __init__(self, of_odds=False):
        self.of_odds = of_odds

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        scores = logit(X) if self.of_odds else X
        return scores[:, 1] if X.shape[1] == 2 else scores

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept sample_weight")
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_methods_are_those_of_scikit_learn(method, n_classes):
    given, labels, weights = TRUE[n_classes] ** 2, LABELS[n_classes], RNG.uniform(0.5, 2, N)
    given /= given.sum(axis=1, keepdims=True)
    model = FrozenEstimator(Given(of_odds=method == "sigmoid").fit(given, labels))
    reference = CalibratedClassifierCV(model, method=method).fit(given, labels, sample_weight=weights)
    calibrated = CALIBRATIONS[method].fit(given, labels, weights)(given)
    # isotonic functions differ by the labels that are made up at their ends
    assert_allclose(calibrated, reference.predict_proba(given), atol=1e-3 if method == "sigmoid" else 0.1)
    assert np.abs(calibrated - reference.predict_proba(given)).mean() < 1e-3
    assert 0 < calibrated.min()


def test_the_temperature_has_the_least_log_loss():
    given = softmax(3 * np.log(TRUE[4]), axis=1)
    found = CALIBRATIONS["temperature"].fit(given, LABELS[4], ONES).temperature

    def log_loss(temperature):
        return -log_softmax(np.log(given) / temperature, axis=1)[np.arange(N), LABELS[4]].mean()

    assert found == pytest.approx(3, rel=0.1)
    assert log_loss(found) < min(log_loss(0.99 * found), log_loss(1.01 * found))


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_a_row_of_weight_two_is_the_row_twice(method):
    given, labels = DISTORTED["sigmoid"](TRUE[2])[:300], LABELS[2][:300]
    twice, weights = np.append(np.arange(300), np.arange(100)), np.where(np.arange(300) < 100, 2.0, 1.0)
    copies = Calibration(method).fit(None, responses_of(given[twice], labels[twice], np.ones(400), twice))
    weighted = Calibration(method).fit(None, responses_of(given, labels, weights))
    assert_allclose(copies(None, [given])[0], weighted(None, [given])[0], rtol=1e-4)


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_no_label_helps_its_own_row(method):
    given, labels = DISTORTED["sigmoid"](TRUE[2])[:400], LABELS[2][:400].copy()
    units = np.append(np.arange(399), 0)  # the last row is a copy of the first
    before = responses_of(given, labels, ONES[:400], units)
    one = Calibration(method).fit(None, before).cross_fitted(before)[0]
    labels[0] = 1 - labels[0]
    after = responses_of(given, labels, ONES[:400], units)
    other = Calibration(method).fit(None, after).cross_fitted(after)[0]
    assert_array_equal(one[[0, 399]], other[[0, 399]])
    assert np.abs(one - other).max() > 1e-5


def test_a_task_without_a_gain_stays_as_it_is():
    good = TRUE[2]
    assert Calibration("isotonic").fit(None, responses_of(good[:100], LABELS[2][:100])) is None
    held_out = responses_of(DISTORTED["temperature"](good), LABELS[2])
    number = KINDS["regression"]().fit("n", ONES * np.arange(N), ONES)
    both = HeldOutResponses(
        held_out.units,
        [number, *held_out.tasks],
        [ONES, LABELS[2]],
        np.ones((N, 2)),
        [ONES[:, None], *held_out.responses],
    )
    calibration = Calibration("temperature").fit(None, both)
    assert list(calibration.calibrators_) == [1]
    assert calibration(None, both.responses)[0] is both.responses[0]


def test_rows_that_nobody_held_out_stay_unknown():
    held_out = responses_of(np.where(np.arange(N)[:, None] % 3, DISTORTED["sigmoid"](TRUE[2]), np.nan), LABELS[2])
    crossed = Calibration("sigmoid").fit(None, held_out).cross_fitted(held_out)[0]
    assert_array_equal(np.isnan(crossed), np.isnan(held_out.responses[0]))
