"""Examples for the API pages of names whose docstrings have none."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from _site import DOCS, REGISTRIES, packages

import skmtl

PAGES = ("extending", "howto", "scale")


def example_of(qualified_name: str) -> list[str]:
    """Lines of an example of a public name, from the first source that has one; empty where none has."""
    module_name, _, name = qualified_name.rpartition(".")
    package = skmtl if module_name == "skmtl" else packages().get(module_name.removeprefix("skmtl."))
    if package is None or not hasattr(package, name):
        return []
    sources = (_as_parameter, _of_a_registry, _of_its_maker, _of_a_section, _of_a_subclass)
    return next((lines for source in sources if (lines := list(source(package, name)))), [])


def _as_parameter(package: ModuleType, name: str) -> Iterator[str]:
    """A method as an estimator's parameter."""
    for (owner, registry), (parameter, _) in REGISTRIES.items():
        for key, cls in _registry(owner, registry).items():
            if package.__name__ == f"skmtl.{owner}" and cls.__name__ == name:
                yield ">>> from skmtl import MultiTaskNet"
                yield f">>> from {package.__name__} import {name}"
                value, short = f"{name}()", f'"{key}"'
                if parameter == "tasks":
                    value, short = f'{{"price": {value}}}', f'{{"price": {short}}}'
                yield f">>> net = MultiTaskNet({parameter}={value})  # with settings; by name: {parameter}={short}"
                return


def _of_a_registry(package: ModuleType, name: str) -> Iterator[str]:
    """Names that a registry has."""
    found = getattr(package, name)
    if isinstance(found, dict):
        yield from (f">>> from {package.__name__} import {name}", f">>> list({name})")
        yield from textwrap.wrap(repr(list(found)), 100)


def _of_its_maker(package: ModuleType, name: str) -> Iterator[str]:
    """The example of the first function or class that the text above the parameters names."""
    text = re.split(r"\n(?:Parameters|Attributes)\n", inspect.getdoc(getattr(package, name)) or "", maxsplit=1)[0]
    for maker in re.findall(r":(?:func|class):`~?(?:[\w.]+\.)?(\w+)`", text)[:1]:
        yield from _examples_in(getattr(package, maker, None))


def _of_a_section(package: ModuleType, name: str) -> Iterator[str]:
    """The code of a section of a page that names this one, or an abstract class derived from it."""
    found = getattr(package, name)
    names = [name, *(sub.__name__ for sub in _subclasses(found) if inspect.isabstract(sub))]
    for page in PAGES:
        for section in re.split("^## ", (DOCS / f"{page}.md").read_text(encoding="utf-8"), flags=re.M)[1:]:
            code = re.search(r"```python\n(.*?)```", section, re.S)
            if code and any(re.search(rf"`{one}`|^from skmtl.* import .*\b{one}\b", section, re.M) for one in names):
                title, lines = section.split("\n")[0], (f"   {line}".rstrip() for line in code[1].splitlines())
                yield from (f'From :doc:`/{page}`, "{title}":', "", ".. code-block:: python", "", *lines)
                return


def _of_a_subclass(package: ModuleType, name: str) -> Iterator[str]:
    """The example of the first method of the kind that a registry has."""
    for (owner, registry), _ in REGISTRIES.items():
        for cls in _registry(owner, registry).values():
            if package.__name__ == f"skmtl.{owner}" and cls in _subclasses(getattr(package, name)):
                yield from _examples_in(cls) or _as_parameter(package, cls.__name__)
                return


def _registry(owner: str, name: str) -> dict[str, type]:
    return getattr(packages()[owner], name)


def _subclasses(cls: Any) -> list[type]:
    """All classes below a class; none below anything else."""
    below = cls.__subclasses__() if isinstance(cls, type) else []
    return [*below, *(sub for one in below for sub in _subclasses(one))]


def _examples_in(found: Any) -> list[str]:
    """Lines of the section of examples of a docstring."""
    section = re.search(r"^Examples\n-+\n(.*)", inspect.getdoc(found) or "", re.M | re.S)
    return section[1].splitlines() if section else []
