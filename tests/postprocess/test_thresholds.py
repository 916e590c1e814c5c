"""Thresholds of probabilities, chosen on held-out rows by a metric of labels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn import metrics as sk

from skmtl.metrics._registry import find_metric
from skmtl.metrics._table_score import TableScore
from skmtl.postprocess import HeldOutResponses, _thresholds, choose_thresholds, thresholded
from skmtl.postprocess._thresholds import choose_threshold
from skmtl.tasks import KINDS

RNG = np.random.default_rng(0)
N = 4000
RARE = expit(1.5 * RNG.normal(size=N) - 3)  # probabilities of a rare class
TRUTH = (RNG.random(N) < RARE).astype(int)
BOTH = np.column_stack([1 - RARE, RARE])
THREE = softmax(2 * RNG.normal(size=(N, 3)) + np.array([2.0, 0.0, -1.0]), axis=1)
OF_THREE = (THREE.cumsum(axis=1) < RNG.random((N, 1))).sum(axis=1)
WORDS = np.array(["a", "b", "c"])


def score(metric, classes=(0, 1)):
    return TableScore(find_metric(metric), np.asarray(classes))


def labels(probabilities, threshold):
    return thresholded(probabilities, threshold).argmax(axis=1)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "accuracy", "recall", "matthews_corrcoef"])
def test_tables_score_as_the_labels_do(metric):
    truth, predicted, weights = OF_THREE[:200], OF_THREE[100:300], RNG.uniform(0, 2, 200)
    table = np.zeros((2, 3, 3))
    np.add.at(table[0], (truth, predicted), weights)
    np.add.at(table[1], (truth, truth), weights)
    expected = find_metric(metric).function(WORDS[truth], WORDS[predicted], sample_weight=weights, average="macro")
    assert_allclose(score(metric, WORDS)(table), [expected, 1.0], rtol=1e-12)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "accuracy"])
def test_the_threshold_is_close_to_the_best_one_in_hindsight(metric):
    train, test = np.arange(N) < N // 2, np.arange(N) >= N // 2
    found = choose_threshold(BOTH[train], TRUTH[train], np.ones(N // 2), score(metric))
    function = {"f1": sk.f1_score, "balanced_accuracy": sk.balanced_accuracy_score, "accuracy": sk.accuracy_score}
    by_threshold = [function[metric](TRUTH[test], RARE[test] > t) for t in np.linspace(0.01, 0.9, 90)]
    assert function[metric](TRUTH[test], labels(BOTH[test], found)) > 0.97 * max(by_threshold)
    assert function[metric](TRUTH[train], labels(BOTH[train], found)) >= function[metric](
        TRUTH[train], RARE[train] > 0.5
    )


def test_without_labels_to_jump_at_the_threshold_is_the_best_of_all(monkeypatch):
    monkeypatch.setattr(_thresholds, "LABEL_SHARE", 1.0)
    monkeypatch.setattr(_thresholds, "N_CANDIDATES", N)
    found = choose_threshold(BOTH[:300], TRUTH[:300], np.ones(300), score("f1"))
    best = max(sk.f1_score(TRUTH[:300], RARE[:300] > t) for t in np.sort(RARE[:300])[-60:])
    assert sk.f1_score(TRUTH[:300], RARE[:300] > found) == pytest.approx(best, rel=1e-12)


def test_offsets_of_classes_raise_the_metric():
    train, test = np.arange(N) < N // 2, np.arange(N) >= N // 2
    found = choose_threshold(THREE[train], OF_THREE[train], np.ones(N // 2), score("balanced_accuracy", WORDS))
    plain, better = (sk.balanced_accuracy_score(OF_THREE[test], labels(THREE[test], t)) for t in (None, found))
    best = sk.balanced_accuracy_score(
        OF_THREE[test], labels(THREE[test], -np.log(np.bincount(OF_THREE) / N))
    )  # by Bayes' rule, of the true probabilities
    assert better > plain + 0.05
    assert better > 0.99 * best
    assert found.sum() == pytest.approx(0)


def test_any_metric_of_labels_will_do():
    def gain(y_true, y_pred, sample_weight):
        return (sample_weight * np.where(y_true == 1, 9.0, -1.0) * (y_pred == 1)).sum()

    found = choose_threshold(BOTH, TRUTH, np.ones(N), score(gain))
    assert found == pytest.approx(0.1, abs=0.03)  # where 9 p = 1 - p


def test_weights_count_as_rows_and_probabilities_by_their_order():
    weights = np.where(np.arange(N) < 1000, 2.0, 1.0)
    twice = np.append(np.arange(N), np.arange(1000))
    weighted = choose_threshold(BOTH, TRUTH, weights, score("f1"))
    copies = choose_threshold(BOTH[twice], TRUTH[twice], np.ones(len(twice)), score("f1"))
    assert weighted == pytest.approx(copies, rel=1e-6)
    shifted = expit(np.log(RARE / (1 - RARE)) + 3)
    moved = choose_threshold(np.column_stack([1 - shifted, shifted]), TRUTH, weights, score("f1"))
    assert_array_equal(shifted > moved, RARE > weighted)


def test_no_label_chooses_the_threshold_of_its_own_row():
    kind = KINDS["binary"]()
    tasks = [kind.fit("t", TRUTH, np.ones(N))]
    units = np.append(np.arange(399), 0)

    def crossed(truth):
        held_out = HeldOutResponses(units, tasks, [truth], np.ones((400, 1)), [BOTH[:400]])
        return choose_thresholds(held_out, {0: score("f1")})[1][0]

    truth = TRUTH[:400].copy()
    before = crossed(truth)
    truth[0] = 1 - truth[0]
    after = crossed(truth)
    same_fold = units % 5 == 0
    assert_array_equal(before[same_fold], after[same_fold])
    assert (before != after).any()


def test_tasks_of_one_observed_class_have_no_threshold():
    tasks = [KINDS["binary"]().fit("t", TRUTH, np.ones(N))]
    held_out = HeldOutResponses(np.arange(50), tasks, [np.zeros(50, int)], np.ones((50, 1)), [BOTH[:50]])
    assert choose_thresholds(held_out, {0: score("f1")}) == ({}, {})
