"""Every format version that was released is read, and predicts what it did."""

import json

import numpy as np
import pytest

import skmtl
from skmtl.persistence._container import FORMAT_VERSION, READABLE
from tests.persistence._golden import FOLDER, answers, rows_of

FILES = sorted(FOLDER.glob("v*/*.skmtl"))


def test_every_version_has_files():
    assert {path.parent.name for path in FILES} == {f"v{version}" for version in READABLE}
    assert max(READABLE) == FORMAT_VERSION


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_released_files_predict_what_they_did(path):
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = answers(skmtl.load(path), rows_of(expected.pop("rows")))
    assert_alike(found, expected)


def assert_alike(found, expected):
    """Equal but for the rounding of another machine."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_alike(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    else:
        assert found == expected
