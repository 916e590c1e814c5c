"""The file: tensors and JSON in the layout of safetensors, under a digest of all its bytes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from skmtl._files import write_whole
from skmtl._version import __version__
from skmtl.persistence._errors import ContentError
from skmtl.persistence._json import MAX_VALUES, count_values, read_json, write_json

FORMAT_VERSION = 1
READABLE = (1,)
MAX_HEADER = 32 << 20  # bytes
_LENGTH = 8  # bytes that say how long the header is
_ALIGNMENT = 8  # bytes
_ZEROS = b"0" * 64
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')  # in a string of JSON these quotes would have backslashes
_KEYS = {"format", "format_version", "skmtl_version", "content", "sha256"}
_OTHERS = {b"\x80": "a pickle", b"PK": "a zip archive", b"\x93NUMPY": "an array of numpy", b"\x1f\x8b": "compressed"}
_DTYPES = {"b1": "BOOL", **{f"{kind}{n}": f"{kind.upper()}{8 * n}" for kind in "iuf" for n in (1, 2, 4, 8)}}
_FOREIGN = "It was not written by skmtl.save. Pass a file that was; pickles are for pickle.load or joblib.load."


def write(path: str | os.PathLike[str], content: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Write a file in one step: another process finds the old file or the new one, and nothing between.

    Raises
    ------
    ValueError
        If there are too many values for a file.
    OSError
        If the path is that of a folder, or its folder is not there.
    """
    versions = {"format_version": str(FORMAT_VERSION), "skmtl_version": __version__}
    metadata = {"format": "skmtl", **versions, "content": content, "sha256": _ZEROS.decode()}
    header, parts = _laid_out(metadata, tensors)
    if len(header) > MAX_HEADER or count_values(header) > MAX_VALUES:
        raise ValueError("The estimator has more attributes, tasks or categories than skmtl.save writes. Pickle it.")
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"path must name a file; {str(target)!r} is a folder. Add the name of the file.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(target)!r} is in no folder that exists. Make {str(target.parent)!r} first, or name another."
        )
    found, digest = _DIGEST.search(header), hashlib.sha256(header)
    assert found is not None
    for part in parts:
        digest.update(part)
    write_whole(target, header[: found.start(1)], digest.hexdigest().encode(), header[found.end(1) :], *parts)


def _laid_out(metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> tuple[bytes, list[memoryview]]:
    """Header and tensors in the layout of safetensors.

    ``safetensors.numpy.save_file`` writes header and tensors at once, but the digest of both belongs in the header: it
    would take a second pass over the file. ``save``, which gives the bytes, takes twice their memory.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, end = list[memoryview](), 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):  # so all are aligned
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _DTYPES[tensor.dtype.str[1:]], "shape": tensor.shape, "data_offsets": [start, end]}
        parts.append(tensor.reshape(-1).view(np.uint8).data)
    text = write_json(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(_LENGTH, "little") + text, parts


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, np.ndarray]]:
    """Content and tensors of a file.

    The digest is checked before anything is read in JSON.

    Raises
    ------
    ContentError
        If anything in the file is not as :func:`write` writes it.
    OSError
        If the file cannot be opened.
    """
    data = _read_bytes(path)
    end = _header_end(data)
    if not _LENGTH < end <= min(len(data), MAX_HEADER):
        raise ContentError("length of the header", f"{end - _LENGTH} of {len(data) - _LENGTH} bytes.", _foreign(data))
    _check_digest(data, end)
    if count_values(data[_LENGTH:end]) > MAX_VALUES:
        raise ContentError("header", f"More than {MAX_VALUES} values.")
    try:
        header = read_json(data[_LENGTH:end])
    except ValueError as error:
        raise ContentError("header", str(error)) from error
    content = _read_metadata(header)
    try:
        tensors = safetensors.numpy.load(data)  # which checks that sizes agree and that tensors cover the rest exactly
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ContentError("tensors", f"{error}.") from error
    for name, tensor in tensors.items():
        if max(tensor.shape, default=0) > len(data):  # of which another size is 0
            raise ContentError("tensors", f"{name!r} has the shape {tensor.shape}.")
    return content, tensors


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    if os.path.islink(path):
        raise ContentError("path", "A symbolic link.", "Pass the file that it leads to: os.path.realpath(path).")
    if os.path.isdir(path):  # which cannot be opened
        raise _not_regular()
    with open(os.open(path, flags | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _not_regular()
        return file.read(status.st_size)


def _not_regular() -> ContentError:
    return ContentError("path", "Not a regular file.", "Pass a file that skmtl.save has written.")


def _header_end(data: bytes) -> int:
    return _LENGTH + int.from_bytes(data[:_LENGTH], "little")


def _foreign(data: bytes) -> str:
    """What to do with a file that has no header of ours."""
    found = next((what for start, what in _OTHERS.items() if data.startswith(start)), None)
    return _FOREIGN if found is None else f"It is {found}. {_FOREIGN}"


def _check_digest(data: bytes, end: int) -> None:
    places = list(_DIGEST.finditer(data, _LENGTH, end))
    if len(places) != 1:
        raise ContentError("header", f"{len(places)} digests in place of one.", _foreign(data))
    (place,) = places
    digest = hashlib.sha256(data[: place.start(1)])
    digest.update(_ZEROS)
    digest.update(memoryview(data)[place.end(1) :])
    if digest.hexdigest().encode() != place[1]:
        raise ContentError("digest", "The SHA-256 of the bytes is not the one that the file names: they were changed.")


def _read_metadata(header: Any) -> Any:
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != "skmtl":
        raise ContentError("metadata", "No format 'skmtl'.", _FOREIGN)
    version, writer = metadata.get("format_version"), metadata.get("skmtl_version")
    if version not in [str(known) for known in READABLE]:
        raise ContentError(
            "metadata",
            f"Format version {version!r}, written by skmtl {writer}; skmtl {__version__} reads "
            f"{', '.join(map(str, READABLE))}.",
            f"Install skmtl {writer} or newer.",
        )
    if metadata.keys() != _KEYS:
        odd = sorted(metadata.keys() ^ _KEYS)
        raise ContentError("metadata", f"The names {', '.join(map(repr, odd))} are unknown or missing.")
    try:
        return read_json(metadata["content"])
    except (ValueError, TypeError) as error:
        raise ContentError("content", str(error)) from error
