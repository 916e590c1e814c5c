"""scikit-learn's own checks, at default parameters and for a variant of each family, with no expected failure."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.sharing import SHARINGS

LIGHT = {"hidden_layer_sizes": (32,), "n_estimators": 2}
ESTIMATORS = {
    "classifier": MultiTaskNetClassifier(),
    "regressor": MultiTaskNetRegressor(),
    "mixed": MultiTaskNet(tasks=["regression"], **LIGHT),
    "mixed-classes": MultiTaskNet(tasks=["multiclass"], **LIGHT),
    "independent": MultiTaskNetRegressor(sharing="independent", **LIGHT),
    **{
        name: (MultiTaskNetClassifier if k % 2 else MultiTaskNetRegressor)(
            sharing=name, hidden_layer_sizes=(8,), n_estimators=1
        )
        for k, name in enumerate(SHARINGS)
        if name not in ("hard", "independent")
    },
    "huber": MultiTaskNetRegressor(loss="huber", **LIGHT),
    "tanh-sgd": MultiTaskNetClassifier(activation="tanh", optimizer="sgd", learning_rate_init=0.05, **LIGHT),
}
CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{getattr(check, 'func', check).__name__}-{place}")
    for name, model in ESTIMATORS.items()
    for place, (estimator, check) in enumerate(estimator_checks_generator(model))
]


@pytest.mark.filterwarnings("ignore:Task 'task0' has labels of one class only:UserWarning")
@pytest.mark.filterwarnings("ignore:Estimator .* has no __sklearn_tags__:DeprecationWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    check(estimator)
