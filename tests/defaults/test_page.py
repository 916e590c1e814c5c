"""The page of the defaults is what the rules say."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "defaults.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date():
    assert runpy.run_path(str(DOCS / "defaults.py"))["page"]() == PAGE, (
        "run: python docs/defaults.py > docs/defaults.md"
    )


@pytest.mark.parametrize("estimator", [MultiTaskNetClassifier, MultiTaskNetRegressor, MultiTaskNet])
def test_every_parameter_that_may_be_auto_has_a_rule(estimator):
    parameters = inspect.signature(estimator).parameters
    automatic = {name for name, parameter in parameters.items() if parameter.default == "auto"}
    assert automatic <= set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE))
