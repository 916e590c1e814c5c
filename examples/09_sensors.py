"""Sensors of a machine over time
==============================

Sensors of a machine over time: what is known of the weeks ahead, and how surely.

Temperature, vibration and power follow from load, speed and weather, and from wear that nobody measures and that drifts
from week to week. Each sensor was out now and then. Dealt at random, held-out hours lie between hours that were learned
from and share their wear, so that scores are too good and intervals too narrow. With ``cv=TimeSeriesSplit(...)`` each
member learns from the past and is judged by the weeks that follow, and what it says of itself holds for weeks to come.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.signal import lfilter
from sklearn.model_selection import TimeSeriesSplit

from skmtl import MultiTaskNetRegressor
from skmtl.metrics import task_report

SENSORS = ["temperature", "vibration", "power"]
PER_WEEK, N_WEEKS, N_AHEAD = 42, 48, 8  # a reading every four hours

rng = np.random.default_rng(0)
n = PER_WEEK * N_WEEKS
hours = 4 * np.arange(n)
load = 0.6 + 0.3 * np.sin(2 * np.pi * hours / 24) * (hours // 24 % 7 < 5) + 0.1 * rng.normal(size=n)
outside = 10 - 12 * np.cos(2 * np.pi * hours / 24 / 365) + 3 * rng.normal(size=n)
speed = rng.choice([1200.0, 1500.0, 1800.0], size=n)
memory = np.exp(-1 / (1.5 * PER_WEEK))
wear = lfilter([np.sqrt(1 - memory**2)], [1, -memory], rng.normal(size=(3, n)), axis=1)  # a state of its own each
X = pd.DataFrame({"time": pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h"), "load": load})
X = X.assign(outside=outside, speed=speed)
y = pd.DataFrame(
    {
        "temperature": 40 + 30 * load + 0.5 * outside + 4 * wear[0] + rng.normal(size=n),
        "vibration": 2 + 2 * load * (speed / 1500) ** 2 + 0.3 * wear[1] + 0.1 * rng.normal(size=n),
        "power": 20 + 60 * load * speed / 1500 + 4 * wear[2] + 2 * rng.normal(size=n),
    }
)
for sensor in SENSORS:  # a day or two without readings, about once a week
    starts = rng.choice(n, size=N_WEEKS, replace=False)
    out = np.unique(np.concatenate([np.arange(start, min(start + rng.integers(6, 12), n)) for start in starts]))
    y.loc[out, sensor] = np.nan
past, ahead = slice(None, n - PER_WEEK * N_AHEAD), slice(n - PER_WEEK * N_AHEAD, None)
X_past, y_past, X_ahead, y_ahead = X[past], y[past], X[ahead], y[ahead]
print(f"{len(X_past)} readings of {len(SENSORS)} sensors, {y_past.isna().to_numpy().mean():.0%} missing")


def draw(model):
    _, axes = plt.subplots(3, 1, figsize=(10, 7), sharex=True, layout="constrained")
    predicted, intervals = model.predict(X_ahead), model.predict_interval(X_ahead)
    for k, (sensor, ax) in enumerate(zip(SENSORS, axes, strict=True)):
        ax.fill_between(X_ahead["time"], *intervals[:, k].T, alpha=0.3, label="90% interval")
        ax.plot(X_ahead["time"], predicted[:, k], lw=1, label="predicted")
        ax.plot(X_ahead["time"], y_ahead[sensor], "k.", ms=2, label="measured")
        ax.set_ylabel(sensor)
    axes[0].legend(ncols=3, loc="upper right")
    plt.show()


splits = {"hours at random": 4, "weeks ahead": TimeSeriesSplit(4, test_size=N_AHEAD * PER_WEEK)}
for name, cv in splits.items():
    model = MultiTaskNetRegressor(hidden_layer_sizes=(64,), n_estimators=4, cv=cv, effort="fixed", random_state=0)
    model.fit(X_past, y_past)
    low, high = np.moveaxis(model.predict_interval(X_ahead), -1, 0)
    covered = ((y_ahead >= low) & (y_ahead <= high)).where(y_ahead.notna()).mean(axis=None)
    claimed, found = (np.mean(list(s.values())) for s in (model.oof_score_, model.score_tasks(X_ahead, y_ahead)))
    print(f"{name}: R2 {claimed:.2f} out of fold, {found:.2f} on weeks ahead; 90% intervals hold {covered:.0%}")

weeks = np.arange(len(X_ahead)) // PER_WEEK
print(task_report(model, X_ahead, y_ahead, y_train=y_past, groups=weeks))
draw(model)
