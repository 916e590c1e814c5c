"""The error of everything that is wrong with a file."""

from __future__ import annotations

from typing import Any

DAMAGED = "Take another copy of the file, or save the estimator again."


class FileFormatError(ValueError):
    """A file that :func:`skmtl.load` does not read.

    Parameters
    ----------
    path : path-like
        The file.
    place : str
        Where in the file.
    problem : str
        What was found there, one sentence.
    cure : str, optional
        What to do, one sentence.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skmtl
    >>> path = Path(tempfile.mkdtemp()) / "net.skmtl"
    >>> path.write_text("anything")
    8
    >>> try:
    ...     skmtl.load(path)
    ... except skmtl.FileFormatError as error:
    ...     print(error.place)
    length of the header
    """

    def __init__(self, path: Any, place: str, problem: str, cure: str = DAMAGED) -> None:
        super().__init__(path, place, problem, cure)
        self.path, self.place, self.problem, self.cure = path, place, problem, cure

    def __str__(self) -> str:
        return f"{self.path}: {self.place}: {self.problem} {self.cure}"


class ContentError(Exception):
    """Content that does not fit, somewhere in a file whose path its reader adds.

    Parameters
    ----------
    place, problem, cure : str
        As in :class:`FileFormatError`.
    """

    def __init__(self, place: str, problem: str, cure: str = DAMAGED) -> None:
        super().__init__(place, problem, cure)
        self.place, self.problem, self.cure = place, problem, cure
