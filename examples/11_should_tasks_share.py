"""Should these tasks be learned together?
=======================================

Should these tasks be learned together? Gains of each, what tasks do to one another, and groups that are verified.

Four targets in two groups: within a group they are the same wave over the features, between groups they have nothing in
common, and 60% of the labels are missing. A report compares one network of all tasks with networks of one task each,
affinities tell which tasks gain from which, and TaskGroupingCV chooses who learns with whom and verifies the choice on
folds that did not choose. Gains in pairs show the groups; a few hundred labels are too few to be sure of each gain.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.inspection import task_affinity, transfer_report
from skmtl.model_selection import TaskGroupingCV

N_TRAIN = 400
X, Y = make_related_tasks(
    N_TRAIN + 1000, n_features=12, n_tasks=4, relatedness=1.0, groups=2, noise=0.3, random_state=0
)  # tasks 0 and 2 are a group, 1 and 3 the other
known = np.random.default_rng(0).random((N_TRAIN, 4)) < 0.4
X_train, X_test, y_test = X[:N_TRAIN], X[N_TRAIN:], Y[N_TRAIN:]
y_train = np.where(known, Y[:N_TRAIN], np.nan)
kept = known.any(axis=1)
X_train, y_train = X_train[kept], y_train[kept]

net = MultiTaskNetRegressor(hidden_layer_sizes=(16,), n_estimators=2, max_iter=60, early_stopping=False, random_state=0)


def draw(report, affinity):
    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    report.plot(ax=left)
    left.set_title("All tasks in one network")
    affinity.plot(ax=right)
    right.set_title("Pairs of tasks in one network")
    plt.show()


report = transfer_report(net, X_train, y_train, cv=5)
print(report)

affinity = task_affinity(net, X_train, y_train, cv=3)
partner = [affinity.task_names[k] for k in np.argmax(affinity.matrix - 1e9 * np.eye(4), axis=1)]
print("best partner of each task:", ", ".join(f"{a} <- {b}" for a, b in zip(affinity.task_names, partner, strict=True)))

grouping = TaskGroupingCV(net, n_networks=2, cv=5).fit(X_train, y_train)
for task, k in grouping.serving_.items():
    print(f"{task} is served by a network of {', '.join(grouping.groups_[k])}")

scores = {
    "alone": net.set_params(sharing="independent").fit(X_train, y_train).score(X_test, y_test),
    "together": net.set_params(sharing="hard").fit(X_train, y_train).score(X_test, y_test),
    "in groups": grouping.score(X_test, y_test),
}
print("mean R2 on new rows: " + ", ".join(f"{name} {score:.2f}" for name, score in scores.items()))
draw(report, affinity)
