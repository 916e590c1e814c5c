"""Missing labels
==============

Missing labels: how to give them, how they are scored, and what they are worth.

Five numbers of 442 diabetes patients are to be predicted from their age, sex and four blood values: how far the disease
went on within a year, body mass index, blood pressure, a triglycerides value and blood sugar. 30% of the numbers to
learn from are unknown, so few patients have all five.

- NaN, None (or pandas.NA) and a ``missing_label`` of one's own are the same: the cell adds nothing to any loss.
- A score counts observed cells alone.
- A fit that drops incomplete patients wastes most of what is known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskNetRegressor

MEASURED = ["bmi", "bp", "s5", "s6"]


def load() -> tuple[pd.DataFrame, pd.DataFrame]:
    data = load_diabetes(as_frame=True, scaled=False)
    return data.data.drop(columns=MEASURED), data.data[MEASURED].assign(progression=data.target).astype(float)


def fit(X: pd.DataFrame, y: pd.DataFrame, missing_label: float | None = None) -> MultiTaskNetRegressor:
    settings = {
        "hidden_layer_sizes": (64, 64),
        "effort": "fixed",
        "local_correction": False,  # networks alone
        "random_state": 0,
    }  # the same for all that are compared
    return MultiTaskNetRegressor(missing_label=missing_label, **settings).fit(X, y)


def main() -> None:
    X, y = load()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    rng = np.random.default_rng(0)
    unknown = rng.random(y_train.shape) < 0.3
    holes_in_test = y_test.mask(rng.random(y_test.shape) < 0.2)

    nan = fit(X_train, y_train.mask(unknown))
    none = fit(X_train, y_train.astype(object).mask(unknown, None))
    minus_one = fit(X_train, y_train.mask(unknown, -1), missing_label=-1)
    for name, other in {"None": none, "missing_label=-1": minus_one}.items():
        same = np.array_equal(nan.predict(X_test), other.predict(X_test))
        print(f"{name:<17}gives the same predictions as NaN: {same}")

    scores = nan.score_tasks(X_test, holes_in_test)
    seen = holes_in_test["bmi"].notna()
    by_hand = r2_score(y_test["bmi"][seen], nan.predict_frame(X_test)["bmi"][seen])
    print(f"\nR2 of bmi on {seen.sum()} observed cells of {len(seen)}: {scores['bmi']:.3f}, by hand {by_hand:.3f}\n")

    complete = ~unknown.any(axis=1)
    dropped = fit(X_train[complete], y_train[complete])
    masked_scores, dropped_scores = nan.score_tasks(X_test, y_test), dropped.score_tasks(X_test, y_test)
    print(f"{'R2 on test patients':<22}{'masked':>9}{'dropped':>9}")
    print(f"{'  patients used':<22}{len(X_train):>9}{complete.sum():>9}")
    for task in y:
        print(f"{'  ' + task:<22}{masked_scores[task]:>9.3f}{dropped_scores[task]:>9.3f}")
    print(f"{'  mean':<22}{nan.score(X_test, y_test):>9.3f}{dropped.score(X_test, y_test):>9.3f}")

    scores = pd.DataFrame({"cells without a label masked": masked_scores, "incomplete rows dropped": dropped_scores})
    axes = scores.plot.barh(figsize=(6, 3.5), xlabel="R2 on test patients", color=["C0", "0.7"])
    axes.figure.tight_layout()
    plt.show()


if __name__ == "__main__":
    main()
