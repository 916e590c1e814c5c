"""Labels come back as themselves out of every container and type."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from skmtl.inputs import are_names, as_mapping, by_task, read_classes, read_labels, read_sample_weight, require_order
from tests._tables import entries

HUGE = 2**53 + 1  # which no float64 holds
WORDS = ["cow", None, "fox"]

CONTAINERS = {
    "Int64 array": (pd.Series([3, None, HUGE], dtype="Int64").values, [3, None, HUGE]),
    "UInt64 array": (pd.Series([3, None, 2**63], dtype="UInt64").values, [3, None, 2**63]),
    "Int64 series": (pd.Series([3, None, HUGE], dtype="Int64"), [3, None, HUGE]),
    "pandas index": (pd.Index([3, 4, HUGE]), [3, 4, HUGE]),
    "Float64 array": (pd.Series([0.5, None, 2], dtype="Float64").values, [0.5, None, 2]),
    "boolean array": (pd.Series([True, None, False], dtype="boolean").values, [True, None, False]),
    "text array": (pd.DataFrame({"a": WORDS})["a"].values, WORDS),
    "string array": (pd.Series(WORDS, dtype="string").values, WORDS),
    "categorical": (pd.Categorical(WORDS), WORDS),
    "categories of integers": (pd.Categorical([3, None, HUGE]), [3, None, HUGE]),
    "numpy strings": (np.array(["cow", "", "fox"], dtype=np.dtypes.StringDType()), ["cow", "", "fox"]),
    "numpy strings with NaN": (np.array(["cow", np.nan], dtype=np.dtypes.StringDType(na_object=np.nan)), ["cow", None]),
    "polars integers": (pl.Series([3, None, HUGE]), [3, None, HUGE]),
    "polars decimals": (pl.Series([Decimal("0.5"), None, Decimal(2)]), [0.5, None, 2.0]),
    "polars enum": (pl.Series(WORDS, dtype=pl.Enum(["cow", "fox"])), WORDS),
    "decimals": ([Decimal("0.25"), Decimal("NaN"), Decimal(3)], [0.25, None, 3.0]),
    "whole decimals": (np.array([Decimal(HUGE), Decimal(3), None], dtype=object), [HUGE, 3, None]),
    "matrix": (np.array([[3], [4]]).view(np.matrix), [3, 4]),
    "list": ([3, None, HUGE], [3, None, HUGE]),
    "tuple of bytes": ((b"cow", None, b"fox"), [b"cow", None, b"fox"]),
    "integers and whole floats": ([3.0, HUGE], [3, HUGE]),
    "signed and unsigned": (np.array([-1, 2**62 + 1], dtype=object), [-1, 2**62 + 1]),
    "tensor with gradient": (torch.tensor([0.5, 2.0], requires_grad=True), [0.5, 2.0]),
    "bfloat16": (torch.tensor([0.5, 2.0], dtype=torch.bfloat16), [0.5, 2.0]),
    "tensor of integers": (torch.tensor([3, HUGE]), [3, HUGE]),
}


def known(labels, column=0):
    pairs = zip(labels.columns[column].tolist(), labels.observed[:, column], strict=True)
    return [label if seen else None for label, seen in pairs]


@pytest.mark.parametrize(("y", "expected"), entries(CONTAINERS))
def test_containers(y, expected):
    found = known(read_labels(y))
    assert found == expected
    assert [isinstance(label, bool) for label in found] == [isinstance(label, bool) for label in expected]


@pytest.mark.parametrize(
    "y",
    [
        [[HUGE, 0.5, True], [3, 0.25, False]],
        [[HUGE, 0.5, True], [None, np.nan, None]],
        np.array([[HUGE, 0.5, True], [3, None, False]], dtype=object),
        pd.DataFrame({"a": [HUGE, 3], "b": [0.5, 1.0], "c": [True, False]}),
        pl.DataFrame({"a": [HUGE, 3], "b": [0.5, 1.0], "c": [True, False]}),
    ],
)
def test_integers_beside_others_stay_exact(y):
    labels = read_labels(y)
    assert [known(labels, k)[0] for k in range(3)] == [HUGE, 0.5, True]
    assert [column.dtype.kind for column in labels.columns] == ["i", "f", "b"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([2**70, 1], r"Task 'task0' has whole numbers that 64 bits do not hold, such as 1180591620717411303424"),
        ([2**63 + 1, -1], r"Task 'task0' has whole numbers that 64 bits do not hold"),
        (["a", "a\0"], "Task 'task0' has labels that end with a null character"),
        ([True, 1], "Task 'task0' mixes labels of types bool, int"),
        (pd.Series([{1}, {2}], name="tags"), "Unknown label type: task 'tags' holds set objects"),
        (pa.table({"a": [1, 2]}), "y is a table of pyarrow; pass y.to_pandas"),
        ({1, 2}, "y must be an array, a list or a data frame of labels; got set"),
    ],
)
def test_what_no_type_holds_is_refused(y, message):
    with pytest.raises(TypeError, match=message):
        read_labels(y)


# missing labels -------------------------------------------------------------------------------------------------------

MARKED = {
    "integers": (np.array([0, 1, -1, -9]), [-1, -9]),
    "unsigned": (np.array([0, 1, 255, 254], dtype=np.uint8), (254, 255)),
    "whole floats for integers": (np.array([0, 1, -1, -9]), {-1.0, -9.0}),
    "floats": (np.array([0, 1, -1.5, np.inf], dtype=np.float32), np.array([-1.5, np.inf])),
    "strings": (np.array(["0", "1", "?", "-"]), ["?", "-"]),
    "bytes": (np.array([b"0", b"1", b"?", b"-"]), {b"?", b"-"}),
    "numpy strings": (np.array(["0", "1", "?", "-"], dtype=np.dtypes.StringDType()), ("?", "-")),
    "text column": (pd.Series(["0", "1", "?", None]).values, "?"),
    "objects": (np.array([0, 1, "?", -1], dtype=object), ["?", -1, None, np.nan]),
    "Int64": (pd.Series([0, 1, -1, -9], dtype="Int64"), pd.Series([-1, -9])),
    "polars": (pl.Series([0, 1, -1, None]), frozenset({-1, 5})),
    "tensor": (torch.tensor([0, 1, -1, -9]), torch.tensor([-1, -9])),
    "a type with its own missing value": (pd.Series(["0", "1", None, "?"], dtype="string"), np.array(["?"])),
}


@pytest.mark.parametrize(("y", "mark"), entries(MARKED))
def test_all_marks_of_missing_labels_count(y, mark):
    assert read_labels(y, mark).observed[:, 0].tolist() == [True, True, False, False]


def test_a_mark_of_another_type_is_no_label():
    y = pd.DataFrame({"flag": [False, True], "count": [0, 1], "word": ["0", "1"], "byte": [b"0", b"1"]})
    for mark, column in ((0, 1), (False, 0), ("0", 2), (b"0", 3)):
        missing = ~read_labels(y, mark).observed
        assert np.argwhere(missing).tolist() == [[0, column]]


@pytest.mark.parametrize("mark", [{"a": -1}, object(), [[-1], "x", object()], 1j, [{}]])
def test_a_mark_that_no_label_can_be(mark):
    with pytest.raises(TypeError, match="missing_label must be a number, a string"):
        read_labels([0, 1], mark)


CLASSES = {
    "marks": (np.array([-1, 0, 1]), -1, [0, 1]),
    "NaN": (np.array([0, np.nan, 1.0]), None, [0, 1]),
    "NA": (pd.Series([1, None, 0], dtype="Int64").unique(), None, [0, 1]),
    "string NA": (pd.Series(["yes", None, "no"], dtype="string").unique(), None, ["no", "yes"]),
    "None": (["yes", None, "no", "?"], ["?"], ["no", "yes"]),
    "a set": ({2, 1}, None, [1, 2]),
    "categories": (pd.Categorical(["b", "a", None]), None, ["a", "b"]),
    "polars": (pl.Series([1, None, 0]).unique(), None, [0, 1]),
    "by name": ({"task0": [0, 1]}, None, [0, 1]),
}


@pytest.mark.parametrize(("classes", "mark", "expected"), entries(CLASSES))
def test_what_means_no_label_is_no_class(classes, mark, expected):
    (found,) = read_classes(classes, read_labels([0, 1]), mark)
    assert found.tolist() == expected


def test_classes_by_name():
    labels = read_labels(pd.DataFrame({"b": [0, 1], "a": [0.5, 1.5], 0: ["x", "y"]}))
    b, a, zero = read_classes({0: ["y", "x"], "b": [1, 0]}, labels)
    assert (b.tolist(), a, zero.tolist()) == ([0, 1], None, ["x", "y"])
    with pytest.raises(ValueError, match="classes names the unknown task 'c'; the tasks are 'b', 'a', 0"):
        read_classes({"c": [0, 1]}, labels)
    for entry in ([], "ab", 3, [[0, 1]], [None]):
        with pytest.raises(ValueError, match="classes of task 'a' must be a list of labels"):
            read_classes({"a": entry}, labels)


# names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (pd.Series([1, 2], name="price"), ["price"]),
        (pd.Series([1, 2], name=7), [7]),
        (pl.Series("price", [1, 2]), ["price"]),
        (pd.Series([1, 2]), ["task0"]),
        (pl.Series([1, 2]), ["task0"]),
        (pd.DataFrame([[1, 2]]), [0, 1]),
        (pd.DataFrame([[1, 2]], columns=["", "a__b"]), ["", "a__b"]),
        (pd.DataFrame([[1, 2]], columns=[0, "0"]), [0, "0"]),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 1)])), [("a", 1), ("b", 1)]),
    ],
)
def test_names_stay_what_they_are(y, names):
    found = read_labels(y).names
    assert found == names
    assert [type(name) for name in found] == [type(name) for name in names]


def test_what_counts_as_names():
    assert not are_names([0, 1])
    assert not are_names(["task0", "task1"])
    assert are_names([1, 0])
    require_order("y", [0, 1], ["a", "b"], "fit")
    require_order("y", ["a", "b"], ["task0", "task1"], "fit")
    for columns, names in (([1, 0], [0, 1]), ([0, 1], [1, 0]), (["b", "a"], ["a", "b"]), (["c", "b"], ["a", "b"])):
        with pytest.raises(ValueError, match=r"must be the tasks in the order of fit"):
            require_order("y", columns, names, "fit")


def test_a_series_is_read_by_name():
    names = ["a", "b", "c"]
    assert by_task("w", pd.Series({"c": 3, "a": 1}), names, 0) == [1, 0, 3]
    assert by_task("w", pd.Series({2: 3, 0: 1, 1: 2}), [2, 1, 0], 0) == [3, 2, 1]
    values = pd.Series([1, 2, 3])
    assert by_task("w", values, names, 0) is values
    assert as_mapping(pd.Series([1, 2]), [0, 1]) == {0: 1, 1: 2}
    with pytest.raises(ValueError, match="w names the unknown task 'd'"):
        by_task("w", pd.Series({"a": 1, "d": 2}), names, 0)
    with pytest.raises(ValueError, match="twice"):
        by_task("w", pd.Series([1, 2], index=["a", "a"]), names, 0)


def test_weights_as_tensors():
    for weights in (torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16), torch.ones(2)):
        assert read_sample_weight(weights, 2, ["a"], True).tolist() == [[1], [1]]
    with pytest.raises(ValueError, match="sample_weight is a masked array"):
        read_sample_weight(np.ma.ones(2), 2, ["a"], True)
