"""Pickling, copying and cloning."""

import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmtl import geometric
from skmtl.encoders import TabularEncoder
from skmtl.sharing import Independent
from skmtl.training import SGD


def outputs(model, X):
    """Everything a model predicts, task by task."""
    proba = model.predict_proba(X) if hasattr(model, "predict_proba") else []
    return [model.predict(X), *(p for p in proba if p is not None)]


def same(first, second, X):
    for one, other in zip(outputs(first, X), outputs(second, X), strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


def through_joblib(model, mmap_mode=None, **settings):
    def copy_of(folder):
        joblib.dump(model, folder / "model.joblib", **settings)
        return joblib.load(folder / "model.joblib", mmap_mode=mmap_mode)

    return copy_of


WAYS = {
    "copy": lambda model: lambda _: copy.copy(model),
    "deepcopy": lambda model: lambda _: copy.deepcopy(model),
    **{
        f"pickle {protocol}": lambda model, protocol=protocol: lambda _: pickle.loads(pickle.dumps(model, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": through_joblib,
    "joblib compressed": lambda model: through_joblib(model, compress=3),
    "joblib in mapped memory": lambda model: through_joblib(model, mmap_mode="r"),
    "joblib in mapped memory, written on copy": lambda model: through_joblib(model, mmap_mode="c"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
def test_copies_predict_the_same_bits(case, way, dtype, tmp_path):
    model = case.make(dtype=dtype, sharing=Independent(), loss_weights=geometric(0.5)).fit(case.X, case.holes)
    restored = WAYS[way](model)(tmp_path)
    same(model, restored, case.X)
    assert repr(restored) == repr(model)
    assert restored.score_tasks(case.X, case.holes) == model.score_tasks(case.X, case.holes)
    for name, values in model.history_.items():
        assert_array_equal(restored.history_[name], values)


def wide(case):
    """A fit whose weights, training data and moments differ clearly in size."""
    X = np.random.default_rng(0).normal(size=(1000, 20))
    rows = np.arange(1000) % len(case.y)
    return case.make(max_iter=2), X, case.holes[rows]


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_a_pickle_is_hardly_larger_than_the_weights(case, fit):
    model, X, y = wide(case)
    getattr(model, fit)(X, y)
    weights = model.network_.buffer.values
    size = weights.numel() * weights.element_size() + len(pickle.dumps(model.encoder_))
    assert len(pickle.dumps(model)) < size + 8000
    assert X.nbytes > 3 * size


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_a_pickle_holds_no_tensor_and_no_row(case, fit):
    model, X, y = wide(case)
    dumped = pickle.dumps(getattr(model, fit)(X, y))
    words = [argument for _, argument, _ in pickletools.genops(io.BytesIO(dumped)) if isinstance(argument, str)]
    assert [word for word in words if "torch" in word] == []
    for row in (X[7], X[:, 7]):
        assert row.tobytes() not in dumped
        assert row.astype(np.float32).tobytes() not in dumped


def test_the_state_of_the_network_is_numpy(case):
    parameters = case.fit().network_.__getstate__()["parameters"]
    assert {type(values) for values in parameters.values()} == {np.ndarray}
    assert all(values.base is None or values.base.nbytes == values.nbytes for values in parameters.values())


def test_copies_do_not_share_weights(case):
    model = case.make().partial_fit(case.X, case.y)
    before = outputs(model, case.X)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.partial_fit(case.X, case.y)
        other.network_.buffer.values.zero_()
    for value, unchanged in zip(outputs(model, case.X), before, strict=True):
        assert_array_equal(value, unchanged)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_partial_fit_goes_on_after_reloading(case, optimizer):
    model = case.make(learning_rate_init=0.02, optimizer=optimizer)
    for _ in range(5):
        model.partial_fit(case.X, case.holes)
    first = model.history_["loss"]
    reloaded, again = (pickle.loads(pickle.dumps(model)) for _ in range(2))
    for _ in range(5):
        reloaded.partial_fit(case.X, case.holes)
        again.partial_fit(case.X, case.holes)
    same(reloaded, again, case.X)
    assert np.mean(reloaded.history_["loss"]) < np.mean(first)


def test_warm_start_goes_on_after_reloading(case):
    model = case.make(warm_start=True).fit(case.X, case.y)
    reloaded = pickle.loads(pickle.dumps(model))
    same(model.fit(case.X, case.y), reloaded.fit(case.X, case.y), case.X)


def test_a_clone_carries_parameters_only(case):
    model = case.make(sharing=Independent(), optimizer=SGD(0.5), encoder=TabularEncoder(), loss_weights={"task0": 2})
    model.fit(case.X, case.y)
    cloned = clone(model)
    assert set(vars(cloned)) == set(model.get_params(deep=False))
    assert cloned.get_params() == model.get_params()
    assert cloned.sharing is not model.sharing
    assert cloned.loss_weights is not model.loss_weights
    same(cloned.fit(case.X, case.y), model, case.X)


def test_an_unfitted_estimator_pickles(case):
    model = pickle.loads(pickle.dumps(case.make()))
    same(model.fit(case.X, case.y), case.fit(), case.X)
