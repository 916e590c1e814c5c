"""The code of README and guides runs in order and prints what they say; links, figures and parameters are right."""

import contextlib
import importlib.util
import inspect
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skmtl import MultiTaskNet, MultiTaskNetClassifier, MultiTaskNetRegressor

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<printed>.*?)```\n)?", re.DOTALL)
SECONDS = re.compile(r"\d+\.\d+ s\b")
NUMBER = re.compile(r"-?\d+\.\d*")
TOLERANCE = 0.05  # the last digits of a fit differ between machines
ESTIMATORS = [MultiTaskNetClassifier, MultiTaskNetRegressor, MultiTaskNet]


@pytest.mark.skipif(importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn < 1.9 has no callbacks")
@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_code_prints_what_the_page_says(page) -> None:
    names: dict[str, Any] = {"__name__": page.stem}
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
    assert len(blocks) > 4 or page.stem != "extending"
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], page.name, "exec"), names)
        assert_alike(printed.getvalue(), block["printed"] or "")


def assert_alike(found: str, claimed: str) -> None:
    """Check that texts are equal but for spaces, seconds and the last digits of numbers with a decimal point."""
    found, claimed = (SECONDS.sub("some s", text) for text in (found, claimed))
    text_found, text_claimed = (" ".join(NUMBER.sub("#", text).split()) for text in (found, claimed))
    assert text_found == text_claimed, found
    numbers_found, numbers_claimed = (np.array(NUMBER.findall(text), dtype=float) for text in (found, claimed))
    np.testing.assert_allclose(numbers_found, numbers_claimed, rtol=TOLERANCE, atol=TOLERANCE, err_msg=found)


def test_the_code_of_the_readme_is_that_with_which_the_guide_begins() -> None:
    of_readme, of_guide = (
        list(BLOCK.finditer(path.read_text(encoding="utf-8")))
        for path in (ROOT / "README.md", ROOT / "docs" / "getting_started.md")
    )
    assert [block[0] for block in of_readme] == [of_guide[0][0]]


def test_quickstart_is_short() -> None:
    code = BLOCK.search(README)["code"]
    assert len([line for line in code.splitlines() if line]) <= 15


def test_readme_is_read_in_minutes() -> None:
    assert len(README.split()) < 800


def test_figures_of_the_readme_are_those_of_the_pages_that_it_links_to() -> None:
    rows = re.findall(
        r"^\| .+\?.* \| (.+) \| \[.+\]\((benchmarks/.+?)\).*`python -m .+` \|$", README, flags=re.MULTILINE
    )
    assert len(rows) > 3
    for answer, page in rows:
        figures = re.findall(r"\d+\.\d+", answer)
        printed = (ROOT / page).read_text(encoding="utf-8")
        assert figures
        assert [
            figure for figure in figures if not re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", printed)
        ] == [], page


def test_parameter_table_has_every_parameter_with_its_default() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", page, flags=re.MULTILINE))
    defaults = {
        name: parameter.default
        for estimator in ESTIMATORS
        for name, parameter in inspect.signature(estimator).parameters.items()
    }
    assert {name: eval(default) for name, default in table.items()} == defaults


def test_links_lead_to_files() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("#")]
    assert targets
    assert [target for target in targets if not (ROOT / target.partition("#")[0]).is_file()] == []
    for page, _, heading in (target.partition("#") for target in targets if "#" in target):
        titles = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert heading in [title.lower().replace(" ", "-") for title in titles]
