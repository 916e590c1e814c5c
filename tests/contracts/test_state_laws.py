"""State as data: what comes back from JSON and arrays does the same, bit by bit."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from torch import nn

from skmtl.encoders import ConvolutionEncoder, ModuleEncoder, SequenceEncoder, TabularEncoder, TokenSequencer
from skmtl.network import Architecture, Network
from skmtl.postprocess import (
    CALIBRATIONS,
    Calibration,
    HeldOutResponses,
    HeldOutRows,
    KernelBlend,
    LocalCorrection,
    TreeBlend,
)
from skmtl.postprocess._local_correction import Residuals
from skmtl.sharing import SHARINGS, Additive, Hard, Sharing
from skmtl.tasks import KINDS

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
N = 300
NUMBERS = np.where(RNG.random((N, 3)) < 0.1, np.nan, RNG.normal(size=(N, 3)))
FRAME = pd.DataFrame(
    {
        "number": NUMBERS[:, 0],
        "word": RNG.choice(["a", "b", None, "c"], N),
        7: pd.Categorical(RNG.choice([1.5, 2.5, 1e9], N)),
        "mixed": RNG.choice(np.array([True, "x", 3, None], dtype=object), N),
    }
)
DATES = FRAME[["number"]].assign(date=pd.date_range("2020-02-03", periods=N, freq="29h", tz="Asia/Tokyo"))
IMAGES = RNG.integers(0, 256, (N, 1, 6, 6)).astype(np.uint8)
TOKENS = RNG.integers(0, 9, (N, 5))
MODULE = nn.Linear(3, 2)

ENCODERS = {
    "numbers": (TabularEncoder(), NUMBERS),
    "single precision": (TabularEncoder(numeric="piecewise", n_bins=5), NUMBERS.astype(np.float32)),
    "frame": (TabularEncoder(max_categories=2), FRAME),
    "dates": (TabularEncoder(), DATES),
    "chosen columns": (TabularEncoder(categorical_features=np.array([1, 3])), FRAME.to_numpy()),
    "sparse": (TabularEncoder(), sp.csr_array(np.nan_to_num(NUMBERS))),
    "images": (ConvolutionEncoder(channels=(3, 4)), IMAGES),
    "tokens": (SequenceEncoder(n_units=3, embedding_size=4), TOKENS),
    "module": (ModuleEncoder(MODULE), np.nan_to_num(NUMBERS)),
}


def through_bytes(state, arrays):
    """Take state and arrays through the bytes of files, as another process would read them."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return json.loads(json.dumps(state)), dict(np.load(file, allow_pickle=False))


def dense(rows):
    return rows.toarray() if sp.issparse(rows) else rows


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_come_back(name):
    encoder, X = ENCODERS[name]
    encoder.fit(X, RNG.uniform(0.5, 2.0, N))
    copy = type(encoder).from_state(*through_bytes(*encoder.state()), {"module": MODULE})
    assert repr(copy) == repr(encoder)
    assert vars(copy).keys() == vars(encoder).keys()
    for dtype in (np.float32, np.float64):
        before, after = encoder.transform(X, dtype), copy.transform(X, dtype)
        assert type(before) is type(after)
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(dense(after), dense(before))
    assert copy.preferences(N) == encoder.preferences(N)
    networks = [Network(Architecture(Hard(), copy.n_outputs_, (4,), "tanh", (1,), 2, "float64", np.zeros(1),
                                     encoder=each), CPU) for each in (encoder, copy)]  # fmt: skip
    x = torch.from_numpy(dense(encoder.transform(X)))[None]
    for network in networks:
        network.buffer.initialise([np.random.default_rng(k) for k in range(2)])
    assert torch.equal(networks[0](x), networks[1](x))


def test_texts_come_back():
    texts = ["the cat sat, the dog", "Über alles", "the"]
    sequencer = TokenSequencer(max_features=4).fit(texts)
    copy = TokenSequencer.from_state(*through_bytes(*sequencer.state()))
    assert copy.get_params() == sequencer.get_params()
    np.testing.assert_array_equal(copy.transform([*texts, "dog cat"]), sequencer.transform([*texts, "dog cat"]))


def test_a_module_must_be_given_back():
    encoder = ModuleEncoder(MODULE).fit(np.nan_to_num(NUMBERS), np.ones(N))
    state, arrays = encoder.state()
    assert ModuleEncoder.from_state(state, arrays, {"module": MODULE}).module is MODULE
    with pytest.raises(ValueError, match="does not hold 'module'"):
        ModuleEncoder.from_state(state, arrays)


def test_what_is_no_data_is_refused():
    class Odd:
        def __repr__(self):
            return "odd"

    column = np.array([Odd(), Odd(), "a"], dtype=object)[:, None]
    encoder = TabularEncoder(categorical_features=[0]).fit(column, np.ones(3))
    with pytest.raises(TypeError, match=r"TabularEncoder.categories_.*holds odd of type Odd.*pickle the whole"):
        encoder.state()


@pytest.mark.parametrize("name", SHARINGS)
@pytest.mark.parametrize("n_read", [None, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_come_back(name, n_read, dtype):
    strengths = {parameter: (0.1, np.float64(0.2)) for parameter in SHARINGS[name].strengths}
    architecture = Architecture(
        SHARINGS[name](), 3, (5, 4), "silu", (1, 3), 2, dtype, np.arange(4.0), (0.1, 0.2), strengths=strengths,
        input_dropout=0.2,
    )  # fmt: skip
    network = Network(architecture, CPU)
    network.buffer.initialise([np.random.default_rng(k) for k in range(2)])
    network = network.with_input_scale(RNG.uniform(0.5, 2.0, (2, 3)), n_read)
    copy = Network.from_state(*through_bytes(*network.state()))
    x = torch.randn(1, 9, 3, dtype=getattr(torch, dtype))
    assert torch.equal(copy(x), network(x))
    trained = [each.training_passes([torch.Generator().manual_seed(k) for k in range(2)]) for each in (network, copy)]
    for passes in trained:
        passes.backward(passes.forward(x).clone())
        for penalty in passes.layers.penalties:
            penalty.add_gradient()
    assert torch.equal(network.buffer.gradient, copy.buffer.gradient)
    assert copy.architecture.sharing == architecture.sharing
    assert copy.architecture.strengths == architecture.strengths
    assert copy.architecture.dropout == architecture.dropout


def test_network_and_estimator_share_their_encoder():
    encoder, X = ENCODERS["tokens"]
    encoder.fit(X, np.ones(N))
    network = Network(Architecture(Hard(), 5, (4,), "tanh", (1,), 1, "float64", np.zeros(1), encoder=encoder), CPU)
    state, arrays = network.state()
    assert Network.from_state(state, arrays, encoder).architecture.encoder is encoder
    with pytest.raises(ValueError, match="does not hold 'encoder'"):
        Network.from_state(state, arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_corrections_come_back(dtype):
    rows, groups = RNG.normal(size=(N, 2)).astype(dtype), np.arange(N)
    kinds = {"number": KINDS["regression"](), "class": KINDS["binary"]()}
    labels = {"number": np.sin(3 * rows[:, 0]).astype(np.float64), "class": np.where(rows[:, 0] > 0, "a", "b")}
    tasks = [kind.fit(name, labels[name], np.ones(N)) for name, kind in kinds.items()]
    truths = [task.kind.ideal_response(task, labels[task.name]) for task in tasks]
    responses = [np.zeros((N, 1)), np.full((N, 2), 0.5)]
    residuals = [Residuals(k, tasks[k], truths[k], responses[k], np.ones(N)) for k in (1, 0)]
    correction = LocalCorrection().fit_residuals(rows, groups, np.array([1.0, 0.5], dtype=dtype), residuals)
    copy = LocalCorrection.from_state(*through_bytes(*correction.state()), {"tasks": tasks})
    assert [task.index for task in copy.tasks_] == [1, 0]
    assert copy.tasks_[0].task is tasks[1]
    for before, after in zip(correction(rows, responses), copy(rows, responses), strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(after, before)
    with pytest.raises(ValueError, match="does not hold 'tasks'"):
        LocalCorrection.from_state(*correction.state())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [KernelBlend, TreeBlend])
def test_blends_come_back(kind, dtype):
    rows, network = (
        RNG.normal(size=(60, 2)).astype(dtype),
        SimpleNamespace(architecture=SimpleNamespace(dtype=dtype, encoder=None)),
    )
    labels = [np.where(rows[:, 0] > 0, "a", "b"), 3.0 * rows[:, 0] + 1.0]
    tasks = [
        KINDS[kind]().fit(kind, own, np.ones(60)) for kind, own in zip(["binary", "regression"], labels, strict=True)
    ]
    responses, weights = [np.full((60, 2), 0.5), np.zeros((60, 1))], np.ones((60, 2))
    held_out = HeldOutRows(np.arange(60), tasks, labels, weights, responses, rows, weights, np.ones((1, 3), dtype=bool))
    blend = kind().fit(network, held_out)
    copy = kind.from_state(*through_bytes(*blend.state()), {"tasks": tasks})
    assert [each.task for each in copy.tasks_] == tasks
    for before, after in zip(blend(rows, responses), copy(rows, responses), strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(after, before)
    with pytest.raises(ValueError, match="does not hold 'tasks'"):
        kind.from_state(*blend.state())


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_calibrations_come_back(method):
    truth = RNG.integers(0, 3, 60)
    task = KINDS["multiclass"]().fit("t", truth, np.ones(60))
    response = np.full((60, 3), 0.02) + 0.94 * np.eye(3)[np.where(np.arange(60) % 3, truth, 0)]
    calibration = Calibration(method).fit(
        None, HeldOutResponses(np.arange(60), [task], [truth], np.ones((60, 1)), [response])
    )
    copy = Calibration.from_state(*through_bytes(*calibration.state()))
    np.testing.assert_array_equal(copy(None, [response])[0], calibration(None, [response])[0])


def test_sharing_of_the_users_is_refused():
    class Twice(Sharing):
        def build(self, spec):
            return Additive().build(spec)

    network = Network(Architecture(Twice(), 3, (4,), "tanh", (1, 1), 1, "float64", np.zeros(2)), CPU)
    with pytest.raises(TypeError, match=r"network.architecture.sharing holds Twice\(\)"):
        network.state()
