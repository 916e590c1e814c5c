"""A search over loss weights as one network
=========================================

A search over loss weights as one network, its Pareto front, and the chosen model pickled.

Three tasks compete for a layer of five units: which digit an image of 8 x 8 pixels shows, whether the digit is odd,
and how much ink it took. How they should be weighed depends on what their scores are worth, so the search tries every
split of the weight in steps of 1/8 and shows what can be had.

- The candidates train together, fold by fold, as members of one network: 21 candidates on 3 folds are 63 fits.
- No candidate on the Pareto front is beaten by another on all tasks. Which of them to take is a choice that training
  cannot make; here it is the best for the digit of those that explain three quarters of the ink.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskNet
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV, ParetoDisplay, SimplexGrid


def load() -> tuple[np.ndarray, pd.DataFrame]:
    X, digit = load_digits(return_X_y=True)
    y = pd.DataFrame({"digit": digit, "odd": digit % 2 == 1, "ink": X.sum(axis=1)}).convert_dtypes()
    return X, y.mask(np.random.default_rng(0).random(y.shape) < 0.2)


def score_tasks(model: MultiTaskNet, X: np.ndarray, y: pd.DataFrame) -> dict[str, float]:
    return model.score_tasks(X, y)


def choose(results: dict[str, np.ndarray]) -> int:
    explains = results["mean_test_ink"] >= 0.75
    return int(np.where(explains, results["mean_test_digit"], -np.inf).argmax())


def main() -> None:
    X, y = load()
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=600, random_state=0)
    net = MultiTaskNet(
        tasks={"digit": "multiclass", "ink": "regression"},
        encoder=TabularEncoder(numeric="scaled"),
        hidden_layer_sizes=(5,),
        n_estimators=2,
        max_iter=40,
        dropout=0.1,
        learning_rate_init=0.02,
        random_state=0,
    )
    search = MultiTaskSearchCV(
        net,
        {"loss_weights": SimplexGrid(3, 8, interior=True)},
        scoring=score_tasks,
        refit=choose,
        cv=MultiTaskKFold(3, shuffle=True, random_state=0),
    ).fit(X_train, y_train)

    front, scores = search.pareto_front_, search.task_scores_
    print(f"{len(front)} of {len(scores)} candidates are on the Pareto front.\n")
    print("weights of digit, odd, ink" + "".join(f"{task:>8}" for task in search.task_names_))
    for place in front:
        weights = "  ".join(f"{weight:6.3f}" for weight in search.cv_results_["params"][place]["loss_weights"])
        chosen = "  <- chosen" if place == search.best_index_ else ""
        print(f"{weights:<26}" + "".join(f"{score:8.3f}" for score in scores[place]) + chosen)

    pickled = pickle.dumps(search.best_estimator_)
    model = pickle.loads(pickled)
    print(f"\nPickled in {len(pickled) / 1024:.0f} KiB; on test images:", end=" ")
    print(", ".join(f"{task} {score:.3f}" for task, score in model.score_tasks(X_test, y_test).items()))
    ParetoDisplay.from_search(search, tasks=["digit", "ink"])
    plt.show()


if __name__ == "__main__":
    main()
