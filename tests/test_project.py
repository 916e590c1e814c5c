"""What holds for the project as a whole: layout, sizes, imports."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import skmtl

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skmtl"
FILES = sorted(PACKAGE.rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_TEST_FILE_LINES = 500
MAX_NAME = 68  # of a test

# Which packages and top modules a package may import, whether at module level, in a function or for type checkers only.
# Every package is listed; all may import GROUND.
GROUND = {"_files", "_params", "_peer_method", "_roles", "_sklearn", "_state", "_torch_state", "_version", "defaults"}
_ENGINE = {
    "blocks",
    "inputs",
    "layers",
    "tasks",
    "balancing",
    "collaboration",
    "encoders",
    "sharing",
    "network",
    "training",
    "processes",
}
_PUBLIC = {
    "blocks",
    "callbacks",
    "balancing",
    "collaboration",
    "datasets",
    "encoders",
    "estimators",
    "inspection",
    "metrics",
}
_PUBLIC |= {"dask", "export", "model_selection", "sharing", "tasks", "training"}
MAY_IMPORT = {
    "": {*_PUBLIC, "checkpoints", "inputs", "persistence", "processes"},
    "_files": set(),
    "_params": set(),
    "_peer_method": set(),
    "_roles": set(),
    "_sklearn": set(),
    "_state": set(),
    "_torch_state": set(),
    "_version": set(),
    "defaults": set(),
    "inputs": set(),
    "layers": set(),
    "tasks": {"inputs"},
    "balancing": set(),
    "blocks": {"inputs", "processes", "training"},
    "callbacks": set(),
    "checkpoints": set(),
    "collaboration": {"tasks"},
    "datasets": {"encoders", "inputs"},
    "encoders": {"inputs", "layers"},
    "sharing": {"layers"},
    "network": {"layers", "tasks", "encoders", "sharing"},
    "training": {"layers", "tasks", "balancing", "collaboration", "sharing", "network", "processes"},
    "postprocess": {"tasks", "encoders", "network"},
    "dask": {"processes"},
    "processes": set(),
    "conformal": {"inputs", "tasks"},
    "metrics": {"inputs", "tasks"},
    "fitting": {*_ENGINE, "checkpoints", "metrics", "postprocess", "conformal"},
    "export": {"inputs", "layers", "tasks", "encoders", "network", "postprocess"},
    "estimators": {*_ENGINE, "checkpoints", "postprocess", "conformal", "fitting", "metrics", "export"},
    "model_selection": {*_ENGINE, "checkpoints", "estimators", "fitting", "metrics"},
    "persistence": {*_ENGINE, "checkpoints", "conformal", "estimators", "fitting", "metrics", "postprocess"}
    | {"model_selection"},
    "inspection": {"balancing", "estimators", "fitting", "inputs", "metrics", "model_selection", "tasks"},
}
WITHOUT_SKLEARN = {
    "defaults",
    "tasks",
    "layers",
    "sharing",
    "balancing",
    "checkpoints",
    "collaboration",
    "network",
    "training",
    "conformal",
}


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    return ".".join(("skmtl", *path.relative_to(PACKAGE).with_suffix("").parts))


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Absolute dotted names of what `tree` imports; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """Package or top module of skmtl that a dotted name lies in; the empty string for skmtl itself."""
    inner = name.split(".")[1:]
    return inner[0] if inner and inner[0] in MAY_IMPORT else ""


def at_module_level(tree: ast.Module) -> ast.Module:
    """Return the tree without function bodies and without what only a type checker reads."""

    class Remover(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    return Remover().visit(tree)


@cache
def skmtl_imports(path: Path) -> set[str]:
    """Dotted names within skmtl that a file imports anywhere."""
    return {name for name in imported(parse(path), module_of(path)) if name.split(".")[0] == "skmtl"}


def test_imports_go_one_way() -> None:
    forbidden = {}
    for path in FILES:
        part = part_of(module_of(path))
        parts = {part_of(name) for name in skmtl_imports(path)}
        if not parts <= MAY_IMPORT[part] | GROUND | {part}:
            forbidden[str(path.relative_to(PACKAGE))] = sorted(parts - MAY_IMPORT[part] - GROUND - {part})
    assert forbidden == {}


def test_every_part_has_its_allowed_imports() -> None:
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES} - {"__init__"}
    assert parts == set(MAY_IMPORT) - {""}


def test_no_circle_in_the_allowed_imports() -> None:
    assert circles(MAY_IMPORT) == []


def test_modules_import_one_another_in_no_circle() -> None:
    files = {module_of(path).removesuffix(".__init__"): path for path in FILES}
    graph = {}
    for module, path in files.items():
        names = (name if name in files else name.rpartition(".")[0] for name in skmtl_imports(path))
        graph[module] = {name for name in names if name != module}
    assert circles(graph) == []


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of nodes that can all reach one another."""
    reach = {start: reachable(graph, start) for start in graph}
    found = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph if node in reach[node]}
    return sorted(map(set, found), key=sorted)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = set(), list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen


def test_private_names_of_scikit_learn_have_one_home() -> None:
    private = {}
    for path in FILES:
        names = [name for name in imported(parse(path), module_of(path)) if name.split(".")[0] == "sklearn"]
        hidden = [name for name in names if any(part.startswith("_") for part in name.split("."))]
        if hidden and path.name != "_sklearn.py":
            private[str(path.relative_to(PACKAGE))] = hidden
    assert private == {}


def test_scikit_learn_stays_out_of_the_engine() -> None:
    engine = [path for path in FILES if part_of(module_of(path)) in WITHOUT_SKLEARN]
    assert importing("sklearn", engine, parse) == {}


def test_matplotlib_is_imported_inside_functions_only() -> None:
    assert importing("matplotlib", FILES, lambda path: at_module_level(parse(path))) == {}


def importing(package: str, files: list[Path], read: Callable[[Path], ast.Module]) -> dict[str, list[str]]:
    """What files import of a package."""
    found = {}
    for path in files:
        names = [name for name in imported(read(path), module_of(path)) if name.split(".")[0] == package]
        found |= {str(path.relative_to(PACKAGE)): names} if names else {}
    return found


def test_files_are_small() -> None:
    limits = dict.fromkeys(FILES, MAX_FILE_LINES) | dict.fromkeys(TEST_FILES, MAX_TEST_FILE_LINES)
    n_lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in limits}
    assert {str(path.relative_to(ROOT)): n for path, n in n_lines.items() if n > limits[path]} == {}


def test_functions_are_small() -> None:
    lengths = {
        f"{path.relative_to(PACKAGE)}: {node.name}": lines_of_body(node)
        for path in FILES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_names_of_tests_are_short() -> None:
    names = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in TEST_FILES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > MAX_NAME
    ]
    assert names == []


def lines_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body; its docstring and signature do not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


WITHOUT_FRAMES = """
import sys

sys.modules["pandas"] = sys.modules["polars"] = None  # an import of them fails
import numpy as np
from skmtl import MultiTaskNetRegressor
from skmtl.encoders import TabularEncoder

for X in (np.eye(3), [["a", 1.0], [None, 2.0], ["b", None]]):
    TabularEncoder(categorical_features=[0]).fit(X, np.ones(3)).transform(X)
MultiTaskNetRegressor(max_iter=1, hidden_layer_sizes=(2,), input_scaling=True).fit(np.eye(9), np.eye(9)[:, :2])
print([name for name in ("torch._dynamo", "sympy", "matplotlib") if name in sys.modules])
"""


def test_import_and_fit_are_light_and_need_neither_pandas_nor_polars() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_FRAMES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    assert [name for name in skmtl.__all__ if not hasattr(skmtl, name)] == []


def test_torch_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [pin for pin in pins if pin.startswith("torch==")] == ["torch==2.13.0"]


def test_every_direct_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    groups += project["dependency-groups"].values()
    wanted = {canonical(line) for group in groups for line in group if isinstance(line, str)}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line) for line in pins if not line.startswith("#")}
    assert wanted - pinned == set()


def test_every_dependency_has_a_lowest_version_to_test() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [line for line in project["dependencies"] if not re.fullmatch(r"[a-z-]+>=[\d.]+", line)] == []


def canonical(requirement: str) -> str:
    for mark in "[=<>~! ;":
        requirement = requirement.split(mark)[0]
    return requirement.lower().replace("_", "-")


@pytest.mark.parametrize(
    ("statement", "module", "name"),
    [
        ("from skmtl.layers import Linear", "skmtl.tasks._kind", "skmtl.layers.Linear"),
        ("from ..layers import Linear", "skmtl.tasks._kind", "skmtl.layers.Linear"),
        ("from . import _kind", "skmtl.tasks.binary", "skmtl.tasks._kind"),
        ("import skmtl.layers", "skmtl.tasks._kind", "skmtl.layers"),
    ],
)
def test_imports_are_read_in_every_form(statement: str, module: str, name: str) -> None:
    assert list(imported(ast.parse(statement), module)) == [name]


def test_the_page_on_the_architecture_names_what_there_is() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.(?:py|md)|tests/[\w/]+)`", page) + re.findall(r"\]\(([\w./]+)\)", page)
    missing = [name for name in named if not any((top / name).exists() for top in (ROOT, PACKAGE, ROOT / "docs"))]
    assert missing == []
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert [name for name in sorted(packages) if f"`{name}`" not in page] == []
