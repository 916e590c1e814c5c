"""State to bytes and back: training goes on with the same bits as without a break."""

import io
import json

import numpy as np
import pytest
import torch

from skmtl.balancing import BALANCERS
from skmtl.sharing import LatentTasks, Relationship
from skmtl.training import SGD, AdamW, AdditivePeers, Averaging, BatchEnsemble, Validation
from tests._builders import make_objective
from tests.contracts.test_balancing_laws import LAYOUT, N, make_data
from tests.contracts.test_balancing_laws import make_training as make

EPOCHS = 5
HELD_OUT = torch.from_numpy(np.random.default_rng(2).random((3, N)) < 0.3)
RATES = torch.tensor([0.02, 0.05, 0.1], dtype=torch.float64)
FORMS = {
    "static": {},
    "gradnorm": {},
    "famo": {"learning_rate": RATES},
    "cagrad": {"optimizer": SGD(nesterov=False)},
    "dwa": {"optimizer": SGD(decoupled=False)},
    "uncertainty": {"optimizer": AdamW(beta_1=0.8)},
    "alternating": {"sharing": "soft"},
    "pcgrad": {"optimizer": AdamW(weight_average="ema")},
    "random": {"sharing": "ple"},
    "mgda": {"peer_sharing": Averaging(2, 0.3), "n_peers": 3},
    "imtl_g": {"peer_sharing": AdditivePeers(0.1), "n_peers": 3},
    "aligned_mtl": {"peer_sharing": BatchEnsemble(), "n_peers": 3},
    "log": {"patience": float("inf"), "validated": False, "record": ("gradient_norms",)},
    "stch": {"validated": False},
    "soft_optimal_uncertainty": {"sharing": Relationship(0.1, forgetting=(0.3, 0.0, 1.0))},
    "fairgrad": {"sharing": LatentTasks(sparsity=0.5)},
}


def make_training(balancer, *, validated=True, patience=2, **changes):
    """Three members with rows held out, dropout, early stopping at different epochs, and a member that diverges."""
    kept = (~HELD_OUT).double()
    data = make_data(members=kept)
    every = torch.arange(N).expand(3, N)
    validation = Validation(make_objective(LAYOUT), data, every, HELD_OUT.double())
    settings = {"patience": patience, "max_iter": EPOCHS, "tol": 0.005, "dropout": 0.3, **changes}
    given = BALANCERS[balancer](), [0, 1, 2], data, validation if validated else None
    return make(*given, teams=np.arange(3), **settings)


def to_bytes(state, arrays):
    file = io.BytesIO()
    np.savez(file, json=np.array(json.dumps(state)), **arrays)
    return file.getvalue()


def from_bytes(content):
    arrays = dict(np.load(io.BytesIO(content), allow_pickle=False))
    return json.loads(str(arrays.pop("json"))), arrays


def everything(training):
    """All that a fit leaves behind, as bytes."""
    kept = training.stopping.kept().numpy()
    history = training.history.arrays()
    parts = [kept, training.network.buffer.values.numpy(), training.stopping.best_epoch, *history.values()]
    return [*(part.tobytes() for part in parts), training.streams.state(), sorted(training.failures)]


@pytest.mark.parametrize("balancer", FORMS)
def test_training_goes_on_from_the_state_after_any_epoch(balancer):
    whole, states = make_training(balancer, **FORMS[balancer]), []
    for epoch in range(EPOCHS):
        states.append(to_bytes(*whole.state()))
        whole.advance(epoch + 1)
    assert len(whole.history) > 2
    for state in states:
        resumed = make_training(balancer, **FORMS[balancer])
        resumed.load_state(*from_bytes(state))
        resumed.advance(EPOCHS)
        assert everything(resumed) == everything(whole)


@pytest.mark.parametrize("balancer", ["static", "gradnorm", "famo"])
def test_some_of_the_members_go_on_from_their_state(balancer):
    members = torch.tensor([0, 2])
    whole = make_training(balancer, patience=float("inf"))
    whole.advance(2)
    whole = whole.select(members)
    state = to_bytes(*whole.state())
    whole.advance(EPOCHS)
    resumed = make_training(balancer, patience=float("inf")).select(members)
    resumed.load_state(*from_bytes(state))
    resumed.advance(EPOCHS)
    assert everything(resumed) == everything(whole)


def test_a_team_that_has_diverged_stays_out():
    rates = torch.tensor([0.02, 1e200, 0.02], dtype=torch.float64)
    whole = make_training("static", learning_rate=rates, patience=float("inf"))
    whole.advance(3)
    assert list(whole.failures) == [1]
    resumed = make_training("static", learning_rate=rates, patience=float("inf"))
    resumed.load_state(*from_bytes(to_bytes(*whole.state())))
    assert str(resumed.failures[1]) == str(whole.failures[1])
    assert resumed.stopping.active.tolist() == [True, False, True]
