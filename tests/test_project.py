"""What holds for the project as a whole: layout, sizes, imports."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import skmtl

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skmtl"
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_IDS = [str(path.relative_to(PACKAGE)) for path in FILES]

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50

# Which parts a part may import. Parts that are not listed may import all others; the modules at the top and the masked
# metrics stand on the ground for everyone.
GROUND = {"_params", "_quantiles", "_hashing", "metrics._masked", "defaults"}
MAY_IMPORT = {
    "_params": set(),
    "_quantiles": set(),
    "_hashing": set(),
    "metrics._masked": set(),
    "defaults": set(),
    "layers": set(),
    "tasks": set(),
    "balancing": set(),
    "datasets": set(),
    "encoders": {"layers"},
    "sharing": {"layers"},
    "network": {"layers", "tasks", "encoders", "sharing"},
    "training": {"layers", "tasks", "balancing", "network"},
    "correction": {"tasks", "network"},
    "estimators": {"tasks", "balancing", "correction", "encoders", "sharing", "network", "training"},
}
WITHOUT_SKLEARN = {"defaults", "tasks", "layers", "sharing", "balancing", "network", "training", "correction"}


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
    """Part of skmtl that a dotted name lies in, as MAY_IMPORT names it; the empty string for skmtl itself."""
    inner = name.split(".")[1:]
    if inner[:2] == ["metrics", "_masked"]:
        return "metrics._masked"
    return inner[0] if inner else ""


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


def forbidden_imports(path: Path) -> list[str]:
    module = module_of(path)
    part = part_of(module)
    if part not in MAY_IMPORT:
        return []
    allowed = MAY_IMPORT[part] | GROUND | {part}
    parts = {part_of(name) for name in imported(parse(path), module) if name.split(".")[0] == "skmtl"}
    if part == "estimators":
        allowed |= {"metrics"}
    return sorted(parts - allowed)


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_imports_go_one_way(path: Path) -> None:
    assert forbidden_imports(path) == []


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_scikit_learn_stays_out_of_the_engine(path: Path) -> None:
    module = module_of(path)
    if part_of(module) in WITHOUT_SKLEARN:
        assert [name for name in imported(parse(path), module) if name.split(".")[0] == "sklearn"] == []


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_matplotlib_is_imported_inside_functions_only(path: Path) -> None:
    names = imported(at_module_level(parse(path)), module_of(path))
    assert [name for name in names if name.split(".")[0] == "matplotlib"] == []


@pytest.mark.parametrize("path", FILES, ids=FILE_IDS)
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    long = {
        node.name: lines_of_body(node)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of_body(node) > MAX_FUNCTION_LINES
    }
    assert long == {}


def lines_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body; its docstring and signature do not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_import_is_light() -> None:
    code = "import sys, skmtl; print([m for m in ('torch._dynamo', 'matplotlib') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
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
