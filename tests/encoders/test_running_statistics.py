"""Modules with buffers that training changes: running statistics by member, of the rows that it learns from."""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.nn.utils import parametrizations

from skmtl import MultiTaskNetRegressor
from skmtl.balancing import BALANCERS
from skmtl.encoders import ModuleEncoder
from skmtl.model_selection import MultiTaskKFold, MultiTaskSearchCV
from skmtl.training import SGD
from tests import _builders as build

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 6)) * [1, 5, 1, 0.2, 1, 1] + 2
Y = np.column_stack([np.abs(X[:, 0]), X[:, 1] - X[:, 2]])
SMALL = {"hidden_layer_sizes": (4,), "n_estimators": 3, "max_iter": 4, "random_state": 0, "dtype": "float64"}
PLAIN = {"n_estimators": 1, "early_stopping": False, "learning_rate": "constant", "optimizer": SGD(nesterov=False)}


class Seen(nn.Module):
    """Counts rows and keeps the last mean, in a buffer that is written to and in one that is replaced."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n_seen", torch.zeros((), dtype=torch.int32))
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, x):
        if self.training:
            self.n_seen += len(x)
            self.mean = x.mean(0).detach()
        return x + self.mean


def lazy(shape):
    return nn.Sequential(nn.Linear(6, 5), nn.LazyBatchNorm1d())


def spectral(shape):
    return nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5)), nn.Tanh())


MODULES = {
    "rows": nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh()),
    "mean of all batches": nn.BatchNorm1d(6, momentum=None),
    "without weights": nn.BatchNorm1d(6, affine=False),
    "images": nn.Sequential(nn.Unflatten(1, (2, 1, 3)), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Flatten()),
    "instances": nn.Sequential(
        nn.Unflatten(1, (2, 3)), nn.InstanceNorm1d(2, affine=True, track_running_stats=True), nn.Flatten()
    ),
    "own": Seen(),
    "lazy": lazy,
    "spectral": spectral,
}
ONE_ROW = {"images", "instances", "own", "spectral"}  # those that can be trained on one


def make(module, **params):
    encoder = ModuleEncoder(module) if module in (lazy, spectral) else module
    return MultiTaskNetRegressor(encoder=encoder, **{**SMALL, **params})


def statistics(model):
    """Buffers by name, ``(member, ...)``."""
    buffer = model.network_.buffer
    return {spec.name: buffer.views[spec.name].clone() for spec in buffer.specs if spec.owner is None}


def assert_same(model, other, rtol=0.0):
    arrays, others = model.network_.buffer.arrays(), other.network_.buffer.arrays()
    for name, values in arrays.items():
        assert_allclose(values, others[name], rtol=rtol, atol=rtol, err_msg=name)


@pytest.fixture(params=MODULES)
def module(request):
    return copy.deepcopy(MODULES[request.param])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_is_that_of_a_loop_in_torch(module, dtype):
    """Plain descent on all rows, with weight decay, which leaves the statistics alone."""
    encoder, rate, decay = ModuleEncoder(module, pretrained=True), 0.02, 0.1
    params = {**PLAIN, "hidden_layer_sizes": (), "batch_size": N, "weight_decay": decay, "dtype": dtype}
    start = make(encoder, **{**params, "max_iter": 1, "learning_rate_init": 1e-30}).fit(X, Y)
    model = make(encoder, **{**params, "max_iter": 8, "learning_rate_init": rate}).fit(X, Y)
    module = start.encoder_.template().to(getattr(torch, dtype))
    head = nn.Linear(start.network_.layers.extractor.width, 2).to(getattr(torch, dtype))
    arrays = start.network_.buffer.arrays()
    with torch.no_grad():
        for name, values in (("weight", head.weight), ("bias", head.bias)):
            values.copy_(torch.from_numpy(arrays[f"head.{name}"].reshape(values.shape)))
    values, targets = (torch.tensor(rows, dtype=head.weight.dtype) for rows in (X, (Y - Y.mean(0)) / Y.std(0)))
    parameters = [*module.parameters(), *head.parameters()]
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    for _ in range(8):
        loss = (head(module.train()(values).flatten(1)) - targets).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, velocity, gradient in zip(parameters, velocities, gradients, strict=True):
                velocity.mul_(0.9).add_(gradient)
                parameter.mul_(1 - rate * decay).sub_(rate * velocity)
    tolerance = 1e-10 if dtype == "float64" else 2e-6
    buffers = dict(module.named_buffers())
    for name, (found,) in statistics(model).items():
        buffer = buffers[name.removeprefix("encoder.")]
        assert_allclose(found, buffer.to(found), rtol=tolerance, atol=tolerance, err_msg=name)
    expected = head(module.eval()(values).flatten(1)).detach().numpy() * Y.std(0) + Y.mean(0)
    assert_allclose(model.predict(X), expected, rtol=tolerance, atol=10 * tolerance)


def test_predictions_change_neither_statistics_nor_the_module(module):
    before = copy.deepcopy(module.state_dict()) if isinstance(module, nn.Module) else {}
    model = make(module).fit(X, Y)
    assert all(torch.equal(values, module.state_dict()[name]) for name, values in before.items())
    kept, prediction = statistics(model), model.predict(X)
    assert_allclose(np.concatenate([model.predict(row[None]) for row in X]), prediction, rtol=0, atol=1e-12)
    for name, values in statistics(model).items():
        assert torch.equal(values, kept[name]), name


def test_members_have_statistics_of_their_own(module):
    model = make(module, cv=3).fit(X, Y)
    distinct = {name: values for name, values in statistics(model).items() if not name.endswith(("seen", "tracked"))}
    assert distinct
    for name, values in distinct.items():
        assert not torch.equal(values[0], values[1]), name
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same(again, model)
        assert_array_equal(again.predict(X), model.predict(X))


def train_by_hand(encoder, rows, kept, balancer=None):
    """Network of two members that learn from the rows where ``kept`` is 1, in batches of 8."""
    layout = build.make_layout(list(Y.T))
    data = build.make_data(encoder.transform(rows), layout.encode(list(Y.T), np.ones(Y.shape, dtype=bool)), kept=kept)
    config = build.make_config(2, 2, batch_size=8, max_iter=2, **({} if balancer is None else {"balancer": balancer}))
    network = build.make_network("hard", encoder.n_outputs_, (4,), layout.n_outputs, seeds=[0, 1], encoder=encoder)
    build.train(build.make_training(network, layout, data, config, build.make_streams([0, 1])))
    return network


@pytest.mark.parametrize("balancer", [None, "famo", "upgrad"])
def test_rows_that_a_member_holds_out_teach_it_nothing(module, balancer):
    """To the last bit, neither weights nor statistics; some batches have one row or none that it learns from."""
    encoder = ModuleEncoder(module).fit(X, np.ones(N))
    kept = torch.ones(2, N, dtype=torch.float64)
    kept[1, : N - 9] = 0
    changed = X.copy()
    changed[: N - 9] *= -3
    balancer = balancer and BALANCERS[balancer]()
    one, other = (train_by_hand(encoder, rows, kept, balancer).buffer.arrays() for rows in (X, changed))
    for name, values in one.items():
        assert_array_equal(values[1], other[name][1], err_msg=name)
    assert not all(np.array_equal(values[0], other[name][0]) for name, values in one.items())


def test_held_out_rows_are_judged_by_the_statistics_of_the_best_epoch(module):
    """Out-of-fold predictions are those of the kept network, which judged the rows in the best epoch of each member."""
    params = {"cv": 2, "n_estimators": 2, "local_correction": False, "learning_rate": "constant"}
    model = make(module, **params, learning_rate_init=0.3, max_iter=12, n_iter_no_change=20).fit(X, Y)
    with torch.no_grad():
        outputs = model.network_(torch.from_numpy(model.encoder_.transform(X))[None]).numpy()
    responses = outputs * Y.std(0) + Y.mean(0)  # (member, row, task)
    holds_out = np.isclose(responses, model.oof_prediction_, rtol=0, atol=1e-9).all(2)
    assert_array_equal(holds_out.sum(0), 1)
    losses = model.history_["validation_loss"].mean(2)  # (epoch, member)
    best = losses.argmin(0)
    for member, rows in enumerate(holds_out):
        squares = (responses[member, rows] - Y[rows]) ** 2 / Y.var(0)
        assert_allclose(squares.mean(), losses[best[member], member], rtol=1e-9)
    assert module is spectral or len({*best, 11}) > 1, "no member keeps an earlier epoch: the test would show nothing"


@pytest.mark.parametrize("name", ["rows", "own"])
def test_candidates_side_by_side_are_what_they_are_alone(name):
    grid = {"weight_decay": [0.0, 0.3], "learning_rate_init": [0.01, 0.05]}
    nets = make(MODULES[name], n_estimators=2, max_iter=3, batch_size=16, cv=2)
    search, alone = (cls(nets, grid, cv=MultiTaskKFold(2)).fit(X, Y) for cls in (MultiTaskSearchCV, GridSearchCV))
    for split in range(2):
        name = f"split{split}_test_score"
        assert_allclose(search.cv_results_[name], alone.cv_results_[name], rtol=0, atol=1e-9)
    assert_same(search.best_estimator_, alone.best_estimator_, 1e-9)


def test_training_goes_on_from_the_statistics(module):
    model = make(module, n_estimators=2).partial_fit(X, Y)
    first, prediction = statistics(model), model.predict(X)
    further = copy.deepcopy(model).partial_fit(X[:30], Y[:30])
    assert all((values != first[name]).any() for name, values in statistics(further).items())
    assert_array_equal(model.predict(X), prediction)
    warm = make(module, n_estimators=2, warm_start=True, max_iter=2).fit(X, Y).fit(X, Y)
    assert all((values != first[name]).any() for name, values in statistics(warm).items())


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("rows", [1, 17])
def test_batches_of_one_row(name, rows):
    """Batch normalisation cannot learn from one row; what is left over changes none of its statistics."""
    model = make(MODULES[name], **PLAIN, batch_size=16, max_iter=1).fit(X[:rows], Y[:rows])
    before = statistics(model)
    prediction = model.partial_fit(X[-1:], Y[-1:]).predict(X[:3])
    assert np.isfinite(prediction).all()
    learned = {key: not torch.equal(values, before[key]) for key, values in statistics(model).items()}
    assert set(learned.values()) == {name in ONE_ROW}
    counts = [values.item() for key, values in before.items() if key.endswith("tracked")]
    assert counts in ([], [(1 + (name in ONE_ROW)) if rows > 1 else int(name in ONE_ROW)])


def test_a_type_too_coarse_for_statistics_is_named(module):
    with pytest.raises(ValueError, match="dtype='bfloat16' is too coarse for"):
        make(module, dtype="bfloat16").fit(X, Y)
