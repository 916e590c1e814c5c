"""Files that other programs run.

Each export takes seconds, so that networks are narrow; set SKMTL_SLOW_TESTS=1 for deeper encoders, too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskNetClassifier, MultiTaskNetRegressor, to_onnx
from skmtl.encoders import ConvolutionEncoder, SequenceEncoder
from skmtl.export import to_codes

Table = tuple[pd.DataFrame, pd.DataFrame]


def test_a_file_gives_the_predictions_of_the_estimator(net: Any, table: Table, tmp_path: Path) -> None:
    X = table[0]
    to_onnx(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    for n_rows in (1, 13):
        found = session.run(["price", "sold", "X_output", "view"], {"X": to_codes(net, X[:n_rows])})
        labels, probabilities = net.predict(X[:n_rows]), net.predict_proba(X[:n_rows])
        for k, values in enumerate(found):
            wanted = labels[:, k].astype(float) if probabilities[k] is None else probabilities[k]
            np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-5)
    told = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    assert told["columns"] == ["year", "place", "amount", "old"]
    assert told["categories"] == {"place": ["Oslo", "Porto"]}
    assert np.array_equal(codes_of(X, told["categories"]), to_codes(net, X), equal_nan=True)
    assert told["tasks"][1] == {
        "name": "sold",
        "output": "sold",
        "classes": [False, True],
        "threshold": net.thresholds_["sold"],
    }
    assert told["tasks"][2]["output"] == "X_output"
    assert told["tasks"][3] == {"name": "view", "output": "view"}


def codes_of(X: pd.DataFrame, categories: dict[str, list[Any]]) -> np.ndarray:
    """Codes as the guide makes them without skmtl."""
    codes = X.copy()
    for column, values in categories.items():
        code = {value: float(position) for position, value in enumerate(values)}
        codes[column] = X[column].map(code).fillna(-1).where(X[column].notna())
    return codes.to_numpy(dtype=float)


PLAIN = {"n_estimators": 1, "max_iter": 1, "dtype": "float32", "effort": "fixed", "random_state": 0}
SLOW = pytest.mark.skipif("SKMTL_SLOW_TESTS" not in os.environ, reason="takes half a minute")
TOKENS = np.random.default_rng(0).integers(0, 5, (40, 3))
IMAGES = np.random.default_rng(0).random((40, 1, 4, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("encoder", "X"),
    [
        (SequenceEncoder(layer="mean", n_units=3, embedding_size=3), TOKENS),
        (ConvolutionEncoder(channels=(2,), blocks=1), IMAGES),
        pytest.param(SequenceEncoder(n_units=3, embedding_size=3), TOKENS, marks=SLOW),
        pytest.param(ConvolutionEncoder(channels=(4, 6)), IMAGES, marks=SLOW),
    ],
    ids=["tokens", "images", "recurrence", "residuals"],
)
def test_files_of_tokens_and_images(encoder: Any, X: np.ndarray, tmp_path: Path) -> None:
    net = MultiTaskNetRegressor(encoder=encoder, hidden_layer_sizes=(), local_correction=False, **PLAIN)
    net.fit(X, X.reshape(40, -1)[:, :2])
    to_onnx(net, tmp_path / "net.onnx")
    found = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"X": X[:7]})
    np.testing.assert_allclose(np.column_stack(found), net.predict(X[:7]), rtol=1e-5, atol=1e-5)


WITHOUT_SKMTL = """
import sys

sys.modules["skmtl"] = None  # an import of it fails
import numpy as np
import torch

rows = torch.from_numpy(np.load(sys.argv[2]))
module = torch.export.load(sys.argv[1]).module()
for n_rows in (1, len(rows)):
    np.save(sys.argv[3], module(rows[:n_rows])["sold"].detach().numpy())
"""


def test_a_program_loads_where_skmtl_is_not(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(40, 4))
    net = MultiTaskNetClassifier(hidden_layer_sizes=(4,), local_correction=False, **PLAIN)
    net.fit(X, pd.DataFrame({"sold": X[:, 0] > 0, "seen": X[:, 1] > 0}))
    rows = torch.from_numpy(X)
    program = torch.export.export(net.to_module(), (rows,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    with pytest.raises(AssertionError, match="Guard failed"):
        program.module()(rows[:, :3])
    paths = [str(tmp_path / name) for name in ("net.pt2", "rows.npy", "sold.npy")]
    torch.export.save(program, paths[0])
    np.save(paths[1], X[:20])
    subprocess.run([sys.executable, "-c", WITHOUT_SKMTL, *paths], check=True)
    np.testing.assert_allclose(np.load(paths[2]), net.predict_proba(X[:20])[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wrong", [make_pipeline(StandardScaler(), MultiTaskNetClassifier()), object()])
def test_only_nets_become_files(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"to_onnx takes a fitted estimator .* of a Pipeline its last step"):
        to_onnx(wrong, tmp_path / "net.onnx")
    with pytest.raises(TypeError, match=r"to_codes takes a fitted estimator .* of a Pipeline its last step"):
        to_codes(wrong, np.ones((2, 2)))


def test_views_do_not_become_files(net: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"got a view of one task\. Pass the estimator that it views"):
        to_onnx(net.task_view("sold"), tmp_path / "net.onnx")


def test_the_cure_for_missing_packages_is_told(net: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install skmtl\[onnx\]"):
        to_onnx(net, tmp_path / "net.onnx")
