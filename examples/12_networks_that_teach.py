"""Networks that teach one another
===============================

Networks that teach one another: most labels hidden, some labels wrong, and one network for many.

Three questions about an image of 8 x 8 pixels: which digit it shows, whether the digit is odd, and whether it has a
closed loop.

- 95% of the labels are hidden. Peers that agree on all images, labelled or not, are no better as an ensemble than as
  many networks that know nothing of each other, but lose less when ``compact`` keeps one network of them.
- One in five digits is given as another one. Peers choose one another's labels; ``label_quality_`` tells wrong ones.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskNetClassifier
from skmtl.collaboration import CoTeaching, MutualLearning

NET = {"hidden_layer_sizes": (64,), "n_estimators": 4, "cv": 4, "max_iter": 20, "random_state": 0}
NET["kernel_blend"] = NET["tree_blend"] = False  # networks alone


def load():
    X, digit = load_digits(return_X_y=True)
    y = pd.DataFrame({"digit": digit, "odd": digit % 2, "loop": np.isin(digit, [0, 6, 8, 9])}).astype(float)
    return train_test_split(X, y, train_size=1000, random_state=0)


def score_with_few_labels(method, known, X_train, X_test, y_test):
    model = MultiTaskNetClassifier(**NET, n_peers=2, collaboration=method).fit(X_train, known)
    return model.score(X_test, y_test), model.compact().score(X_test, y_test)


def hide_labels(X_train, X_test, y_train, y_test):
    random = np.random.default_rng(0)
    hidden = [y_train.mask(random.random(y_train.shape) < 0.95) for _ in range(3)]
    print(f"{hidden[0].count().sum()} labels of {hidden[0].size}\n\n{'score on new images':<24}{'all':>8}{'one':>8}")
    for name, method in {"independent": None, "agree": MutualLearning(unlabeled_strength=3.0)}.items():
        scores = [score_with_few_labels(method, known, X_train, X_test, y_test) for known in hidden]
        print(f"{name:<24}" + "".join(f"{score:>8.3f}" for score in np.mean(scores, axis=0)))


def find_wrong_labels(X_train, y_train):
    random = np.random.default_rng(1)
    wrong = random.random(len(y_train)) < 0.2
    given = y_train.copy()
    given.loc[wrong, "digit"] = (given["digit"][wrong] + random.integers(1, 10, wrong.sum())) % 10
    model = MultiTaskNetClassifier(**NET, collaboration=CoTeaching(noise_rate=0.1)).fit(X_train, given)
    suspicious = np.argsort(model.label_quality_[:, 0])
    found = wrong[suspicious[: wrong.sum()]].mean()
    print(f"\n{wrong.sum()} digits are wrong; of as many with the lowest quality these are {found:.3f}")
    return suspicious, given["digit"].to_numpy().astype(int)


def draw(X, given, suspicious):
    _, axes = plt.subplots(2, 8, figsize=(8, 2.6), layout="constrained")
    for place, axis in zip(suspicious[: axes.size], axes.flat, strict=True):
        axis.imshow(X[place].reshape(8, 8), cmap="gray_r")
        axis.set_title(f"given as {given[place]}", fontsize="small")
        axis.set_axis_off()
    plt.show()


def main():
    X_train, X_test, y_train, y_test = load()
    hide_labels(X_train, X_test, y_train, y_test)
    suspicious, given = find_wrong_labels(X_train, y_train)
    draw(X_train, given, suspicious)


if __name__ == "__main__":
    main()
