"""Fits to rows in blocks: laws against fits to rows in memory, and what they leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from skmtl import Checkpoint, MultiTaskNet, MultiTaskNetClassifier
from skmtl.blocks import ArrayBlocks, RowReader, Source, Survey
from skmtl.estimators._fit_inputs import read_inputs
from skmtl.estimators._sources import read_source
from skmtl.fitting import prepare
from skmtl.training import Batch, Training
from skmtl.training._step import Step

N = 700
SMALL = {"hidden_layer_sizes": 6, "n_estimators": 2, "max_iter": 3, "random_state": 0, "effort": "fixed"}
PLAIN = {"input_scaling": False, "kernel_blend": False, "local_correction": False}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Numbers, categories, holes, fractional weights, a numeric and a named target, the rows sorted by the latter."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, N))
    kind = rng.choice(["red", "green", "blue"], N)
    price = a + b**2 + (kind == "red")
    frame = pd.DataFrame({"a": a, "b": b, "kind": pd.Categorical(kind), "w": rng.random(N) + 0.5})
    frame["price"] = np.where(rng.random(N) < 0.2, np.nan, price)
    frame["sold"] = np.where(a > 0, "yes", "no").astype(object)
    frame.loc[rng.random(N) < 0.1, "b"] = np.nan
    return frame.sort_values("sold", ignore_index=True)


@pytest.fixture(scope="module")
def folder(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows")
    for k, part in enumerate(np.array_split(np.arange(N), 3)):
        arrow = pa.Table.from_pandas(table.iloc[part], preserve_index=False)
        pq.write_table(arrow, path / f"{k}.parquet", row_group_size=100)
    return path


def assert_same_fit(one: Any, other: Any, X: Any) -> None:
    for name, values in one.history_.items():
        np.testing.assert_array_equal(values, other.history_[name])
    np.testing.assert_array_equal(one.network_.buffer.values, other.network_.buffer.values)
    for mine, theirs in zip(one.predict_frame(X).items(), other.predict_frame(X).items(), strict=True):
        assert mine[0] == theirs[0]
        np.testing.assert_array_equal(mine[1], theirs[1])


def test_one_buffer_gives_the_bits_of_a_fit_in_memory(table: pd.DataFrame, folder: Path) -> None:
    train, X_val, y_val = table[["a", "b", "kind"]], table[["a", "b", "kind"]][::3], table[["price", "sold"]][::3]
    net = MultiTaskNet(**SMALL, **PLAIN)
    resident = net.fit(train, table[["price", "sold"]], table["w"], X_val=X_val, y_val=y_val)
    source = Source(folder, ["price", "sold"], "w", in_memory=False)
    streamed = MultiTaskNet(**SMALL).fit(source, X_val=X_val, y_val=y_val)
    assert list(streamed.feature_names_in_) == ["a", "b", "kind"]
    assert_same_fit(streamed, resident, train)


def test_class_weights_count_as_in_memory(table: pd.DataFrame) -> None:
    X, y = table[["a", "b"]].to_numpy(), (table["sold"] == "yes").to_numpy() & (np.arange(N) % 3 > 0)
    net = MultiTaskNetClassifier(**SMALL, class_weight="balanced", early_stopping=False)
    blocks = [(X[k : k + 150], y[k : k + 150]) for k in range(0, N, 150)]
    streamed = MultiTaskNetClassifier(**net.get_params()).fit(Source(blocks, in_memory=False))
    assert_same_fit(streamed, net.fit(X, y), X)


def test_few_rows_are_fitted_to_in_memory(table: pd.DataFrame, folder: Path) -> None:
    resident = MultiTaskNet(**SMALL, **PLAIN, cv=2).fit(table[["a", "b", "kind"]], table[["price", "sold"]], table["w"])
    streamed = MultiTaskNet(**SMALL, **PLAIN, cv=2).fit(folder, y=["price", "sold"], sample_weight="w")
    assert_same_fit(streamed, resident, table[["a", "b", "kind"]])


def survey(table: pd.DataFrame, block_rows: int, **settings: Any) -> Survey:
    blocks = ArrayBlocks(table[["a", "b"]], table[["price", "sold"]], table["w"], block_rows=block_rows)
    source = Source(blocks, sample_rows=100)
    return Survey.of(source, RowReader(blocks, None, "MultiTaskNet"), 5, 60)


def test_a_survey_is_the_same_for_any_blocks(table: pd.DataFrame) -> None:
    one, other = survey(table, 13), survey(table, 400)
    assert one.held_out is not None
    assert other.held_out is not None
    pd.testing.assert_frame_equal(one.sample.X, other.sample.X)
    pd.testing.assert_frame_equal(one.held_out.X, other.held_out.X)
    assert (len(one.sample.X), len(one.held_out.X), one.n_rows) == (100, 60, N - 60)
    kept = pd.concat([one.read(k).X for k in range(len(one.learned))])
    assert len(kept.merge(one.held_out.X, on=["a", "b"])) == 0  # no row judges that is learned from
    assert [len(one.read(k).X) for k in range(len(one.learned))] == one.learned.tolist()
    for mine, theirs in zip(one.labels, other.labels, strict=True):
        assert mine.totals == pytest.approx(theirs.totals) if mine.totals else theirs.totals is None
        assert mine.total == pytest.approx(theirs.total)


def test_classes_and_tasks_that_a_sample_misses_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skmtl.blocks._survey.CELLS_OF_TASK", 40)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    common, late, rare = (X[:, 0] > 0).astype(int), np.zeros(4000), np.full(4000, np.nan)
    late[2000] = 7  # which neither the rows of the sample have nor the labels that are kept
    rare[::400] = X[::400, 1] * 10 + 50
    y = np.column_stack([common, late, rare])
    source = Source([(X[k : k + 1000], y[k : k + 1000]) for k in range(0, 4000, 1000)], in_memory=False, sample_rows=50)
    net = MultiTaskNet(**SMALL | {"effort": "best"}, tasks=["binary", "binary", "regression"]).fit(source)
    assert net.classes_[1].tolist() == [0, 7]
    assert net.tasks_[2].center == pytest.approx(np.nanmean(rare))
    assert np.isnan(net.history_["validation_loss"][:, :, 2]).all()  # about one label is held out, which tells nothing
    assert not np.isnan(net.history_["validation_loss"][:, :, :2]).any()
    for name in ("local_correction", "kernel_blend", "input_scaling", "effort"):
        assert "in blocks" in net.auto_params_[name].reason


def test_buffers_that_share_memory_hold_the_encoded_rows(table: pd.DataFrame, folder: Path) -> None:
    """Over two passes of several buffers, of which one is read while another is learned from."""
    net = MultiTaskNet(**SMALL, **PLAIN, batch_size=32, early_stopping=False)
    source = Source(folder, ["price", "sold"], "w", in_memory=False, buffer_bytes=12_000)
    streamed = prepare(net.get_params(), read_source(net, source, 0, (None, None, None), continued=False)).data
    inputs = read_inputs(net, table[["a", "b", "kind"]], table[["price", "sold"]], table["w"])
    resident = prepare(net.get_params(), inputs).data
    for number in range(2):
        found, expected = (
            sorted(
                row
                for batch in data.batches(32, [np.random.default_rng(number)])
                for row in torch.cat([batch.x[0], batch.targets[0], batch.weights[0]], 1).tolist()
            )
            for data in (streamed, resident)
        )
        assert found == expected
    streamed._reader.submit(int).result()  # what was asked for has been read
    first = streamed._load([0])
    before = first.rows.take(slice(None)).clone()
    streamed._load([1])  # while the first is learned from
    assert torch.equal(first.rows.take(slice(None)), before)


def test_the_epochs_of_a_pass_see_every_row_once(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table[["a"]].to_numpy(), table["sold"].to_numpy()
    blocks = ArrayBlocks(X, y, table["w"].to_numpy(), block_rows=90)
    source = Source(blocks, in_memory=False, held_out_rows=50, epoch_rows=250, buffer_bytes=9000)
    net = MultiTaskNetClassifier(**SMALL | {"max_iter": 6}, n_iter_no_change=np.inf, class_weight="balanced")
    job = prepare(net.get_params(), read_source(net, source, 0, (None, None, None), continued=False))
    assert job.data.epochs_per_pass == 3
    seen, weights, plain = list[float](), list[float](), Step.__call__

    def step(self: Step, batch: Batch, *args: Any) -> torch.Tensor:
        seen.extend(batch.x[0].sum(1).tolist())
        weights.append(float(batch.weights.sum()))
        return plain(self, batch, *args)

    monkeypatch.setattr(Step, "__call__", step)
    net.fit(source)
    assert len(seen) == 2 * (N - 50)
    assert sorted(seen[: N - 50]) == sorted(seen[N - 50 :])
    assert seen[: N - 50] != seen[N - 50 :]
    assert sum(weights) / 2 == pytest.approx(float(job.data.totals), rel=1e-5)


class KilledError(BaseException):
    """Stands for the end of the process."""


def test_a_killed_fit_goes_on_within_a_pass(
    table: pd.DataFrame, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two of three epochs of a pass, with the bits of a fit without a break."""
    settings = {"buffer_bytes": 12_000, "epoch_rows": 200, "sample_rows": 50, "held_out_rows": 50, "in_memory": False}
    net = MultiTaskNet(**SMALL | {"max_iter": 5}, batch_size=32, checkpoint=Checkpoint(tmp_path, interval=1))

    def fit(checkpoint: Checkpoint | None) -> MultiTaskNet:
        source = Source(folder, ["price", "sold"], "w", **settings)
        return MultiTaskNet(**net.get_params(deep=False) | {"checkpoint": checkpoint}).fit(source)

    undisturbed, plain, done, last = fit(None), Training.epoch, list[int](), 2

    def epoch(training: Training) -> torch.Tensor:
        if (number := len(training.history)) == last:
            raise KilledError
        done.append(number)
        return plain(training)

    monkeypatch.setattr(Training, "epoch", epoch)
    with pytest.raises(KilledError):
        fit(net.checkpoint)
    last = -1
    resumed = fit(net.checkpoint)
    assert done == [0, 1, 2, 3, 4]
    assert_same_fit(resumed, undisturbed, table[["a", "b", "kind"]])


def test_row_groups_without_rows_are_passed_over(tmp_path: Path) -> None:
    rows = pa.table({"a": np.arange(40.0), "b": np.arange(40.0) ** 2})
    for name, parts in {"whole": [rows], "gaps": [rows[:0], rows[:25], rows[:0], rows[25:]]}.items():
        with pq.ParquetWriter(tmp_path / name, rows.schema) as writer:
            for part in parts:
                writer.write_table(part)
    assert pq.ParquetFile(tmp_path / "gaps").num_row_groups == 4
    net = MultiTaskNet(tasks=["regression"], **SMALL, **PLAIN)
    gaps, whole = (net.fit(tmp_path / name, y="b").predict(tmp_path / name) for name in ("gaps", "whole"))
    np.testing.assert_array_equal(gaps, whole)
