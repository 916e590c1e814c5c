"""What one process has begun goes on in another with the same bits: a pickle, files, a seed, a training run."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np

import skmtl
from skmtl import MultiTaskNetClassifier
from tests._variants import answers, module, variants
from tests.training.test_state import EPOCHS, from_bytes, make_training, to_bytes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = (X[:, :2] > 0).astype(float)
Y[::7, 0] = np.nan
OTHER = """
import pathlib, pickle, sys
import torch

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
model = pickle.loads((folder / "model.pkl").read_bytes())  # before anything of skmtl is imported
from tests.contracts.test_another_process import from_files, results

found = results(model, (folder / "state.npz").read_bytes()) | {"files": from_files(folder)}
(folder / "results.pkl").write_bytes(pickle.dumps(found))
"""


def fit():
    net = MultiTaskNetClassifier(hidden_layer_sizes=(16,), dropout=0.2, max_iter=5, random_state=7)
    return net.fit(X, Y)


def results(model, state):
    """Bytes of what a fitted model predicts, of what a fit with the same seed does, and of a run that goes on."""
    training = make_training("famo")
    training.load_state(*from_bytes(state))
    training.advance(EPOCHS)
    return {
        "pickle": np.stack(model.predict_proba(X)).tobytes(),
        "seed": np.stack(fit().predict_proba(X)).tobytes(),
        "training": end_of(training),
    }


def from_files(folder):
    """What estimators that were saved say of their rows."""
    rows = pickle.loads((folder / "rows.pkl").read_bytes())
    files = {name: skmtl.load(folder / f"{name}.skmtl", modules={"Sequential": module}) for name in rows}
    return {name: answers(files[name], rows[name]) for name in rows}


def end_of(training):
    """What has been saved of training, with arrays as bytes."""
    state, arrays = from_bytes(to_bytes(*training.state()))
    return state, {name: array.tobytes() for name, array in arrays.items()}


def test_another_process_gives_the_same_bits(tmp_path):
    model, begun = fit(), make_training("famo")
    begun.advance(3)
    saved = dict(variants())
    for name, (net, _) in saved.items():
        skmtl.save(net, tmp_path / f"{name}.skmtl")
    (tmp_path / "rows.pkl").write_bytes(pickle.dumps({name: rows for name, (_, rows) in saved.items()}))
    state = to_bytes(*begun.state())
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    (tmp_path / "state.npz").write_bytes(state)
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], cwd=root, check=True, timeout=300)
    begun.advance(EPOCHS)
    expected = results(model, state) | {"files": {name: answers(*variant) for name, variant in saved.items()}}
    assert pickle.loads((tmp_path / "results.pkl").read_bytes()) == expected
    assert expected["training"] == end_of(begun)
