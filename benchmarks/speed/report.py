"""Tables as text, on the screen and in the results file, with the machine on which they were measured."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.speed.timing import Samples

HEAD = """# Speed: results

Written by `python -m benchmarks.speed`; each section names the machine, the threads and the command of its run. All
rivals run in one process, in the order A B A B; times are medians over the rounds and ratios are medians of the
ratios within a round. A step is (fit of many epochs - fit of few epochs) / (steps between them), so set-up costs
cancel.
The floor of a step is the operations of its matrix products (two for a multiplication with its addition; forward,
weight gradients, and input gradients but for the first layer) over the best measured rate of a large float32 product on
the same threads; "products alone" is the median time of these same products at their own sizes. float32 on all sides.
"""
PACKAGES = ("torch", "numpy", "scikit-learn", "skorch", "LibMTL")


@dataclass
class Table:
    """A finished table: its cells as text, and remarks below it."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Add a row."""
        if len(cells) != len(self.columns):
            raise ValueError(f"table {self.key} has {len(self.columns)} columns; got {len(cells)} cells.")
        self.rows.append(cells)

    def note_errors(self, samples: Samples, where: str) -> None:
        """Say below the table which rival failed, and how."""
        self.notes += [f"{where}: {name} failed: {text}" for name, text in samples.errors.items()]

    def markdown(self) -> str:
        """Return title, cells and remarks, in columns that also read well as plain text."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        rule = tuple("-" * width for width in widths)
        lines = [_line(cells, widths) for cells in (self.columns, rule, *self.rows)]
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"## ({self.key}) {self.title}\n\n" + "\n".join(lines) + "\n" + (notes + "\n" if notes else "")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def number(value: float, digits: int = 3) -> str:
    """Significant digits without an exponent; nothing for what could not be measured."""
    if value != value:
        return "-"
    magnitude = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(digits - magnitude, 0)}f}"


def microseconds(value: float) -> str:
    """Seconds as microseconds."""
    return number(value * 1e6)


def mebibytes(value: float) -> str:
    """Bytes as MiB."""
    return number(value / 2**20)


def judge(value: float, goal: float | None) -> tuple[str, str]:
    """Return the goal ("at most") and whether it is met, as two cells."""
    if goal is None:
        return "", ""
    if value != value:
        return f"<= {number(goal)}", "not measured"
    return f"<= {number(goal)}", "yes" if value <= goal else "NO"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def machine(threads: int, rate: float, command: str) -> str:
    """Processor, cores, other load, threads, versions, product rate and the command."""
    load = os.getloadavg()[0]
    return (
        f"Processor: {_processor()} ({platform.machine()}), {os.cpu_count()} cores; load {load:.1f} at the start; "
        f"threads: {threads}; large float32 product: {rate / 1e9:.1f} GFLOP/s.\n"
        f"Python {platform.python_version()}, {', '.join(map(_version, PACKAGES))}.\n"
        f"Command: `{command}`\n"
    )


def write(path: Path, table: Table, circumstances: str, head: str = HEAD) -> None:
    """Put one table in the results file below ``head``, in place of its former self; the other sections stay."""
    text = path.read_text() if path.exists() else ""
    sections = {part[4]: part for part in re.split(r"^(?=## \()", text, flags=re.MULTILINE)[1:]}
    title, rest = table.markdown().split("\n", 1)
    sections[table.key] = f"{title}\n\n{circumstances}{rest}"
    parts = [sections[key].rstrip() + "\n" for key in sorted(sections)]
    path.write_text("\n".join([head, *parts]))
