"""What cannot be learned from, and errors that name file and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import dataset

from skmtl import MultiTaskNet
from skmtl.blocks import Source
from skmtl.checkpoints import fingerprint
from skmtl.estimators._identity import identity_of
from skmtl.model_selection import MultiTaskSearchCV, TaskGroupingCV, cross_validate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = np.column_stack([X[:, 0], (X[:, 1] > 0).astype(float)])
SMALL = {"hidden_layer_sizes": 4, "n_estimators": 1, "max_iter": 2, "random_state": 0}


def fit(source: Any, net: dict[str, Any] | None = None, **given: Any) -> MultiTaskNet:
    settings = SMALL | {"tasks": ["regression", "binary"]} | (net or {})
    return MultiTaskNet(**settings).fit(Source(source, in_memory=False, buffer_bytes=1), **given)


def blocks(last: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [(X[:20], Y[:20]), (X[20:40], Y[20:40]), last]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ((X[40:, :1], Y[40:]), r"block 2: X has the columns \['1'\], and \['2'\] in block 0"),
        ((X[40:].astype(str), Y[40:]), r"block 2: column '2' of X holds values of type <U\d+, and of type number"),
        ((X[:0], Y[:0]), "block 2: the block has no rows. Leave it out"),
        ((X[40:], Y[40:, :1]), "block 2: y has 1 tasks; the estimator was fitted to 2"),
        ((X[40:], Y[41:]), "block 2: .* inconsistent numbers of samples"),
        ((X[40:], Y[40:].astype(str)), "block 2: Task 'task0' has string labels here, and number labels before"),
        ((X[40:], Y[40:], -np.ones(20)), "block 2: sample_weight must be finite and not negative"),
    ],
)
def test_a_bad_block_is_named(last: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(blocks(last))


def test_a_task_without_labels_is_named() -> None:
    holes = Y * [1, np.nan]
    with pytest.raises(ValueError, match="Task 'task1' has no label in any block"):
        fit([(X[:30], holes[:30]), (X[30:], holes[30:])])


class Changing:
    """Blocks of which the last is another one when it is read again."""

    def __init__(self, then: tuple[Any, ...]) -> None:
        self.given, self.then, self.reads = blocks((X[40:], Y[40:])), then, 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        self.reads += index == 2
        return self.then if index == 2 and self.reads > 1 else self.given[index]


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ((X[40:], Y[40:] + 1), "block 2: the labels have changed .* label 2.0 is not among the classes"),
        ((X[41:], Y[41:]), "block 2: the block has 19 rows, and had 20 when it was first read"),
    ],
)
def test_blocks_that_change_between_passes_are_named(then: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(Changing(then))


def write(path: Path, frame: pd.DataFrame) -> Path:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(price=Y[:, 0], sold=Y[:, 1])
    write(tmp_path / "0.parquet", frame[:30])
    write(tmp_path / "1.parquet", frame[30:])
    return tmp_path


def test_files_of_other_columns_and_types_are_named(folder: Path) -> None:
    frame = pd.read_parquet(folder / "1.parquet")
    for changed, message in [
        (
            frame.astype({"a": str}),
            r"1.parquet': column 'a' is of type (large_)?string, and of type double in",
        ),
        (frame.drop(columns="sold"), r"1.parquet' has no column 'sold', which file .*0.parquet' has"),
    ]:
        write(folder / "1.parquet", changed)
        with pytest.raises(ValueError, match=message):
            Source(folder, ["price", "sold"])


def test_a_file_that_changes_between_passes_is_named(folder: Path) -> None:
    source = Source(folder, ["price", "sold"])
    net, frame = MultiTaskNet(), pd.read_parquet(folder / "1.parquet")
    before = fingerprint(identity_of(net, source))
    write(folder / "1.parquet", pd.concat([frame, frame]))
    with pytest.raises(ValueError, match=r"1.parquet' has changed since it was first read"):
        source.read_all()
    changed = fingerprint(identity_of(net, Source(folder, ["price", "sold"])))
    assert changed != before  # by which no fit goes on from its checkpoints


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    content = bytearray((folder / "1.parquet").read_bytes())
    content[4:200] = bytes(196)  # the first pages, and not the footer, in which the schema is
    (folder / "1.parquet").write_bytes(content)
    with pytest.raises(OSError, match=r"file '.*1.parquet', row group 0: "):
        Source(folder, ["price", "sold"]).read_all()
    (folder / "1.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"1.parquet.*not a parquet file"):
        Source(folder, ["price", "sold"])


def test_row_groups_without_rows_are_passed_over(folder: Path, tmp_path: Path) -> None:
    """Spark writes files of them."""
    table = pa.Table.from_pandas(pd.read_parquet(folder / "0.parquet"), preserve_index=False)
    assert Source(folder, iter(["price", "sold"])).blocks.sizes == [30, 30]
    write(folder / "2.parquet", table.slice(0, 0).to_pandas())
    assert Source(folder, ["price", "sold"]).blocks.sizes == [30, 30]
    (tmp_path / "none").mkdir()
    write(tmp_path / "none" / "0.parquet", table.slice(0, 0).to_pandas())
    with pytest.raises(ValueError, match=r"There is no row in '.*none'"):
        Source(tmp_path / "none", ["price", "sold"])


def test_what_is_no_source_is_told(folder: Path, tmp_path: Path) -> None:
    for y, weight, message in [
        (["price", "rooms"], None, r"y names column 'rooms'; the columns of the data are \['a'"),
        ("price", "w", "sample_weight names column 'w'"),
        (["price", "sold"], "price", "y and sample_weight name the same column 'price'"),
        (["price", "sold", "a", "b"], None, "y and sample_weight name all columns of the data; leave at least 1"),
        (Y, None, r"y must be the name of a column, or a list of names.*; got values of type ndarray"),
        ([0, 1], None, "y must be the name of a column.*got values of type int.*are strings"),
        ([], None, "y must be the name of a column.*got no name"),
        ("price", np.ones(60), "sample_weight must be the name of a column.*got values of type float64"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            Source(folder, y, weight)
    with pytest.raises(ValueError, match="requires y"):
        MultiTaskNet().fit(folder)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        MultiTaskNet().fit(folder / "nowhere", y="price")
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no Parquet file"):
        MultiTaskNet().fit(empty, y="price")
    filtered = dataset.dataset(folder).filter(dataset.field("a") > 0)
    with pytest.raises(ValueError, match="has a filter"):
        MultiTaskNet().fit(filtered, y="price")
    with pytest.raises(ValueError, match="leave these out"):
        MultiTaskNet().fit(blocks((X, Y)), Y)


def test_rows_that_come_once_are_refused() -> None:
    with pytest.raises(TypeError, match=r"once only.*partial_fit"):
        MultiTaskNet().fit(block for block in blocks((X, Y)))


def test_partial_fit_takes_no_source(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"partial_fit takes rows in memory.*fit"):
        MultiTaskNet().partial_fit(folder, ["price", "sold"])


def test_what_divides_rows_into_folds_takes_no_source(folder: Path) -> None:
    source = Source(blocks((X[40:], Y[40:])), in_memory=False)
    with pytest.raises(TypeError, match=r"MultiTaskSearchCV takes rows in memory.*read_all"):
        MultiTaskSearchCV(MultiTaskNet(), {"dropout": [0.0, 0.1]}).fit(folder, ["price", "sold"])
    with pytest.raises(TypeError, match=r"TaskGroupingCV takes rows in memory"):
        TaskGroupingCV(MultiTaskNet()).fit(source, None)
    with pytest.raises(TypeError, match=r"cross_validate takes rows in memory"):
        cross_validate(MultiTaskNet(), source, None)


@pytest.mark.parametrize(
    ("net", "given", "name"),
    [
        ({"collaboration": "mutual_learning"}, {}, "collaboration='mutual_learning'"),
        ({"kernel_blend": True}, {}, "kernel_blend=True"),
        ({"calibration": "sigmoid"}, {}, "calibration='sigmoid'"),
        ({"cv": 3}, {}, "cv=3"),
        ({}, {"groups": np.arange(60)}, "groups"),
    ],
)
def test_what_takes_rows_in_memory_is_refused(net: dict[str, Any], given: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} takes all rows in memory.*in_memory=True"):
        fit(blocks((X[40:], Y[40:])), net, **given)
