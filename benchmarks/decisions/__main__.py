"""``python -m benchmarks.decisions``: F1 of rare classes on new rows, printed as a table and written to RESULTS.md."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_curve

from skmtl import MultiTaskNetClassifier
from skmtl.datasets import make_related_tasks
from skmtl.metrics import f1

RESULTS = Path(__file__).parent / "RESULTS.md"
RATES = np.linspace(0.03, 0.27, 12)  # positives of each task
N_NEW = 4000
INTRODUCTION = """# Thresholds

Mean F1 of 12 related tasks with 3 to 27% positives on 4,000 new rows, over draws of the data: by the most probable
class, by `threshold_metric="f1"`, and by the best threshold of each task in hindsight; and of the training rows out of
fold."""


def make_rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which the first n are to be learned from, and their classes."""
    X, numbers = make_related_tasks(n + N_NEW, n_tasks=len(RATES), relatedness=0.6, noise=0.7, random_state=seed)
    limits = [np.quantile(column, 1 - rate) for column, rate in zip(numbers.T, RATES, strict=True)]
    return X, (numbers > limits).astype(int)


def best_f1(truth: np.ndarray, probability: np.ndarray) -> float:
    """F1 at the best threshold in hindsight."""
    precision, recall, _ = precision_recall_curve(truth, probability)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())


def scores(n: int, seed: int) -> list[float]:
    """Mean F1 of the most probable class, of thresholds, of the best ones, and of thresholds out of fold."""
    X, y = make_rows(n, seed)
    settings = {"hidden_layer_sizes": (32,), "local_correction": False, "max_iter": 30, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that rare classes are never predicted
        plain = MultiTaskNetClassifier(**settings).fit(X[:n], y[:n])
    model = MultiTaskNetClassifier(**settings, threshold_metric="f1").fit(X[:n], y[:n])
    pairs = zip(y[n:].T, model.predict_proba(X[n:]), strict=True)
    best = float(np.mean([best_f1(truth, probability[:, 1]) for truth, probability in pairs]))
    found = (f1(y[n:], one.predict(X[n:])) for one in (plain, model))
    return [*found, best, f1(y[:n], model.oof_prediction_)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions", description=__doc__)
    parser.add_argument("--draws", type=int, default=4, help="draws of the data (default: 4)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the Markdown file written")
    options = parser.parse_args()
    lines = ["| rows | most probable class | `threshold_metric` | best in hindsight | share | out of fold |"]
    lines.append("|" + " --- |" * 6)
    for n in (400, 1000):
        plain, chosen, best, held_out = np.mean([scores(n, seed) for seed in range(options.draws)], axis=0)
        lines.append(f"| {n} | {plain:.3f} | {chosen:.3f} | {best:.3f} | {chosen / best:.1%} | {held_out:.3f} |")
    page = "\n".join([INTRODUCTION, "", *lines, ""])
    options.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
