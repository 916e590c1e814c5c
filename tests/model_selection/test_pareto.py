"""The Pareto front of a search and its picture."""

import numpy as np
import pytest

from skmtl import MultiTaskNetRegressor
from skmtl.model_selection import MultiTaskSearchCV, ParetoDisplay, SimplexGrid

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2]])


def test_the_front_of_a_search_and_its_picture():
    import matplotlib as mpl

    mpl.use("agg")
    net = MultiTaskNetRegressor(hidden_layer_sizes=(5,), n_estimators=2, max_iter=4, random_state=0)
    search = MultiTaskSearchCV(net, {"loss_weights": SimplexGrid(2, 4)}, cv=2).fit(X, Y)
    scores, front = search.task_scores_, set(search.pareto_front_.tolist())
    for k, own in enumerate(scores):
        dominated = any((other >= own).all() and (other > own).any() for other in scores)
        assert (k in front) != dominated
    display = ParetoDisplay.from_search(search, tasks=["task1", "task0"])
    assert display.ax_.get_xlabel() == "score of task1"
    assert display.figure_ is display.ax_.figure
    again = ParetoDisplay.from_search(search, ax=display.ax_)
    assert again.ax_ is display.ax_
    with pytest.raises(ValueError, match="shows two tasks"):
        display.plot(tasks=["task0"])
    mpl.pyplot.close("all")
