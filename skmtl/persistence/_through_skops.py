"""Other objects than skmtl's, such as the steps of a pipeline before the net: as skops writes and audits them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from skmtl.persistence._errors import ContentError


def _skops() -> ModuleType:
    try:
        from skops import io as skops_io
    except ImportError:
        raise ImportError(
            "Objects of scikit-learn in an estimator, such as other steps of a pipeline, need skops: "
            "pip install 'skmtl[skops]'."
        ) from None
    found: ModuleType = skops_io
    return found


def dump(value: Any, path: str) -> np.ndarray:
    """Bytes of an object.

    Raises
    ------
    TypeError
        If skops does not write it or cannot read it, or an object of skmtl is within it.
    ImportError
        If there is no skops.
    """
    skops_io = _skops()
    try:
        data = skops_io.dumps(value)
        types = skops_io.get_untrusted_types(data=data)
        skops_io.loads(data, trusted=types)  # it writes some objects that it cannot read, such as lambdas
    except Exception as error:  # of many kinds
        raise TypeError(
            f"{path} holds {type(value).__name__}, which no file holds: {error}. Leave it out, or pickle the estimator."
        ) from error
    if inner := [name for name in types if name.startswith("skmtl.")]:
        raise TypeError(
            f"{path} holds {type(value).__name__} around {inner[0]}. Save the fitted estimator within, such as "
            "best_estimator_, alone or at the end of a Pipeline."
        )
    return np.frombuffer(data, dtype=np.uint8)


def restore(data: np.ndarray, trusted: Sequence[str], place: str) -> Any:
    """The object of these bytes.

    Raises
    ------
    ContentError
        If they are not as skops writes them, or hold types that are neither skops' nor ``trusted``.
    ImportError
        If there is no skops.
    """
    skops_io, content = _skops(), data.tobytes()
    _require_plain(content, place)
    try:
        unknown = [name for name in skops_io.get_untrusted_types(data=content) if name not in trusted]
    except Exception as error:  # whatever comes of content that skops has not written
        raise ContentError(place, f"skops does not read it: {error}.") from error
    if unknown:
        raise ContentError(
            place,
            f"It holds the types {', '.join(unknown)}, whose code would run.",
            f"If you know that this is harmless, trust them: skmtl.load(path, trusted={unknown}).",
        )
    try:
        return skops_io.loads(content, trusted=list(trusted))
    except Exception as error:
        raise ContentError(place, f"skops does not read it: {error}.") from error


def _require_plain(content: bytes, place: str) -> None:
    """Refuse archives whose files are compressed, and would take more memory than the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
    except Exception as error:  # zipfile raises errors of many kinds
        raise ContentError(place, "No archive of skops.") from error
    if any(file.compress_type != zipfile.ZIP_STORED for file in files) or sum(f.file_size for f in files) > len(
        content
    ):
        raise ContentError(place, "The archive of skops is compressed.")
