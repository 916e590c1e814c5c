"""A search trained as stacked networks finds what one fit after the other finds, whatever the architecture."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskNetRegressor
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
        sharing=sharing, hidden_layer_sizes=(8, 6), n_estimators=2, max_iter=4, random_state=0, dtype="float64"
    )
    stacked = MultiTaskSearchCV(net, GRID, cv=MultiTaskKFold(3), refit=False).fit(X, Y)
    single = GridSearchCV(net, GRID, cv=MultiTaskKFold(3), refit=False).fit(X, Y)
    scores = single.cv_results_["mean_test_score"]
    assert np.ptp(scores) > 1e-4, "the candidates do not differ: the test would show nothing"
    np.testing.assert_allclose(stacked.cv_results_["mean_test_score"], scores, rtol=0, atol=1e-10)
