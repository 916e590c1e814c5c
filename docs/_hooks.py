"""What Sphinx is told while it reads docstrings and pages."""

import re
from collections.abc import Iterator
from typing import Any

from _examples import example_of
from sphinx.application import Sphinx

# Links of a page to files of the repository that are no page here.
REPOSITORY = "https://github.com/skmtl/skmtl/blob/main/"
ROLE_OF_OTHERS = re.compile(r":(?:ref|term|doc):`([^`<]+?)(?:\s*<[^>]*>)?`")
PARAMETER = re.compile(r"^\w+ : ")


def rewrite_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Send links that lead out of ``docs`` to the page made of the file, or to the repository."""
    text = source[0]
    text = re.sub(r"\]\(\.\./benchmarks/([\w/]+)/RESULTS\.md", lambda m: f"](benchmarks/{dashed(m[1])}.md", text)
    text = re.sub(r"\]\(\.\./examples/(\w+)\.py\)", r"](gallery/\1.rst)", text)
    text = re.sub(r"\]\(\.\./(?!docs)([\w./]+)\)", rf"]({REPOSITORY}\1)", text) if "/" not in docname else text
    source[0] = text


def dashed(path: str) -> str:
    """Name of the page of a folder of benchmarks."""
    return path.replace("/", "-")


def complete(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Take out links to pages of other projects, and add an example where a method has none."""
    if isinstance(obj, dict):
        lines[:] = ["What each name stands for."]  # in place of Python's text on dictionaries
    lines[:] = [ROLE_OF_OTHERS.sub(r"\1", line) for line in lines]
    if what != "module":
        lines[:] = escaped(lines)
    if what in ("class", "data") and "Examples" not in lines:
        example = example_of(name)
        if example:
            lines += ["", "Examples", "--------", *example, ""]


def escaped(lines: list[str]) -> Iterator[str]:
    """Lines in which ``|`` and a last ``_`` of a name are no markup."""
    in_code = False
    for line in lines:
        in_code = line.lstrip().startswith(">>>") or (in_code and bool(line.strip()))
        heading = PARAMETER.match(line)  # whose name numpydoc escapes
        start = len(line) if in_code else heading.end() if heading else 0
        spans = re.split(r"(`+[^`]*`+_*)", line[start:])
        spans[::2] = [re.sub(r"\||(?<=\w)_(?!\w)", r"\\\g<0>", span) for span in spans[::2]]
        yield line[:start] + "".join(spans)


def setup(app: Sphinx) -> None:
    """Connect all of it, ahead of numpydoc."""
    app.connect("source-read", rewrite_links)
    app.connect("autodoc-process-docstring", complete, priority=100)
