"""Predictions and scores of rows in blocks are those of the rows in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skmtl import MultiTaskNet, MultiTaskNetRegressor
from skmtl.blocks import Source

N = 90


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    frame["price"] = np.where(rng.random(N) < 0.3, np.nan, frame["a"])
    frame["sold"] = pd.Categorical(np.where(frame["b"] > 0, "yes", "no"))
    return frame.assign(w=rng.random(N))


@pytest.fixture(scope="module")
def file(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(pa.Table.from_pandas(table[["w", "sold", "b", "price", "a"]]), path, row_group_size=40)
    return path


@pytest.fixture(scope="module")
def net(table: pd.DataFrame) -> MultiTaskNet:
    net = MultiTaskNet(hidden_layer_sizes=4, n_estimators=2, max_iter=2, effort="fixed", dtype="float64")
    return net.fit(table[["a", "b"]], table[["price", "sold"]])


def test_predictions_of_a_file_are_those_of_its_rows(net: MultiTaskNet, table: pd.DataFrame, file: Path) -> None:
    """The file has further columns, in another order."""
    X = table[["a", "b"]]
    np.testing.assert_allclose(net.predict_proba(file)[1], net.predict_proba(X)[1], rtol=1e-12)
    np.testing.assert_array_equal(net.predict(file)[:, 1], net.predict(X)[:, 1])
    pd.testing.assert_frame_equal(net.predict_frame(file), net.predict_frame(X))


def test_scores_of_a_file_are_those_of_its_rows(net: MultiTaskNet, table: pd.DataFrame, file: Path) -> None:
    in_memory = net.score_tasks(table[["a", "b"]], table[["price", "sold"]], table["w"])
    assert net.score_tasks(file, ["price", "sold"], "w") == pytest.approx(in_memory)
    with_weights = MultiTaskNet(hidden_layer_sizes=4, n_estimators=1, max_iter=1, effort="fixed", dtype="float64")
    with_weights.fit(X := table[["a", "b", "w"]], table[["price", "sold"]])  # a feature that weighs the rows, too
    weighted = with_weights.score_tasks(X, table[["price", "sold"]], table["w"])
    assert with_weights.score_tasks(file, ["price", "sold"], "w") == pytest.approx(weighted)
    assert net.score(Source(file, ["price", "sold"], "w")) == pytest.approx(np.mean(list(in_memory.values())))


def test_frames_go_to_a_file_as_a_whole(net: MultiTaskNet, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.parquet"
    assert net.predict_frame(file, out=out) == out
    pd.testing.assert_frame_equal(pd.read_parquet(out), net.predict_frame(file))
    assert pq.ParquetFile(out).num_row_groups == 3
    net.predict_proba_frame(file, out=out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), net.predict_proba_frame(file))
    kept = out.read_bytes()
    broken = [(pd.DataFrame({"a": [1.0], "b": [1.0]}),), (pd.DataFrame({"a": [1.0], "b": [np.inf]}),)]
    with pytest.raises(ValueError, match=r"block 1: .*b.*infinity"):
        net.predict_frame(broken, out=out)
    assert out.read_bytes() == kept
    assert list(tmp_path.iterdir()) == [out]


def test_predictions_go_nowhere_else(net: MultiTaskNet, file: Path) -> None:
    with pytest.raises(TypeError, match=r"out must be an array of numpy.*got str"):
        net.predict(file, out="predicted.npy")
    with pytest.raises(TypeError, match="out must be the path of a Parquet file to write; got ndarray"):
        net.predict_frame(file, out=np.empty((N, 2)))


def test_predictions_go_to_an_array_in_a_file(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(N, 2))
    X_file = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", shape=X.shape)
    X_file[:] = X
    net = MultiTaskNetRegressor(hidden_layer_sizes=4, n_estimators=1, max_iter=2, effort="fixed", dtype="float64")
    net.fit(X_file, X)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", mode="w+", shape=X.shape)
    blocks = [(X[:40],), (X[40:], None)]
    assert net.predict(blocks, out=out) is out
    np.testing.assert_allclose(out, net.predict(X), rtol=1e-12)
    np.testing.assert_allclose(net.predict(X_file, out=np.empty_like(X)), out, rtol=1e-12)
    for bad, message in [
        (np.empty((N, 3)), r"out must be of shape \(n_samples, 2\)"),
        (np.empty((N - 1, 2)), "with a row for each of X"),
        (np.empty((N + 1, 2)), f"a row for each of the {N} of X; it has {N + 1}"),
        (np.empty((N, 2), dtype=int), "out must hold values of type float64; got an array of int64"),
    ]:
        with pytest.raises(ValueError, match=message):
            net.predict(blocks, out=bad)
