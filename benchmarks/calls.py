"""Count the functions that a reader walks through: ``python -m benchmarks.calls [fit predict search]``.

``--list`` prints ours in the order in which they are entered, ``--files`` by file.
``--effort fixed`` fits without trying settings.

Counted are the distinct functions of a package that a call enters, and the files that they are in. Local functions,
lambdas and comprehensions belong to the function around them; a generated method is in no file.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import skmtl
from skmtl import MultiTaskNetClassifier
from skmtl.model_selection import MultiTaskSearchCV

GOALS = {"fit": (200, 40), "predict": (60, None), "search": (350, 55)}  # at most so many functions and files


@dataclass(frozen=True)
class Walk:
    """A call to follow through the functions of a package."""

    label: str
    call: Callable[[], Any]
    package: ModuleType

    def entered(self) -> list[tuple[str, str]]:
        """Return the file and the name of each function, in the order in which the call enters them."""
        codes: dict[CodeType, None] = {}

        def note(frame: FrameType, event: str, argument: Any) -> None:
            if event == "call":
                codes.setdefault(frame.f_code)

        sys.setprofile(note)
        try:
            self.call()
        finally:
            sys.setprofile(None)
        assert self.package.__file__ is not None
        folder = Path(self.package.__file__).parent
        own = [code for code in codes if folder in Path(code.co_filename).parents and is_function(code)]
        return list(dict.fromkeys((str(Path(code.co_filename).relative_to(folder)), code.co_qualname) for code in own))


def is_function(code: CodeType) -> bool:
    """Whether it is a function or method that a module or class defines by name, and not the body of one of these."""
    return "<" not in code.co_qualname and bool(code.co_flags & inspect.CO_OPTIMIZED)


def by_file(functions: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names of functions by their file, the files with most of them first."""
    names: dict[str, list[str]] = {}
    for file, function in functions:
        names.setdefault(file, []).append(function)
    return dict(sorted(names.items(), key=lambda item: -len(item[1])))


def walks(name: str, effort: str) -> list[Walk]:
    """Return a call of ours, at this effort, and scikit-learn's nearest one."""
    X = np.random.default_rng(0).normal(size=(100, 5))
    y = (X[:, :2] > 0).astype(int)  # two tasks
    net, mlp = MultiTaskNetClassifier(effort=effort, random_state=0), MLPClassifier(random_state=0)
    if name == "fit":
        return [
            Walk("MultiTaskNetClassifier.fit", lambda: net.fit(X, y), skmtl),
            Walk("MLPClassifier.fit", lambda: mlp.fit(X, y), sklearn),
        ]
    if name == "predict":
        net.fit(X, y)
        mlp.fit(X, y)
        return [
            Walk("MultiTaskNetClassifier.predict", lambda: net.predict(X), skmtl),
            Walk("MLPClassifier.predict", lambda: mlp.predict(X), sklearn),
        ]
    ours = MultiTaskSearchCV(net, {"loss_weights": [[1, 1], [1, 2]]}, cv=2)
    theirs = GridSearchCV(mlp, {"alpha": [1e-4, 1e-3]}, cv=2)
    return [
        Walk("MultiTaskSearchCV.fit", lambda: ours.fit(X, y), skmtl),
        Walk("GridSearchCV(MLPClassifier).fit", lambda: theirs.fit(X, y), sklearn),
    ]


def verdict(name: str, functions: int, files: int) -> str:
    """Say what a call of ours may take, and whether it does."""
    most_functions, most_files = GOALS[name]
    met = functions <= most_functions and (most_files is None or files <= most_files)
    goal = f"{most_functions}" if most_files is None else f"{most_functions} in {most_files}"
    return f"at most {goal}: {'yes' if met else 'NO'}"


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("calls", nargs="*", metavar="CALL", help=f"of {' '.join(GOALS)}; all by default")
    parser.add_argument(
        "--list", action="store_true", help="print our functions in the order in which they are entered"
    )
    parser.add_argument("--files", action="store_true", help="print our functions by file")
    parser.add_argument("--effort", default=MultiTaskNetClassifier().effort, help="of the estimator; %(default)s")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.calls) - set(GOALS))
    if unknown:
        parser.error(f"no call {', '.join(unknown)}: choose from {' '.join(GOALS)}.")
    warnings.simplefilter("ignore")  # MLPClassifier stops before it has converged
    for name in arguments.calls or GOALS:
        for walk in walks(name, arguments.effort):
            found = walk.entered()
            ours, n_files = walk.package is skmtl, len({file for file, _ in found})
            goal = verdict(name, len(found), n_files) if ours else ""
            print(f"{walk.label:32}{len(found):4} functions in {n_files:2} files  {goal}".rstrip())
            if ours and arguments.list:
                print(*(f"    {file}: {function}" for file, function in found), sep="\n")
            if ours and arguments.files:
                print(*(f"    {file}: {', '.join(names)}" for file, names in by_file(found).items()), sep="\n")


if __name__ == "__main__":
    main()
