"""When sharing helps
==================

When sharing helps: every architecture on tasks from unrelated to equal.

Four targets are waves over directions in the space of the features. Any two directions have the same cosine, the
relatedness, and every row has a label of one task only. On unrelated tasks a shared network is worse than one network a
task; on related ones it is better, and most architectures between these two lose little on either side.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmtl import MultiTaskNetRegressor
from skmtl.datasets import make_related_tasks
from skmtl.encoders import TabularEncoder
from skmtl.sharing import SHARINGS

N_TRAIN, N_TASKS = 800, 4
RELATEDNESS = (0.0, 0.5, 1.0)


def make_rows(relatedness):
    """Training rows, each with a label of one task, and complete rows to score."""
    X, Y = make_related_tasks(
        N_TRAIN + 1000, n_features=10, n_tasks=N_TASKS, relatedness=relatedness, noise=0.3, random_state=0
    )
    known = np.arange(N_TRAIN)[:, None] % N_TASKS == np.arange(N_TASKS)
    return X[:N_TRAIN], np.where(known, Y[:N_TRAIN], np.nan), X[N_TRAIN:], Y[N_TRAIN:]


def score(sharing, rows):
    X_train, y_train, X_test, y_test = rows
    net = MultiTaskNetRegressor(
        sharing=sharing,  # the one line that changes; an object such as MMoE(n_experts=8) has settings
        encoder=TabularEncoder(n_bins=16),  # small networks leave the shape of the waves to the bins
        hidden_layer_sizes=(24, 24),
        n_estimators=1,
        batch_size=80,
        max_iter=15,
        early_stopping=False,
        random_state=0,
    )
    return net.fit(X_train, y_train).score(X_test, y_test)


def draw(scores):
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, values in scores.items():
        reference = name in ("hard", "independent")
        axes.plot(RELATEDNESS, values, marker="o", label=name, linewidth=3 if reference else 1.2)
    axes.set(xlabel="relatedness of the tasks (cosine)", ylabel="mean R2 on new rows")
    figure.legend(loc="outside right")
    plt.show()


data = [make_rows(relatedness) for relatedness in RELATEDNESS]
scores = {name: [score(name, rows) for rows in data] for name in SHARINGS}

print("relatedness " + "".join(f"{relatedness:7.1f}" for relatedness in RELATEDNESS))
for name, values in scores.items():
    print(f"{name:12}" + "".join(f"{value:7.2f}" for value in values))
print(
    "sharing everything gains {:+.2f} on unrelated tasks, {:+.2f} on equal ones".format(
        *(scores["hard"][k] - scores["independent"][k] for k in (0, -1))
    )
)
draw(scores)
