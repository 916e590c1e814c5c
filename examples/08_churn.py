"""Customers who leave: thresholds for a rare class
================================================

Customers of a phone company: who leaves, which offer they take, and what they will spend.

One customer in 23 leaves. The most probable class of nearly all of them is to stay, so that a plain fit names hardly
any who leave. ``threshold_metric`` chooses the threshold of that task by F1, and offsets for the three offers by
balanced accuracy, on customers that members held out; ``calibration`` makes the probabilities agree with frequencies
where that lowers the log loss. The table has dates, words and numbers as it comes, with cells and labels missing.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmtl import MultiTaskNet
from skmtl.inspection import PerformanceDisplay
from skmtl.metrics import f1, task_report


def make_customers(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers and what they did, of which some is unknown."""
    days = rng.integers(0, 2000, n)
    X = pd.DataFrame(
        {
            "joined": pd.Timestamp("2024-06-30") - pd.to_timedelta(days, unit="D"),
            "last_call": pd.Timestamp("2024-06-30") - pd.to_timedelta(rng.exponential(20, n).round(), unit="D"),
            "plan": rng.choice(["prepaid", "flat", "business"], n, p=[0.5, 0.35, 0.15]),
            "phone": rng.choice(["old", "new", "rented"], n),
            "minutes": rng.gamma(2.0, 150.0, n).round(),
            "complaints": rng.poisson(0.6, n).astype(float),
        }
    )
    idle = (pd.Timestamp("2024-06-30") - X["last_call"]).dt.days
    prepaid, business = X["plan"] == "prepaid", X["plan"] == "business"
    wish = 1.2 * X["complaints"] + 0.05 * idle + 1.5 * (prepaid & (days < 400)) - 0.004 * X["minutes"]
    scores = np.column_stack([np.full(n, 1.0), X["minutes"] / 200 - 1.2, 3.0 * business + (X["phone"] == "old") - 1.5])
    y = pd.DataFrame(
        {
            "leaves": np.where(wish + rng.logistic(size=n) > 5.2, "yes", "no"),
            "offer": np.array(["none", "data", "phone"])[(scores + rng.gumbel(size=scores.shape)).argmax(axis=1)],
            "spend": 8 + 0.05 * X["minutes"] + 15 * business + rng.gamma(2.0, 3.0, n),
        }
    )
    X = X.mask(rng.random(X.shape) < 0.05)
    return X, y.mask(rng.random(y.shape) < [0.1, 0.5, 0.3])


rng = np.random.default_rng(0)
X, y = make_customers(1200, rng)
X_new, y_new = make_customers(3000, rng)
leave = (y["leaves"] == "yes").mean()
print(f"{len(X)} customers, of whom at least {leave:.1%} leave; labels missing: {y.isna().to_numpy().mean():.0%}\n")

settings = {
    "hidden_layer_sizes": (32,),
    "local_correction": False,
    "max_iter": 20,
    "effort": "fixed",
    "random_state": 0,
}
plain = MultiTaskNet(**settings).fit(X, y)
metrics = {"leaves": "f1", "offer": "balanced_accuracy"}
model = MultiTaskNet(threshold_metric=metrics, calibration="sigmoid", **settings).fit(X, y)
for name, fitted in {"most probable class": plain, "thresholds": model}.items():
    said = fitted.predict_frame(X_new)
    share, score = (said["leaves"] == "yes").mean(), f1(y_new["leaves"], said["leaves"])
    print(f"{name:<20}{share:.1%} are said to leave, F1 {score:.2f}")
print(f"threshold {model.thresholds_['leaves']:.2f}, calibrated: {', '.join(model.calibration_)}\n")

print(task_report(model, X_new, y_new, y_train=y))
PerformanceDisplay.from_estimator(model, X_new, y_new, kind={"leaves": "precision_recall"})
plt.show()
