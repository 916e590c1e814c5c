"""Candidates that fail score ``error_score``, as in GridSearchCV, whatever fails; others are not disturbed."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold
from torch import nn

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.balancing import DWA, FAMO, CAGrad, GradNorm, Recorded, Static
from skmtl.encoders import TabularEncoder
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.sharing import LowRank, MMoE
from skmtl.tasks import Quantile, SquaredError
from skmtl.training import SGD, AdamW

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = X[:, :2] + 0.1 * RNG.normal(size=(60, 2))
SMALL = {"max_iter": 2, "n_estimators": 2, "hidden_layer_sizes": (4,), "random_state": 0, "dtype": "float64"}


class RaisingLoss(SquaredError):
    """Fails in training, or where responses are made of outputs."""

    def __init__(self, far="auto", where="loss"):
        super().__init__(far)
        self.where = where

    def loss_gradient(self, outputs, targets):
        if self.where == "loss":
            raise RuntimeError("no loss today")
        return super().loss_gradient(outputs, targets)

    def response(self, tasks, outputs):
        if self.where == "response":
            raise RuntimeError("no response today")
        return super().response(tasks, outputs)


class RaisingBalancer(Static):
    """Fails in the weighing of members of which a task has no weight."""

    needs = frozenset({"losses"})

    def weights(self, loss_weights, inputs, state):
        if (loss_weights == 0).any():
            raise RuntimeError("no weights today")
        return super().weights(loss_weights, inputs, state)


class RaisingModule(nn.Linear):
    """Fails for batches of more than 20 rows."""

    def forward(self, rows):
        if len(rows) > 20:
            raise RuntimeError("too many rows")
        return super().forward(rows)


class RaisingEncoder(TabularEncoder):
    """Fails where rows are encoded."""

    def transform(self, rows, dtype=np.float64):
        raise RuntimeError("no rows today")


CASES = {
    "gradients that nothing shares": ({"balancing": "pcgrad"}, {"sharing": ["independent", "hard"]}),
    "gradients in bfloat16": ({"balancing": "pcgrad"}, {"dtype": ["bfloat16", "float64"]}),
    "a temperature": ({"balancing": DWA()}, {"balancing__temperature": [-1, "x", 2]}),
    "settings of balancers": ({}, {"balancing": [CAGrad(c=2), GradNorm(alpha=None), FAMO(best_loss=True), FAMO()]}),
    "a quantity": ({}, {"balancing": [Recorded(quantities=["norms"]), Recorded()]}),
    "settings of optimizers": ({}, {"optimizer": [SGD(momentum=1), AdamW(beta_1="0.9"), AdamW(epsilon=0), AdamW()]}),
    "a strength": ({"sharing": "soft"}, {"sharing__strength": [-1, 0.1]}),
    "settings of sharing": ({}, {"sharing": [LowRank(rank=-1), MMoE(n_experts=0), MMoE()]}),
    "a loss that raises": ({}, {"loss": [RaisingLoss(), Quantile(0.5)]}),
    "a response that raises": ({}, {"loss": [RaisingLoss(where="response"), Quantile(0.5)]}),
    "a balancer that raises for one": ({"balancing": RaisingBalancer()}, {"loss_weights": [[1, 0], None, [1, 2]]}),
    "an encoder that raises": ({}, {"encoder": [RaisingEncoder(), TabularEncoder()]}),
    "a module that raises": ({"batch_size": 8}, {"encoder": [RaisingModule(4, 3), nn.Linear(4, 3)]}),
    "a module of another width": ({}, {"encoder": [nn.Linear(5, 3), nn.Linear(4, 3)]}),
    "divergence": ({}, {"learning_rate_init": [1e300, 0.01]}),
    "weights of tasks": ({}, {"loss_weights": [[1, 2, 3], {"other": 1}, [0, 0], [1, 2]]}),
    "rates": ({}, {"dropout": [1.0, 0.1]}),
    "layers": ({}, {"hidden_layer_sizes": [(0,), ("x",), (4,)]}),
    "a device": ({}, {"device": ["tpu9", "cpu"]}),
    "nothing held out": ({"early_stopping": False}, {"local_correction": [True, False]}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_others_are_not_disturbed(case):
    settings, grid = CASES[case]
    net = MultiTaskNetRegressor(**SMALL | settings)
    theirs, ours = (make(net, grid, cv=KFold(2)).fit(X, Y).cv_results_ for make in (GridSearchCV, MultiTaskSearchCV))
    assert np.isnan(theirs["mean_test_score"][0])
    assert np.isfinite(theirs["mean_test_score"][-1])
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
@pytest.mark.parametrize("settings", [{"elimination": "halving"}, {"n_jobs": 2}])
def test_failing_in_races_and_jobs(settings):
    net = MultiTaskNetRegressor(**SMALL | {"balancing": RaisingBalancer(), "max_iter": 9})
    grid = {"loss_weights": [[1, 0], None, [1, 2], [1, 3]]}
    scores = MultiTaskSearchCV(net, grid, cv=KFold(2), **settings).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(np.isnan(scores), [True, False, False, False])


def test_the_error_is_told():
    net = MultiTaskNetRegressor(**SMALL)
    with pytest.raises(RuntimeError, match="no loss today") as raised:
        MultiTaskSearchCV(net, {"loss": [RaisingLoss()]}, cv=2, error_score="raise").fit(X, Y)
    assert any("candidate 0" in note for note in raised.value.__notes__)
    search = MultiTaskSearchCV(net, {"optimizer": [SGD(momentum=1), "adamw"]}, cv=2)
    message = "momentum of optimizer=SGD must be"
    with pytest.warns(FitFailedWarning, match=message), pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, Y)


def test_a_single_fit_raises_what_its_steps_raise():
    with pytest.raises(RuntimeError, match="no loss today"):
        MultiTaskNetRegressor(loss=RaisingLoss(), **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="temperature of balancing=DWA must be a number above 0"):
        MultiTaskNetClassifier(balancing=DWA(temperature=torch.nan), **SMALL).fit(X, Y > 0)
