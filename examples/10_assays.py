"""Sparse assays, judged on new scaffolds
======================================

Sparse assays: what molecules do in twelve of them, each measured for one molecule in five.

Molecules come in families around a scaffold, and a family has a habit of its own that no substituent tells. Dealt at
random, held-out molecules have brothers among those learned from, so that scores are too good. With ``groups=`` whole
families are held out, so that scores promise no more than they can keep, and so that early stopping and the thresholds
of these rare classes look at new scaffolds. The report at the end is on scaffolds that nothing was fitted to, and names
the assays of which these rows do not show that anything was learned.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from skmtl import MultiTaskNetClassifier
from skmtl.inspection import PerformanceDisplay
from skmtl.metrics import roc_auc, task_report

N_MOLECULES, N_SCAFFOLDS, N_BITS, N_ASSAYS = 2500, 100, 96, 12

rng = np.random.default_rng(0)
scaffold = rng.integers(0, N_SCAFFOLDS, N_MOLECULES)
cores = rng.random((N_SCAFFOLDS, N_BITS)) < 0.3  # bits of the scaffold, and of what is attached to it
bits = np.where(rng.random((N_MOLECULES, N_BITS)) < 0.3, rng.random((N_MOLECULES, N_BITS)) < 0.3, cores[scaffold])
X = pd.DataFrame(bits.astype(float), columns=[f"bit{k}" for k in range(N_BITS)])
to_mechanism = rng.normal(size=(N_BITS, 3)) * (rng.random((N_BITS, 3)) < 0.15)
mechanisms = np.tanh((bits - 0.3) @ to_mechanism)  # that the assays share
habits = rng.normal(size=(N_SCAFFOLDS, N_ASSAYS))[scaffold]
signal = 3 * mechanisms @ rng.normal(size=(3, N_ASSAYS)) + 2 * habits + rng.logistic(size=(N_MOLECULES, N_ASSAYS))
signal[:, -1] = 3 * habits[:, -1] + rng.logistic(size=N_MOLECULES)  # the last assay follows from the family alone
rates = np.linspace(0.2, 0.05, N_ASSAYS)
active = signal > [np.quantile(column, 1 - rate) for column, rate in zip(signal.T, rates, strict=True)]
y = pd.DataFrame(active.astype(float), columns=[f"assay{k + 1}" for k in range(N_ASSAYS)])
y = y.mask(rng.random(y.shape) < 0.8)  # not measured

known, new = next(GroupShuffleSplit(1, test_size=0.3, random_state=0).split(X, groups=scaffold))
X_known, y_known, X_new, y_new = X.iloc[known], y.iloc[known], X.iloc[new], y.iloc[new]
print(
    f"{len(known)} molecules of {len(np.unique(scaffold[known]))} scaffolds, {y.isna().to_numpy().mean():.0%} missing"
)

for name, groups in {"molecules at random": None, "whole scaffolds": scaffold[known]}.items():
    model = MultiTaskNetClassifier(
        hidden_layer_sizes=(64,), n_estimators=5, cv=5, threshold_metric="f1", effort="fast", random_state=0
    )
    model.fit(X_known, y_known, groups=groups)
    claimed, found = roc_auc(y_known, model.oof_proba_), roc_auc(y_new, model.predict_proba(X_new))
    print(f"{name} held out: mean ROC-AUC {claimed:.3f} out of fold, {found:.3f} on new scaffolds")

print(task_report(model, X_new, y_new, y_train=y_known, groups=scaffold[new]))
PerformanceDisplay.from_estimator(model, X_new, y_new, kind="precision_recall")
plt.show()
