"""scikit-learn's own checks, at default parameters and for a variant of each family, with no expected failure."""

import pytest
import torch
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.balancing import BALANCERS
from skmtl.encoders import ConvolutionEncoder, ModuleEncoder
from skmtl.sharing import SHARINGS


def hidden_layer(shape):
    return torch.nn.Sequential(torch.nn.Linear(shape[0], 16), torch.nn.Tanh())


QUICK = {"hidden_layer_sizes": (8,), "n_estimators": 1, "max_iter": 10, "learning_rate_init": 0.05}
SHORT = {**QUICK, "max_iter": 30}
LIGHT = {"hidden_layer_sizes": (32,), "n_estimators": 2}
ESTIMATORS = {
    "classifier": MultiTaskNetClassifier(),
    "regressor": MultiTaskNetRegressor(),
    "mixed": MultiTaskNet(tasks=["regression"], **LIGHT),
    "mixed-classes": MultiTaskNet(tasks=["multiclass"], **LIGHT),
    "independent": MultiTaskNetRegressor(sharing="independent", **LIGHT),
    **{
        name: (MultiTaskNetClassifier if k % 2 else MultiTaskNetRegressor)(balancing=name, **QUICK)
        for k, name in enumerate(BALANCERS)
        if name != "static"
    },
    **{
        name: (MultiTaskNetClassifier if k % 2 else MultiTaskNetRegressor)(sharing=name, **SHORT)
        for k, name in enumerate(SHARINGS)
        if name not in ("hard", "independent")
    },
    "huber": MultiTaskNetRegressor(loss="huber", **LIGHT),
    # A table of any width is a strip of pixels. SequenceEncoder takes part in no variant: the checks pass real numbers,
    # which are no token ids.
    "convolution": MultiTaskNetRegressor(encoder=ConvolutionEncoder(input_shape=(1, 1, -1), channels=(4,)), **SHORT),
    "module": MultiTaskNetClassifier(encoder=ModuleEncoder(hidden_layer), **QUICK),
    "tanh-sgd": MultiTaskNetClassifier(activation="tanh", optimizer="sgd", **QUICK),
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
