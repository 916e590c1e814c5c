from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skmtl import MultiTaskNet
from skmtl.datasets import stack_datasets

UCI = pd.DataFrame({"age": [40.0, 50.0, 60.0], "city": ["Oslo", None, "Porto"], "bmi": [20.0, 25.0, np.nan]})
CLINIC = pd.DataFrame({"city": ["Porto", "Oslo"], "age": [45, 55], "weight": [80.0, 90.0]})
Y_UCI = pd.DataFrame({"sick": [0, 1, None], "stay": [1.0, 2.0, 3.0]}).astype({"sick": "Int64"})
Y_CLINIC = pd.DataFrame({"stay": [4.5, np.nan], "ward": ["a", "b"]})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_united_by_name_and_come_apart_again(library: str) -> None:
    convert = pl.from_pandas if library == "polars" else lambda frame: frame
    pairs = {"uci": (UCI, Y_UCI), "clinic": (CLINIC, Y_CLINIC)}
    stacked = stack_datasets({name: (convert(X), convert(y)) for name, (X, y) in pairs.items()})
    assert list(stacked.X.columns) == ["age", "city", "bmi", "weight"]
    assert list(stacked.y.columns) == ["sick", "stay", "ward"]
    assert stacked.source_.tolist() == ["uci"] * 3 + ["clinic"] * 2
    for values, own in ((stacked.X, 0), (stacked.y, 1)):
        for name, part in stacked.split(values).items():
            frame = part.to_pandas() if library == "polars" else part.reset_index(drop=True)
            wanted = pairs[name][own]
            assert set(frame.columns) == set(wanted.columns)
            pd.testing.assert_frame_equal(frame[list(wanted.columns)], wanted, check_dtype=False)


def test_labels_keep_their_types() -> None:
    dtypes = stack_datasets({"uci": (UCI, Y_UCI), "clinic": (CLINIC, Y_CLINIC)}).y.dtypes
    assert dtypes.astype(str).tolist() == ["Int64", "float64", "object"]


@pytest.mark.parametrize(("weighting", "ratio"), [("rows", 1.0), ("sqrt", 2.0), ("sets", 4.0)])
def test_rows_of_small_sets_weigh_more(weighting: Any, ratio: float) -> None:
    stacked = stack_datasets(
        {"large": (np.ones((8, 2)), np.ones(8)), "small": (np.ones((2, 2)), np.ones(2))}, weighting=weighting
    )
    large, small = (own[0] for own in stacked.split(stacked.sample_weight).values())
    assert small / large == pytest.approx(ratio)
    assert stacked.sample_weight.mean() == pytest.approx(1)


def test_images_get_the_tasks_of_their_own_set() -> None:
    images = np.arange(5 * 6.0).reshape(5, 1, 2, 3)
    stacked = stack_datasets({"faces": (images[:3], [[0, 1], [1, 0], [1, 1]]), "cars": (images[3:], ["red", "blue"])})
    assert np.array_equal(stacked.X, images)
    assert list(stacked.y.columns) == ["faces_0", "faces_1", "cars"]
    assert stacked.y["faces_0"].isna().tolist() == [False] * 3 + [True] * 2


def test_a_task_learns_from_its_own_rows_and_shared_ones() -> None:
    stacked = stack_datasets({"uci": (UCI, Y_UCI), "clinic": (CLINIC, Y_CLINIC)})
    net = MultiTaskNet(tasks={"sick": "binary"}, hidden_layer_sizes=(2,), n_estimators=1, max_iter=1, random_state=0)
    net.fit(stacked.X, stacked.y, stacked.sample_weight)
    parts = stacked.split(net.predict_frame(stacked.X))
    assert {name: list(part.columns) for name, part in parts.items()} == stacked.tasks_


def test_an_encoder_gives_sets_common_features() -> None:
    def lengths(X: Any) -> np.ndarray:
        return np.array([[len(text)] for text in np.ravel(X)])

    one, two = pd.DataFrame({"title": ["abc", "d"]}), pd.DataFrame({"body": ["ef"]})
    stacked = stack_datasets({"a": (one, [0, 1]), "b": (two, [1.5])}, encoder=lengths)
    assert stacked.X.tolist() == [[3], [1], [2]]
    with pytest.raises(ValueError, match=r"Data set 'a' has no column of X in common .*'title'.*'body'.* encoder"):
        stack_datasets({"a": (one, [0, 1]), "b": (two, [1.5])})


ONES = np.ones((2, 2))


@pytest.mark.parametrize(
    ("other", "error", "match"),
    [
        ((UCI.assign(age="old"), Y_UCI), ValueError, "Column 'age' holds numbers in data set 'uci' and categories in"),
        ((UCI, Y_UCI.assign(stay="long")), ValueError, "Task 'stay' holds numbers in data set 'uci' and strings in"),
        ((UCI, Y_UCI.set_axis(["sick", "sick"], axis=1)), ValueError, "Data set 'other': y has duplicate column names"),
        ((pd.concat([UCI, UCI], axis=1), Y_UCI), ValueError, "X has the column 'age' twice"),
        ((UCI[:2], Y_UCI), ValueError, "Data set 'other': X has 2 rows and y has 3"),
        ((UCI.to_numpy(), Y_UCI), TypeError, "X must be a frame of one library in all data sets, or in none"),
        (UCI, TypeError, r"Data set 'other' must be a pair \(X, y\); got DataFrame"),
    ],
)
def test_errors_name_what_does_not_fit(other: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        stack_datasets({"uci": (UCI, Y_UCI), "other": other})


def test_rows_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"X has rows of different shapes: .*'a': \(2,\), 'b': \(3,\)"):
        stack_datasets({"a": (ONES, [0, 1]), "b": (np.ones((2, 3)), [0, 1])})
    with pytest.raises(ValueError, match=r"at least 2 data sets; got \['a'\]"):
        stack_datasets({"a": (ONES, [0, 1])})
    with pytest.raises(ValueError, match="values has 3 rows, X has 4"):
        stack_datasets({"a": (ONES, [0, 1]), "b": (ONES, [0, 1])}).split(np.ones(3))


@pytest.mark.parametrize(("name", "labels"), [("sick", [0, 1]), ("faces_1", [[0, 1], [1, 0]])])
def test_labels_without_names_are_not_taken_for_those_of_another_set(name: str, labels: Any) -> None:
    own = name.removesuffix("_1")
    with pytest.raises(ValueError, match=f"Data set 'uci' has a task '{name}'. So are labels of data set '{own}'"):
        stack_datasets({own: (UCI[:2], labels), "uci": (UCI[:2], pd.Series([1, 0], name=name))})
