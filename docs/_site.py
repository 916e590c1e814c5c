"""Pages that are made of the code and of the results: API reference, table of methods, benchmarks."""

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import skmtl

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# What one names in everyday use, beside what a registry of the package lists. All else is for methods of one's own.
EVERYDAY = {
    "balancing": {"Recorded", "geometric"},
    "blocks": {"Source"},
    "encoders": {"ModuleEncoder", "TokenSequencer"},
    "tasks": {"TargetTransform"},
    "training": {"EMA", "SWA", "Device", "DivergenceError"},
}
ALL_EVERYDAY = {"callbacks", "dask", "datasets", "inspection", "metrics", "model_selection"}
# What methods of one's own derive from or call. All else of these packages is for the packages of skmtl itself.
FOR_OWN_METHODS = {
    "blocks": set(),
    "encoders": {"Encoder", "Extractor"},
    "export": set(),
    "training": {"Optimizer", "PeerSharing", "WeightAverage"},
}
WITHIN = "Between the packages of skmtl"
# Which parameter of the estimators takes the methods of a registry, and what its table is called.
REGISTRIES = {
    ("sharing", "SHARINGS"): ("sharing", "Ways to share"),
    ("balancing", "BALANCERS"): ("balancing", "Balancing methods"),
    ("collaboration", "COLLABORATIONS"): ("collaboration", "Ways in which networks teach one another"),
    ("training", "PEER_SHARINGS"): ("peer_sharing", "Networks that share parameters"),
    ("tasks", "KINDS"): ("tasks", "Kinds of targets and losses"),
    ("encoders", "ENCODERS"): ("encoder", "Encoders"),
    ("training", "OPTIMIZERS"): ("optimizer", "Optimizers"),
}


def packages() -> dict[str, ModuleType]:
    """The public packages by name."""
    return {name: getattr(skmtl, name) for name in skmtl.__all__ if isinstance(getattr(skmtl, name), ModuleType)}


def public_names() -> dict[str, list[str]]:
    """Public names by module: those of skmtl itself, and what else each public package has."""
    own = [name for name in skmtl.__all__ if not isinstance(getattr(skmtl, name), ModuleType)]
    others = {f"skmtl.{name}": [n for n in module.__all__ if n not in own] for name, module in packages().items()}
    return {"skmtl": own} | others


def listed_methods(module: ModuleType) -> set[str]:
    """Names of the classes that a registry of the module holds."""
    tables = [value for name, value in vars(module).items() if name.isupper() and isinstance(value, dict)]
    return {value.__name__ for table in tables for value in table.values() if isinstance(value, type)}


def groups_of(module_name: str) -> dict[str, list[str]]:
    """Public names of a module by the heading that they stand under."""
    names, short = public_names()[module_name], module_name.removeprefix("skmtl.")
    module = importlib.import_module(module_name)
    if module_name == "skmtl":
        return {
            "Estimators": [name for name in names if name.startswith("MultiTaskNet")],
            "For whatever ends in an estimator": [name for name in names if not name.startswith("MultiTaskNet")],
        }
    if short in ALL_EVERYDAY:
        classes = [name for name in names if isinstance(getattr(module, name), type)]
        return {"Classes": classes, "Functions": [name for name in names if name not in classes]}
    frequent = listed_methods(module) | EVERYDAY.get(short, set())
    everyday = [name for name in names if name in frequent]
    tables = [name for name in names if name.isupper() and not isinstance(getattr(module, name), type)]
    rest = [name for name in names if name not in everyday and name not in tables]
    own = [name for name in rest if name in FOR_OWN_METHODS.get(short, rest)]
    parts = {"Everyday use": everyday, "Names that parameters take": tables, "For methods of your own": own}
    return parts | {WITHIN: [name for name in rest if name not in own]}


def write_api() -> None:
    """Write a page for each module, and one that lists the modules; remove those of names that are gone."""
    for path in (DOCS / "api").glob("skmtl.*.rst"):
        module_name, _, name = path.stem.rpartition(".")
        if name not in public_names().get(module_name, []):
            path.unlink()
    for module_name in public_names():
        module = importlib.import_module(module_name)
        summary = inspect.getdoc(module).split("\n")[0]
        lines = [f"# {module_name}", "", summary, ""]
        for title, names in groups_of(module_name).items():
            if names:
                note = ["These may change with every version.", ""] if title == WITHIN else []
                entries = "\n".join(f"   {name}" for name in names)
                lines += [f"## {title}", "", *note, "```{eval-rst}", f".. currentmodule:: {module_name}", ""]
                lines += [".. autosummary::", "   :toctree: .", "   :nosignatures:", "", entries, "```", ""]
        write(DOCS / "api" / f"{module_name}.index.md", "\n".join(lines))
    entries = "\n".join(f"{module_name}.index" for module_name in public_names())
    text = f"""# API reference

The estimators and what works on whatever ends in one are in `skmtl` itself. The other packages load when they are
first used: `import skmtl` is enough for `skmtl.metrics.accuracy`. The [table of methods](../methods.md) has all names
that the parameters take, with their papers.

```{{toctree}}
:maxdepth: 1

../parameters
../methods
{entries}
```
"""
    write(DOCS / "api" / "index.md", text)


def write_methods() -> None:
    """Write the table of all methods with their papers."""
    parts = ["# All methods and their papers\n\nEach name can be given to the parameter that its table is of, and so "]
    parts += ["can an object of the class, with settings of its own.\n"]
    for (package, registry), (parameter, title) in REGISTRIES.items():
        module = getattr(skmtl, package)
        parts.append(f"\n## {title}\n\nParameter `{parameter}`, names of `skmtl.{package}.{registry}`.\n\n")
        parts.append("| name | class | what it does | paper |\n|---|---|---|---|\n")
        parts += [row_of(name, cls, package) for name, cls in getattr(module, registry).items()]
    write(DOCS / "methods.md", "".join(parts))


def row_of(name: str, cls: type, package: str) -> str:
    """A row of the table of methods."""
    doc = inspect.getdoc(cls) or ""
    summary = " ".join(doc.split("\n\n")[0].split())
    papers = re.search(r"References\n-+\n(.*)", doc, re.DOTALL)
    cited = "; ".join(" ".join(paper.split()) for paper in papers[1].split("\n\n")) if papers else ""
    link = f"[`{cls.__name__}`](api/skmtl.{package}.{cls.__name__}.rst)"
    cells = [f'`"{name}"`', link, plain(summary), cited]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def plain(text: str) -> str:
    """Text of a docstring as Markdown: roles and double backticks become single ones."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return re.sub(r"(?<!`)([_*<])(?!`)", r"\\\1", text) if "`" not in text else text


def write_benchmarks() -> None:
    """Write a page for each file of results, and one that lists them."""
    entries = []
    for path in sorted((ROOT / "benchmarks").rglob("RESULTS.md")):
        name = "-".join(path.parent.relative_to(ROOT / "benchmarks").parts)
        module = ".".join(path.parent.relative_to(ROOT).parts)
        text = path.read_text(encoding="utf-8")
        title, _, rest = text.partition("\n")
        note = "" if "python -m benchmarks" in text else f"\nWritten by `python -m {module}`.\n"
        write(DOCS / "benchmarks" / f"{name}.md", f"{title}\n{note}{rest}")
        entries.append(f"{name} <{name}>")
    listed = "\n".join(entries)
    text = f"""# Benchmarks

Every figure in this documentation comes from one of these pages, or from a command beside it. The pages are the results
as they are written by the commands that they name, with the machine where times matter; the code is in the folder
`benchmarks` of the repository. Times depend on your machine, scores hardly do.

```{{toctree}}
:maxdepth: 1

{listed}
```
"""
    write(DOCS / "benchmarks" / "index.md", text)


def write(path: Path, text: str) -> None:
    """Write a file where its text is another, so that pages which have not changed are not read again."""
    path.parent.mkdir(exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
