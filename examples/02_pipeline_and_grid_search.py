"""Loss weights in a pipeline and a grid search
============================================

Tune how much each task counts: a pipeline in a grid search, on labels with holes.

Three classification tasks on images of handwritten digits: the digit itself, whether it is odd, and whether it has a
closed loop. The network is made too narrow on purpose, so that the tasks compete for its 4 hidden units and the
weights of their losses decide who wins.

- Weights are set as a whole (``net__loss_weights``) or task by task (``net__loss_weights__digit``). They are relative,
  and tasks that a dict leaves out weigh 1.
- ``MultiTaskKFold`` splits label matrices with missing cells; the default ``cv`` refuses them for a classifier.
- The scorer returns the score of each task on its observed cells, so one search shows the best weights for each task,
  and ``refit`` names the task that matters most.
"""

import pickle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skmtl import MultiTaskNetClassifier
from skmtl.model_selection import MultiTaskKFold

TASKS = ["digit", "odd", "loop"]
CANDIDATES = [
    {"net__loss_weights": [None, {"odd": 3}, {"loop": 3}]},
    {"net__loss_weights__digit": [2, 4]},
]


def load() -> tuple[np.ndarray, pd.DataFrame]:
    images, digit = load_digits(return_X_y=True)
    tasks = {"digit": digit, "odd": digit % 2 == 1, "loop": np.isin(digit, [0, 6, 8, 9])}
    return images, pd.DataFrame(tasks).convert_dtypes()


def score_tasks(pipeline: Pipeline, X: Any, y: pd.DataFrame) -> dict[str, float]:
    return pipeline[-1].score_tasks(pipeline[:-1].transform(X), y)


def main() -> None:
    images, labels = load()
    X_train, X_test, y_train, y_test = train_test_split(images, labels, train_size=450, random_state=0)
    y_train = y_train.mask(np.random.default_rng(0).random(y_train.shape) < 0.4)

    net = MultiTaskNetClassifier(
        effort="fixed",  # candidates differ in loss weights only
        hidden_layer_sizes=(4,),
        n_estimators=2,
        max_iter=50,
        learning_rate_init=0.01,
        random_state=0,
    )
    pipeline = Pipeline([("pca", PCA(n_components=30, random_state=0)), ("net", net)])
    folds = MultiTaskKFold(n_splits=3, shuffle=True, random_state=0)
    search = GridSearchCV(pipeline, CANDIDATES, cv=folds, scoring=score_tasks, refit="digit", error_score="raise")
    search.fit(X_train, y_train)

    table = pd.DataFrame({task: search.cv_results_[f"mean_test_{task}"] for task in TASKS})
    table.index = [f"{name.removeprefix('net__')}={w}" for p in search.cv_results_["params"] for name, w in p.items()]
    print(f"Mean accuracy of 3 folds on the known labels\n\n{table.round(3).to_string()}\n")
    for task in TASKS:
        print(f"best for {task}: {table[task].idxmax()}")

    axes = table.T.plot(figsize=(7, 3.5), style="o-", ylabel="mean accuracy of the folds", xlabel="task")
    axes.figure.tight_layout()

    best = search.best_estimator_
    weights = zip(TASKS, best[-1].loss_weights_, strict=True)
    accuracies = score_tasks(best, X_test, y_test).items()
    print("\nrefit for digit, weights: " + ", ".join(f"{task} {weight:.3f}" for task, weight in weights))
    print("accuracy on new images: " + ", ".join(f"{task} {accuracy:.3f}" for task, accuracy in accuracies))

    dumped = pickle.dumps(best)
    same = np.array_equal(pickle.loads(dumped).predict(X_test), search.predict(X_test))
    print(f"pickle: {len(dumped) / 1024:.0f} KiB, equal predictions after the round trip: {same}")
    plt.show()


if __name__ == "__main__":
    main()
