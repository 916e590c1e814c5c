"""Whatever torch's settings are around a call, results are the same; and they are as found afterwards."""

import copy
import pickle
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskNet, MultiTaskNetClassifier
from skmtl.balancing import BALANCERS, Recorded
from skmtl.callbacks import Callback
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder
from skmtl.model_selection import MultiTaskSearchCV
from skmtl.sharing import SHARINGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
Y = np.column_stack([np.arange(40) % 2, np.arange(40) // 2 % 2])
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 3, "random_state": 0}
MODULE = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.2), nn.GELU())


@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def tiny_as_zero():
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def all_at_once():
    with ExitStack() as settings:
        for setting in AMBIENT.values():
            settings.enter_context(setting())
        yield


AMBIENT = {
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": partial(torch.autocast, "cpu", dtype=torch.bfloat16),
    "dtype": default_dtype,
    "device": partial(torch.device, "meta"),  # stands for a GPU
    "tiny_as_zero": tiny_as_zero,
}


def tiny():
    """A number that torch can set to take as 0."""
    return np.multiply(np.float32(1e-39), np.float32(0.5)) > 0


def state():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_num_threads(),
        tiny(),
        torch.get_rng_state().tolist() if torch.get_default_device().type == "cpu" else None,
    )


def probabilities(model, X=X):
    return np.stack(model.predict_proba(X))


def classifier(X=X, **params):
    return probabilities(MultiTaskNetClassifier(**SMALL | params).fit(X, Y), X)


def again():
    net = MultiTaskNetClassifier(**SMALL).partial_fit(X, Y).partial_fit(X, Y)
    return probabilities(net.set_params(warm_start=True).fit(X, Y))


def kinds():
    net = MultiTaskNet(**SMALL, input_scaling=True, local_correction=True, early_stopping=True)
    return net.fit(X, np.column_stack([X[:, 0], Y[:, 0]])).predict(X)


def search():
    net = MultiTaskNetClassifier(**SMALL, encoder=MODULE)
    return MultiTaskSearchCV(net, {"weight_decay": [0.01, 0.1]}, cv=2).fit(X, Y).cv_results_["mean_test_score"]


def made(shape):
    return nn.Sequential(nn.Linear(shape[0], 5), nn.Tanh())


CASES = {
    "again": again,
    "kinds": kinds,
    "search": search,
    "module": partial(classifier, encoder=MODULE),
    "double": partial(classifier, encoder=nn.Linear(4, 5).double(), dtype="float64"),
    "images": partial(classifier, RNG.normal(size=(40, 1, 6, 6)), encoder=ConvolutionEncoder()),
    "tokens": partial(classifier, RNG.integers(1, 9, (40, 5)), encoder=SequenceEncoder()),
    "pooled": partial(classifier, RNG.integers(1, 9, (40, 5)), encoder=SequenceEncoder(layer="mean")),
    "recorded": partial(classifier, balancing=Recorded("upgrad")),
    "bfloat16": partial(classifier, dtype="bfloat16", dropout=0.1),
    **{name: partial(classifier, balancing=name) for name in BALANCERS},
    **{name: partial(classifier, sharing=name) for name in SHARINGS},
}


@pytest.fixture(scope="module")
def expected():
    found = {}

    def of(case):
        if case not in found:
            found[case] = CASES[case]()
        return found[case]

    return of


@pytest.mark.parametrize(
    ("case", "ambient"),
    [(case, all_at_once) for case in CASES]
    + [(case, ambient) for case in ("kinds", "module", "images", "tokens", "cagrad") for ambient in AMBIENT.values()],
)
def test_fits_do_not_depend_on_torchs_settings(case, ambient, expected):
    plain = expected(case)
    with ambient():
        before = state()
        found = CASES[case]()
        assert state() == before
    assert_array_equal(found, plain)


@pytest.mark.parametrize("ambient", AMBIENT)
@pytest.mark.parametrize("encoder", [MODULE, "auto"])
def test_models_travel_between_settings(ambient, encoder):
    """Fitted, saved, loaded, copied and trained further in turn inside and outside of a setting."""

    def steps(inside):
        with inside():
            model = MultiTaskNetClassifier(**SMALL, encoder=encoder).fit(X, Y)
        saved = pickle.dumps(model.partial_fit(X, Y))
        with inside():
            loaded = pickle.loads(saved)
            cloned = clone(copy.deepcopy(model))
            scores = [model.score(X, Y), loaded.score(X, Y), loaded.task_view(1).score(X, Y[:, 1])]
        loaded.partial_fit(X, Y)
        with inside():
            loaded.partial_fit(X, Y)
        return [probabilities(each) for each in (model, loaded, cloned.fit(X, Y))], scores

    found, plain = steps(AMBIENT[ambient]), steps(nullcontext)
    assert_array_equal(found[0], plain[0])
    assert found[1] == plain[1]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_tiny_numbers_are_zero_in_training_on_one_thread(n_threads):
    """Threads that torch starts would go on so afterwards."""
    found = []

    class Seen(Callback):
        def on_epoch_end(self, estimator, epoch):
            found.append(tiny())

    MultiTaskNetClassifier(**SMALL, n_jobs=n_threads).set_callbacks(Seen()).fit(X, Y)
    assert found == [n_threads == 2] * SMALL["max_iter"]


def test_settings_are_as_found_after_an_error():
    model = MultiTaskNetClassifier(**SMALL).fit(X, Y)
    torch.set_num_threads(2)
    try:
        for ambient in AMBIENT.values():
            with ambient():
                before = state()
                for call in (lambda: model.predict(X[:, :2]), lambda: model.fit(X, Y[:5])):
                    with pytest.raises(ValueError, match=r"features|rows|samples"):
                        call()
                assert state() == before
        assert state()[0]
    finally:
        torch.set_num_threads(1)
