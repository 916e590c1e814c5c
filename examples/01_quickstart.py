"""One network for three tasks of different kinds
==============================================

One network for three tasks of different kinds, 40% of whose labels are unknown.

The tasks are read off the same 8 x 8 images of handwritten digits: which digit it is (10 classes), whether it is odd
(2 classes) and how much ink it took (a number). One MultiTaskNet learns all three. Beside it stands the same class
fitted to each task alone, with the same settings on the same labels. Both are scored on images that neither has seen.
Three random draws of images and labels are averaged.

Labels are few, and tasks that need the same features help each other. One fit also takes less time than three.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskNet

KINDS = {"digit": "multiclass", "odd": "binary", "ink": "regression"}
UNKNOWN = 0.4
N_TRAIN = 200
DRAWS = 3


def load() -> tuple[np.ndarray, pd.DataFrame]:
    images, digit = load_digits(return_X_y=True)
    tasks = {"digit": digit, "odd": digit % 2 == 1, "ink": images.sum(axis=1)}
    return images, pd.DataFrame(tasks).convert_dtypes()


def fit(X: np.ndarray, y: pd.DataFrame, seed: int) -> MultiTaskNet:
    kinds = {task: KINDS[task] for task in y.columns}
    settings = {
        "hidden_layer_sizes": (128, 128),
        "n_estimators": 4,
        "max_iter": 50,
        "dropout": 0.1,
        "input_scaling": False,
        "effort": "fixed",
    }
    return MultiTaskNet(tasks=kinds, random_state=seed, **settings).fit(X, y)


def score_both(seed: int) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Scores of one network and of a network per task, and the seconds that each took to fit."""
    images, labels = load()
    X_train, X_test, y_train, y_test = train_test_split(images, labels, train_size=N_TRAIN, random_state=seed)
    unknown = np.random.default_rng(seed).random(y_train.shape) < UNKNOWN
    y_train = y_train.mask(unknown)  # pandas.NA

    start = perf_counter()
    together = fit(X_train, y_train, seed)
    between = perf_counter()
    alone = [fit(X_train, y_train[[task]], seed) for task in KINDS]
    end = perf_counter()

    scores_alone = {}
    for task, model in zip(KINDS, alone, strict=True):
        scores_alone |= model.score_tasks(X_test, y_test[[task]])
    return together.score_tasks(X_test, y_test), scores_alone, between - start, end - between


def draw(scores: pd.DataFrame) -> None:
    axes = scores.plot.barh(figsize=(6, 3), xlim=(0.75, 1), xlabel="score on new images", color=["C0", "0.7"])
    axes.invert_yaxis()
    axes.figure.tight_layout()
    plt.show()


def main() -> None:
    together, alone, seconds_together, seconds_alone = zip(*map(score_both, range(DRAWS)), strict=True)
    print(f"Digits: {N_TRAIN} images to learn from, {UNKNOWN:.0%} of their labels unknown; mean of {DRAWS} draws\n")
    print(f"{'task':<8}{'score':<10}{'one net':>9}{'alone':>9}{'gain':>9}")
    scores = pd.DataFrame(index=list(KINDS), columns=["one network for all", "one for each"], dtype=float)
    for task, kind in KINDS.items():
        one, own = (np.mean([scores[task] for scores in run]) for run in (together, alone))
        scores.loc[task] = one, own
        metric = "R2" if kind == "regression" else "accuracy"
        print(f"{task:<8}{metric:<10}{one:>9.3f}{own:>9.3f}{one - own:>+9.3f}")
    print(f"{'seconds':<18}{np.mean(seconds_together):>9.1f}{np.mean(seconds_alone):>9.1f}")
    draw(scores)


if __name__ == "__main__":
    main()
