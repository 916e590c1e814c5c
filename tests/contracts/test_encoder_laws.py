"""Laws that every encoder keeps, the learnable ones above all."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskNet
from skmtl.encoders import ConvolutionEncoder, ModuleEncoder, SequenceEncoder, TabularEncoder
from skmtl.training import Streams
from tests import _builders as build
from tests._builders import train
from tests.contracts import test_training_laws as laws

N = laws.N
RNG = np.random.default_rng(4)
IMAGES = RNG.normal(size=(N, 2, 4, 4))
IDS = RNG.integers(1, 9, size=(N, 5)) * (np.arange(5) < RNG.integers(0, 6, size=(N, 1)))
TABLE = laws.X


class Tokens(nn.Module):
    """What is hard to copy: an embedding, a recurrent layer, dropout, a parameter of its own, a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.scale = nn.Parameter(torch.full((3,), 0.5))
        self.drop = nn.Dropout(0.2)
        self.register_buffer("shift", torch.ones(3))

    def forward(self, ids):
        return self.drop(self.recurrent(self.embedding(ids))[0][:, -1] * self.scale + self.shift)


def make_module(shape):
    return nn.Sequential(nn.Linear(shape[0], 5), nn.Dropout(0.1), nn.Tanh())


ENCODERS = {
    "convolution": (ConvolutionEncoder(channels=(3, 4), pool_size=2), IMAGES),
    "lstm": (SequenceEncoder(n_units=3, embedding_size=4), IDS),
    "gru": (SequenceEncoder(layer="gru", n_units=3, embedding_size=4, bidirectional=False, pooling="last"), IDS),
    "mean": (SequenceEncoder(layer="mean", embedding_size=4), IDS),
    "module": (ModuleEncoder(Tokens(), input_type="integer"), IDS),
    "factory": (ModuleEncoder(make_module), TABLE),
    "normalised": (ModuleEncoder(nn.Sequential(nn.Linear(TABLE.shape[1], 5), nn.BatchNorm1d(5))), TABLE),
}
TARGETS = np.column_stack([TABLE[:, 0], np.arange(N) % 2])


@pytest.fixture(params=ENCODERS)
def case(request):
    encoder, X = ENCODERS[request.param]
    return copy.deepcopy(encoder).fit(X, np.ones(len(X))), X


def make_network(encoder, members, n_outputs=(1, 3, 1), sharing="hard"):
    return build.make_network(sharing, encoder.n_outputs_, (4,), n_outputs, seeds=range(members), encoder=encoder)


def make_estimator(encoder, **params):
    defaults = {"hidden_layer_sizes": (4,), "n_estimators": 2, "max_iter": 2, "random_state": 0, "dtype": "float64"}
    return MultiTaskNet(tasks=["regression", "binary"], encoder=encoder, **{**defaults, **params})


@pytest.mark.parametrize("sharing", ["hard", "independent"])
def test_stacked_members_equal_separate_fits(case, sharing):
    encoder, X = case
    layout = laws.make_layout()

    def fit(members):
        known = laws.make_data(layout)
        data = build.make_data(encoder.transform(X), known.targets, known.cell_weights)
        streams = build.make_streams(members)
        network = make_network(encoder, len(members), layout.n_outputs, sharing)
        network.buffer.initialise(streams.initial)
        settings = build.make_config(len(members), 4, max_iter=2)
        training = build.make_training(network, layout, data, settings, streams)
        history, _ = train(training)
        return network, history.arrays()["loss"]

    stacked, losses = fit([0, 1, 2])
    assert not np.allclose(losses[:, 0], losses[:, 1]), "members start alike: the test would show nothing"
    for member in range(3):
        alone, own_losses = fit([member])
        np.testing.assert_allclose(own_losses[:, 0], losses[:, member], rtol=0, atol=1e-10)
        for name, block in alone.buffer.arrays().items():
            np.testing.assert_allclose(block[0], stacked.buffer.arrays()[name][member], rtol=0, atol=1e-10)


def test_members_draw_from_their_streams(case):
    """The streams give the order of the batches, too, of which there is one, and what a network draws."""
    encoder, X = case
    layout = laws.make_layout()
    known = laws.make_data(layout)
    data = build.make_data(encoder.transform(X), known.targets, known.cell_weights)

    def trained(seed):
        network = make_network(encoder, 2, layout.n_outputs)
        config = build.make_config(2, 4, max_iter=1, batch_size=N)
        train(build.make_training(network, layout, data, config, build.make_streams([0, 1], seed)))
        return network

    network, other = trained(5), trained(6)
    assert torch.equal(network.buffer.values, trained(5).buffer.values)
    passes = network.training_passes([torch.Generator(), torch.Generator()])
    with passes.mode():
        first, second = (passes.forward(data.take(slice(None)).x) for _ in range(2))
    draws = not torch.equal(first, second)
    assert network.draws == draws
    assert torch.equal(network.buffer.learned, other.buffer.learned) != draws


def test_rows_of_each_member_give_what_common_rows_give(case):
    encoder, X = case
    network = make_network(encoder, 2)
    x = torch.from_numpy(encoder.transform(X[:9]))
    common = network(x[None])
    own = network(torch.stack([x, x.flip(0)]))
    torch.testing.assert_close(own[0], common[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(own[1].flip(0), common[1], rtol=0, atol=1e-12)
    assert common.shape == (2, 9, 5)


def test_every_parameter_gets_its_gradient(case):
    """Central differences in a random direction of all parameters."""
    encoder, X = case
    if isinstance(encoder, ModuleEncoder):
        pytest.skip("torch's own modules")
    network = make_network(encoder, 2)
    x = torch.from_numpy(encoder.transform(X[:7]))[None]
    streams = Streams.from_seed(0, 2)

    def loss():
        generators = [torch.Generator(), torch.Generator()]
        streams.seed(generators, "dropout")  # the same dropout at each call
        passes = network.training_passes(generators)
        with passes.mode():
            outputs = passes.forward(x)
            passes.backward(outputs)
        return 0.5 * float((outputs**2).sum())

    loss()
    gradient = network.buffer.gradient.clone()
    direction = torch.randn(len(gradient), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start, step = network.buffer.values.clone(), 1e-6
    ends = []
    for sign in (1, -1):
        network.buffer.values.copy_(start + sign * step * direction)
        ends.append(loss())
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(gradient @ direction), rel=1e-4)
    for spec in encoder.build().specs:
        assert network.buffer.gradient_views[spec.name].any(), spec.name


def test_fit_predict_pickle_and_clone(case):
    encoder, X = case
    state = torch.random.get_rng_state()
    model = make_estimator(clone(encoder)).fit(X, TARGETS)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.n_features_in_ == np.prod(X.shape[1:])
    prediction = model.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), prediction)
    np.testing.assert_array_equal(clone(model).fit(X, TARGETS).predict(X), prediction)
    np.testing.assert_allclose(np.concatenate([model.predict(X[:20]), model.predict(X[20:])]), prediction, atol=1e-10)
    assert np.ptp(prediction[:, 0]) > 0


def test_predict_runs_in_bounded_chunks(case, monkeypatch):
    encoder, X = case
    model = make_estimator(clone(encoder)).fit(X, TARGETS)
    whole = model.predict(X)
    seen = []
    original = type(model.encoder_).transform
    monkeypatch.setattr(
        type(model.encoder_), "transform", lambda self, X, *rest: seen.append(len(X)) or original(self, X, *rest)
    )
    widest = max(model.network_.peak_activations, model.network_.architecture.n_inputs, 2)
    monkeypatch.setattr("skmtl.fitting._prediction.CHUNK_CELLS", 2 * widest * 16)
    np.testing.assert_allclose(model.predict(X), whole, atol=1e-10)
    assert max(seen) == 16
    assert sum(seen) == N


def test_a_row_of_weight_two_equals_the_row_twice(case):
    encoder, X = case
    rows = slice(0, 20)
    doubled = np.concatenate([X[rows], X[:5]]), np.concatenate([TARGETS[rows], TARGETS[:5]])
    weights = np.where(np.arange(20) < 5, 2.0, 1.0)
    quiet = clone(encoder)
    if isinstance(quiet, SequenceEncoder):
        quiet.set_params(dropout=0.0, token_dropout=0.0)
    elif isinstance(quiet, ModuleEncoder):
        pytest.skip("draws dropout for each row, or weighs no rows")
    once = make_estimator(quiet).fit(X[rows], TARGETS[rows], sample_weight=weights)
    twice = make_estimator(quiet).fit(*doubled)
    np.testing.assert_allclose(once.predict(X), twice.predict(X), atol=1e-7)


def test_training_goes_on(case):
    encoder, X = case
    model = make_estimator(clone(encoder), learning_rate_init=0.02).partial_fit(X, TARGETS)
    first = model.history_["loss"][0].mean()
    for _ in range(10):
        model.partial_fit(X, TARGETS)
    assert model.history_["loss"][0].mean() < first


def test_tables_have_no_learnable_part():
    encoder = TabularEncoder().fit(TABLE, np.ones(N))
    assert encoder.build() is None
    assert make_network(encoder, 1).layers.hand_derived
