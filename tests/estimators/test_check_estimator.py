"""scikit-learn's own checks, at default parameters and for a variant of each family, with no expected failure."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.collaboration import CoTeaching, CoTraining, MeanTeacher, MutualLearning, PseudoLabeling
from skmtl.defaults import trials
from skmtl.encoders import ConvolutionEncoder, ModuleEncoder


def hidden_layer(shape):
    return torch.nn.Sequential(torch.nn.Linear(shape[0], 16), torch.nn.Tanh())


QUICK = {"hidden_layer_sizes": (8,), "n_estimators": 1, "max_iter": 10, "learning_rate_init": 0.05, "effort": "fixed"}
SHORT = {**QUICK, "max_iter": 30}
NARROW = {"hidden_layer_sizes": (32,), "n_estimators": 2}
LIGHT = {"hidden_layer_sizes": (16,), "n_estimators": 2}
# Short runs before training and wide layers would take long here; "mixed" below has the former.
DEFAULT = {"classifier": MultiTaskNetClassifier(effort="fast"), "regressor": MultiTaskNetRegressor(effort="fast")}
ESTIMATORS = {
    "mixed": MultiTaskNet(tasks=["regression"], **LIGHT),
    "mixed-classes": MultiTaskNet(tasks=["multiclass"], effort="fixed", **LIGHT),
    # Each combines methods that have nothing to do with one another: balancing by losses with experts and peers that
    # agree, balancing by gradients with factors and a robust loss, a learned penalty with peers that choose labels,
    # networks apart with peers that follow, stitches with peers that label missing cells.
    "losses": MultiTaskNetClassifier(
        balancing="uncertainty", sharing="mmoe", collaboration=MutualLearning(unlabeled_strength=1.0), **SHORT
    ),
    "gradients": MultiTaskNetRegressor(balancing="cagrad", sharing="low_rank", loss="huber", **SHORT),
    "penalty": MultiTaskNetClassifier(
        sharing="relationship", collaboration=CoTeaching(0.1), activation="tanh", optimizer="sgd", **SHORT
    ),
    "apart": MultiTaskNetRegressor(sharing="independent", collaboration=MeanTeacher(0.9), **SHORT),
    "stitches": MultiTaskNetClassifier(sharing="cross_stitch", collaboration=PseudoLabeling(0.9), **SHORT),
    "views": MultiTaskNetClassifier(collaboration=CoTraining([[0, -1], [0, -1]]), **QUICK),
    # A table of any width is a strip of pixels. SequenceEncoder takes part in no variant: the checks pass real numbers,
    # which are no token ids.
    "convolution": MultiTaskNetRegressor(encoder=ConvolutionEncoder(input_shape=(1, 1, -1), channels=(4,)), **SHORT),
    "module": MultiTaskNetClassifier(encoder=ModuleEncoder(hidden_layer), **QUICK),
}
SCORED = {"check_classifiers_train", "check_regressors_train"}
SPARSE = {"check_estimator_sparse_array", "check_estimator_sparse_matrix"}


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


def checks_at_defaults(model: Any) -> Iterator[tuple[Any, Any]]:
    """Every check, those that ask for a score or for equal predictions with the networks as they are.

    The others, and further forms of one, as rows in float32, with a smaller net of two members, which hold out all rows
    together, so that what learns from such rows is there.
    """
    seen = set()
    for estimator, check in estimator_checks_generator(model):
        name = name_of(check)
        if name in seen or (name not in SCORED and "invariance" not in name and "idempotent" not in name):
            sparse = {"cv": 2} if name in SPARSE else {}
            estimator = clone(estimator).set_params(**NARROW, **sparse, max_iter=30 if name in SCORED else 5)
        elif name not in SCORED:
            estimator = clone(estimator).set_params(max_iter=5)
        seen.add(name)
        yield estimator, check


def checks_of_variants(model: Any) -> Iterator[tuple[Any, Any]]:
    """Every check, with few epochs where it does not ask for a score, but those of one method or of rows as above.

    Two variants are enough for those of transformers, and the defaults for what scores rows in float32 once more.
    """
    as_transformer = model.sharing in ("independent", "mmoe")
    left = set(SCORED)
    for estimator, check in estimator_checks_generator(model):
        name = name_of(check)
        if name in left:
            left.remove(name)
            yield estimator, check
        elif name not in SCORED and (as_transformer or "transformer_" not in name):
            yield clone(estimator).set_params(max_iter=4), check


CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{name_of(check)}-{place}")
    for generate, models in ((checks_at_defaults, DEFAULT), (checks_of_variants, ESTIMATORS))
    for name, model in models.items()
    for place, (estimator, check) in enumerate(generate(model))
]


@pytest.fixture(autouse=True)
def short_trials(monkeypatch):
    """Runs of two epochs are compared, too."""
    monkeypatch.setattr(trials, "LEAST_STEPS", 1)


@pytest.mark.filterwarnings("ignore:Task 'task0' has labels of one class only:UserWarning")
@pytest.mark.filterwarnings("ignore:Estimator .* has no __sklearn_tags__:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:cv gives 3 splits")  # the checks of weights set as many, whatever n_estimators is
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    check(estimator)
