"""Passes in bfloat16 over parameters in float32."""

import numpy as np
import pytest
import torch

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.sharing import SHARINGS
from tests._builders import make_network

GENERATORS = [0, 1]


def _network(sharing="hard", **fields):
    fields |= {"activation": "relu", "dtype": "float32", "initial_bias": np.arange(5.0)}
    return make_network(sharing, 4, (8, 6), (1, 3, 1), seeds=GENERATORS, **fields)


def _pass(network, x, gradient, **options):
    passes = network.training_passes([torch.Generator().manual_seed(k) for k in GENERATORS], **options)
    outputs = passes.forward(x)
    passes.backward(gradient.clone())
    return outputs.clone(), network.buffer.gradient.clone()


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("task_layer_sizes", [(), (5,)])
def test_passes_are_those_of_full_precision_up_to_rounding(sharing, task_layer_sizes):
    network = _network(sharing, task_layer_sizes=task_layer_sizes)
    rng = torch.Generator().manual_seed(0)
    x, gradient = torch.randn(1, 64, 4, generator=rng), torch.randn(2, 64, 5, generator=rng)
    rounded = _pass(network, x, gradient, matmul_dtype="bfloat16")
    exact = _pass(network, x, gradient)
    for ours, reference in zip(rounded, exact, strict=True):
        assert ours.dtype == torch.float32
        error = torch.linalg.vector_norm(ours - reference) / torch.linalg.vector_norm(reference)
        assert 0 < error < 0.03  # bfloat16 has 8 bits


def test_updates_below_the_last_digit_of_bfloat16_add_up():
    X = np.random.default_rng(0).normal(size=(64, 3))
    params = {"hidden_layer_sizes": (8,), "n_estimators": 1, "batch_size": 64, "early_stopping": False}
    params |= {"learning_rate": "constant", "learning_rate_init": 1e-5, "weight_decay": 0.0, "random_state": 0}

    def moved(dtype):
        net = MultiTaskNetRegressor(**params, dtype=dtype, max_iter=50).fit(X, X)
        begin = MultiTaskNetRegressor(**params, dtype=dtype, max_iter=1).fit(X, X)
        return net.network_.buffer.values - begin.network_.buffer.values

    ours, reference = moved("bfloat16"), moved("float32")
    assert reference.abs().mean() < 2.0**-9 * 0.3  # less than half of the last digit of a typical weight
    assert torch.linalg.vector_norm(ours - reference) < 0.1 * torch.linalg.vector_norm(reference)


def test_a_fit_is_as_good_and_goes_on_and_predicts_in_float32():
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = np.column_stack([X[:, 0] > 0, X[:, 1] * X[:, 2]])
    params = {"tasks": {"task0": "binary", "task1": "regression"}, "hidden_layer_sizes": (32,), "n_estimators": 2}
    params |= {"effort": "fixed", "kernel_blend": False, "tree_blend": False}
    scores = {}
    for dtype in ("float32", "bfloat16"):
        net = MultiTaskNet(**params, dtype=dtype, max_iter=20, random_state=0, warm_start=True).fit(X, y)
        net.set_params(max_iter=5).fit(X, y)
        scores[dtype] = net.score(X, y)
        assert net.network_.architecture.dtype == "float32"
    assert scores["bfloat16"] == pytest.approx(scores["float32"], abs=0.02)
    assert scores["bfloat16"] != scores["float32"]


def test_gradients_of_tasks_are_refused():
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match="Set dtype='float32'"):
        MultiTaskNetRegressor(balancing="pcgrad", dtype="bfloat16").fit(X, X)
