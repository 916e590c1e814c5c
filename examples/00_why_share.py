"""Why share: many targets, few labels of each
===========================================

Twenty targets, say properties of a material. To measure one takes a day: each sample has a single label, and each
target has 15, 30 or 60. What nobody measured: all twenty come of the same two hidden quantities, which depend on five
features in a curved way.

With scikit-learn one fits a model for each target to the samples that have its label. One network for all learns the
hidden quantities from all samples. The data are made, so that we know that the targets have something in common; where
targets have nothing in common, sharing does not help.

    python examples/00_why_share.py [picture.svg]
"""

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from skmtl import MultiTaskNetRegressor

N_TARGETS, N_NEW, NOISE = 20, 1000, 0.3
LABELS = (15, 30, 60)

random = np.random.default_rng(0)
directions, phases = random.normal(size=(5, 2)) * 0.7, random.uniform(0, 2 * np.pi, 2)
mix = random.normal(size=(2, N_TARGETS))
mix /= np.linalg.norm(mix, axis=0)


def make_samples(n):
    X = random.normal(size=(n, 5))
    return X, 1.4 * np.sin(X @ directions + phases) @ mix


# %%
# The usual way: a model for each target, as none of these takes a table with holes.
rivals = {
    "ridge": RidgeCV(np.logspace(-2, 3, 11)),
    "forest": RandomForestRegressor(50, random_state=0),
    "Gaussian process": GaussianProcessRegressor(RBF(3.0, (0.5, 50)) + WhiteKernel(0.1, (0.01, 10)), normalize_y=True),
}
warnings.simplefilter("ignore", ConvergenceWarning)  # of kernels whose widths end at a bound


def predict_one_by_one(model, X, y, X_new):
    known = ~np.isnan(y)
    return np.column_stack([model.fit(X[k], t[k]).predict(X_new) for k, t in zip(known.T, y.T, strict=True)])


# %%
# One network for all: pass the table with its holes.
def predict_together(X, y, X_new):
    return MultiTaskNetRegressor(effort="fast", n_estimators=4, random_state=0).fit(X, y).predict(X_new)


# %%
# R2 on new samples, mean over the targets, and the gain over the best of the others.
X_new, y_new = make_samples(N_NEW)
scores = pd.DataFrame(index=pd.Index(LABELS, name="labels of each"), columns=["one network", *rivals], dtype=float)
for n in LABELS:
    X, y = make_samples(n * N_TARGETS)
    is_label = np.arange(len(y))[:, None] % N_TARGETS == np.arange(N_TARGETS)  # of sample 0 for target 0, and so on
    y = np.where(is_label, y + NOISE * random.normal(size=y.shape), np.nan)
    scores.loc[n, "one network"] = r2_score(y_new, predict_together(X, y, X_new))
    for name, model in rivals.items():
        scores.loc[n, name] = r2_score(y_new, predict_one_by_one(model, X, y, X_new))
print(scores.assign(gain=scores["one network"] - scores[list(rivals)].max(axis=1)).round(3).to_string())

# %%
ax = scores.plot(style="o-", figsize=(7.5, 3.4), color=["C0", "0.3", "0.5", "0.7"])
ax.lines[0].set_linewidth(3)
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
ax.set(xlabel="labels of each target", ylabel="R2 on new samples", xticks=LABELS)
ax.figure.tight_layout()
if len(sys.argv) > 1:
    ax.figure.savefig(sys.argv[1])
    print(f"picture: {sys.argv[1]}")
plt.show()
