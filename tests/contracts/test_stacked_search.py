"""A search trained as stacked networks finds what one fit after the other finds, whatever the architecture."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNetRegressor
from skmtl.balancing import BALANCERS
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.sharing import SHARINGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5))
Y = np.column_stack([X[:, 0] + X[:, 1] ** 2, X[:, 1] - X[:, 2], X[:, 0] * X[:, 2]])
Y[RNG.random(Y.shape) < 0.2] = np.nan
GRID = {"loss_weights": [None, [3, 1, 1]], "learning_rate_init": [0.004, 0.02]}


@pytest.mark.parametrize("sharing", SHARINGS)
def test_every_architecture(sharing):
    net = MultiTaskNetRegressor(
        sharing=sharing, hidden_layer_sizes=(6, 5), n_estimators=2, max_iter=2, random_state=0, dtype="float64"
    )
    stacked = MultiTaskSearchCV(net, GRID, cv=MultiTaskKFold(2), refit=False).fit(X, Y)
    single = GridSearchCV(net, GRID, cv=MultiTaskKFold(2), refit=False).fit(X, Y)
    scores = single.cv_results_["mean_test_score"]
    assert np.ptp(scores) > 1e-4, "the candidates do not differ: the test would show nothing"
    np.testing.assert_allclose(stacked.cv_results_["mean_test_score"], scores, rtol=0, atol=1e-10)


GRADIENT = {"gradient": ["parameters", "representation"]}
SETTINGS = {  # two values that differ in effect for each setting of each method
    "static": {},
    "log": {"epsilon": [1e-6, 1.0]},
    "uncertainty": {"learning_rate": [0.01, 0.3]},
    "soft_optimal_uncertainty": {"temperature": [0.5, 10.0]},
    "dwa": {"temperature": [0.02, 2.0]},
    "random": {},
    "famo": {
        "learning_rate": [0.025, 0.5],
        "weight_decay": [0.0, 20.0],
        "best_loss": [0.0, 0.3],
        "epsilon": [1e-6, 1.0],
    },
    "stch": {"smoothing": [0.05, 0.5], "ideal_loss": [0.0, 0.5]},
    "alternating": {},
    "gradnorm": {"alpha": [0.0, 3.0], "learning_rate": [0.025, 0.5], **GRADIENT},
    "pcgrad": {"shuffle": [True, False], **GRADIENT},
    "mgda": GRADIENT,
    "cagrad": {"c": [0.1, 0.9], **GRADIENT},
    "imtl_g": GRADIENT,
    "nash_mtl": GRADIENT,
    "aligned_mtl": GRADIENT,
    "fairgrad": {"alpha": [0.5, 4.0], **GRADIENT},
    "upgrad": GRADIENT,
}


@pytest.mark.parametrize("balancing", BALANCERS)
def test_every_setting_of_every_balancing_method(balancing):
    assert SETTINGS[balancing].keys() == BALANCERS[balancing]().get_params().keys()
    net = MultiTaskNetRegressor(
        balancing=balancing, hidden_layer_sizes=(6,), n_estimators=1, max_iter=3, random_state=0, dtype="float64"
    )
    net.set_params(loss_weights=[3, 1, 2], batch_size=30, learning_rate_init=0.05, early_stopping=False)
    grid = [{f"balancing__{name}": values} for name, values in SETTINGS[balancing].items()]
    grid.append({"learning_rate_init": [0.01, 0.03], "loss_weights": [[3, 1, 1]]})
    one_split = [(np.arange(60), np.arange(60, 90))]
    stacked = MultiTaskSearchCV(net, grid, cv=one_split, refit=False).fit(X, Y)
    single = GridSearchCV(net, grid, cv=one_split, refit=False).fit(X, Y)
    scores = single.cv_results_["mean_test_score"]
    for place, name in enumerate(SETTINGS[balancing]):
        assert scores[2 * place] != scores[2 * place + 1], f"{name} does not arrive"
    np.testing.assert_allclose(stacked.cv_results_["mean_test_score"], scores, rtol=0, atol=1e-8)
