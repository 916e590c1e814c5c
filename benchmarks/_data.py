"""Sets of data outside of the project."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def load(data: Path, name: str) -> dict[str, Any]:
    """A set, as the ``loader.py`` beside the data gives it."""
    spec = importlib.util.spec_from_file_location("loader", data / "loader.py")
    assert spec is not None
    assert spec.loader is not None
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    loaded: dict[str, Any] = loader.load(name, root=str(data))
    return loaded
