"""Calls in several threads at once: each does what it does alone, and torch's settings are as found."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder
from skmtl.sharing import SHARINGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
Y = np.column_stack([np.sin(5 * X[:, 0]), X[:, 1]])
SMALL = {"hidden_layer_sizes": (8,), "n_estimators": 3, "max_iter": 3, "random_state": 0}


class Counting(nn.Module):
    """Keeps something of a call in an attribute meanwhile, as modules of users do."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 5)

    def forward(self, x):
        self.rows = x
        out = self.inner(x)
        return out * self.rows.mean(1, keepdim=True)


MODULE = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.ReLU())
MODELS = {
    "module": ({"encoder": MODULE}, X),
    "attribute": ({"encoder": Counting()}, X),
    "statistics": ({"encoder": nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))}, X),
    "images": ({"encoder": ConvolutionEncoder()}, X.reshape(160, 1, 2, 2)),
    "tokens": ({"encoder": SequenceEncoder(n_units=4, embedding_size=4)}, RNG.integers(1, 9, (160, 5))),
    "corrected": ({"local_correction": True, "early_stopping": True, "input_scaling": True}, X),
    **{name: ({"sharing": name}, X) for name in SHARINGS},
}


def in_threads(function, arguments, repeats=1):
    with ThreadPoolExecutor(len(arguments)) as pool:
        return [list(pool.map(function, arguments)) for _ in range(repeats)]


@pytest.mark.parametrize("name", MODELS)
def test_predictions_in_threads(name):
    params, rows = MODELS[name]
    model = MultiTaskNetRegressor(**SMALL | params).fit(rows, Y)
    parts = [rows[k * 9 : k * 10 + 9] for k in range(8)]
    alone = [model.predict(part) for part in parts]
    for found in in_threads(model.predict, parts, 6):
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["module", "attribute", "statistics", "tokens", "corrected", "mmoe"])
def test_fits_in_threads(name):
    params, rows = MODELS[name]

    def fit(seed):
        net = MultiTaskNetClassifier(**SMALL | params | {"random_state": seed, "dropout": 0.2})
        return np.stack(net.fit(rows, Y > 0).predict_proba(rows))

    before = torch.get_rng_state()
    alone = [fit(seed) for seed in range(4)]
    for found in in_threads(fit, range(4), 2):
        np.testing.assert_array_equal(found, alone)
    assert torch.equal(torch.get_rng_state(), before)


class AfterEpoch:
    """A callback that does something after each epoch."""

    def __init__(self, act):
        self.act = act

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context, **kwargs): ...

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name == "epoch":
            self.act()


def threads_of_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("first_ends", ["first", "last"])
def test_overlapping_fits_leave_the_number_of_threads(first_ends, fails):
    pytest.importorskip("sklearn.callback")
    second_runs, first_runs, done = threading.Event(), threading.Event(), threading.Event()

    def fit(act):
        net = MultiTaskNetRegressor(**SMALL | {"max_iter": 1}).set_callbacks(AfterEpoch(act))
        try:
            net.fit(X, Y)
        except ArithmeticError:
            assert fails

    def meet(mine, other, wait):
        mine.set()
        other.wait(20)
        if wait:
            done.wait(20)
        if fails:
            raise ArithmeticError

    def work(mine, other, wait):
        if mine is second_runs:
            first_runs.wait(20)
        fit(lambda: meet(mine, other, wait))
        kept.append(torch.get_num_threads())
        done.set()

    kept, before = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        waits = (first_ends == "last", first_ends == "first")
        pairs = ((first_runs, second_runs, waits[0]), (second_runs, first_runs, waits[1]))
        threads = [threading.Thread(target=work, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [torch.get_num_threads(), threads_of_a_new_thread(), *kept] == [2, 2, 2, 2]
    finally:
        torch.set_num_threads(before)


def test_calls_within_calls_leave_the_number_of_threads():
    """A prediction after an epoch of a fit that the user lets run on two threads."""
    pytest.importorskip("sklearn.callback")
    model, seen = MultiTaskNetRegressor(**SMALL).fit(X, Y), []

    def predict():
        seen.append(torch.get_num_threads())
        model.predict(X)
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        net = MultiTaskNetRegressor(**SMALL | {"max_iter": 1}, n_jobs=1).set_callbacks(AfterEpoch(predict))
        net.fit(X, Y)
        assert seen == [1, 1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("n_jobs", [200, 20_000, np.int64(3), -1, -500])
def test_n_jobs_beyond_the_processors(n_jobs, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 0)
    MultiTaskNetRegressor(**SMALL, n_jobs=n_jobs).fit(X, Y).predict(X)
    assert 1 <= max(asked) <= torch.multiprocessing.cpu_count()
