"""Forked processes of one whose torch has used several threads; each case has a time limit."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")

PARENT = """
import copy, os, pickle, signal, sys
import numpy as np
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor
from skmtl.model_selection import MultiTaskSearchCV

torch.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(1000, 40))  # more cells than torch computes with in one thread
Y = X[:, :2]
BIG = {"hidden_layer_sizes": (160,), "n_estimators": 2, "max_iter": 1, "random_state": 0, "batch_size": 256}

def net(**params):
    return MultiTaskNetRegressor(**BIG | params)

def fitted(**params):
    model = net(**params).fit(X, Y)
    model.predict(X)
    return model

plain, modular = fitted(n_jobs=2), fitted(encoder=torch.nn.Linear(40, 850), n_jobs=2)
saved = [pickle.dumps(plain), pickle.dumps(modular)]
torch.rand(500, 500) @ torch.rand(500, 500)
torch.zeros(1 << 20).add_(1)

def search(**params):
    return MultiTaskSearchCV(net(max_iter=3), {"weight_decay": [0.01, 0.1, 0.2, 0.3]}, cv=2, **params).fit(X, Y)
"""

FORK = """
def run():
    {code}

pid = os.fork()
if pid == 0:
    signal.alarm(30)
    try:
        run()
        assert torch.get_num_threads() == 2
    except BaseException as error:
        print(type(error), error, flush=True)
        os._exit(1)
    os._exit(0)
status = os.waitpid(pid, 0)[1]
print({code!r}, "ends with" if status == 0 else "hangs or fails with", status, flush=True)
"""

CHILDREN = [
    "net().fit(X, Y)",
    "net(n_jobs=2, dtype='float64').fit(X, Y)",
    "net(encoder=modular.encoder).fit(X, Y)",
    "net().partial_fit(X, Y).partial_fit(X, Y)",
    "plain.partial_fit(X, Y)",
    "plain.score(X, Y)",
    "modular.predict_frame(X)",
    "plain.inspect_sharing(X)",
    "plain.task_view(0).predict(X)",
    "[pickle.loads(file).predict(X) for file in saved]",
    "clone(modular)",
    "copy.deepcopy([net(encoder=modular.encoder), modular])",
    "MultiTaskNetClassifier(**BIG).fit(X, Y > 0).predict_proba(X)",
    "net(input_scaling=True, local_correction=True, early_stopping=True).fit(X, Y).predict(X)",
    "search()",
    "search(elimination='halving')",
]

POOL = """
with parallel_config(backend="multiprocessing", n_jobs=2):
    scores = cross_val_score(modular, X[:500], Y[:500], cv=2)
    searches = [search(), search(elimination="halving")]
assert np.array_equal(scores, cross_val_score(modular, X[:500], Y[:500], cv=2))
assert np.array_equal(searches[0].cv_results_["mean_test_score"], search().cv_results_["mean_test_score"])
print("a pool ends with 0")
"""


def run(code, seconds):
    """Output of a process of its own group, which is ended with all its children."""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-W", "ignore", "-c", PARENT + code]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            return "hangs"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_forked_children_and_workers_do_all_that_their_parent_does():
    """A pool of threads is not there in a forked child, and whoever asks it to work waits for ever."""
    output = run("".join(FORK.format(code=code) for code in CHILDREN) + POOL, 320)
    assert output.splitlines() == [f"{code} ends with 0" for code in [*CHILDREN, "a pool"]]
