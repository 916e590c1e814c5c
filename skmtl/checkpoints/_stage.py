"""Files of the networks that train together."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from skmtl._files import write_whole
from skmtl._state import State
from skmtl.checkpoints._checkpoint import Checkpoint

_DIGITS = 16  # of the digest of a file in its name


class Stage:
    """Checkpoints of one network in training, in files named ``<name>-<number>-<digest of the file>.safetensors``.

    Parameters
    ----------
    folder : Path
        Where the files are; those of other names are left alone.
    name : str
        Fingerprint of all that this training depends on.
    settings : Checkpoint
        How often to save, and how many to keep.
    keep_ended : bool
        Whether the state at the end is saved, so that the training is not repeated.
    """

    def __init__(self, folder: Path, name: str, settings: Checkpoint, keep_ended: bool) -> None:
        self.folder, self.name, self.settings, self.keep_ended = folder, name, settings, keep_ended
        self._saved_at, self._epochs, self._warned = time.monotonic(), 0, False
        self._is_saved = False

    def load(self) -> State | None:
        """Newest state that can be read; None where there is none."""
        for path in reversed(self._files()):
            try:
                state = read_state(path)
            except (OSError, ValueError) as error:
                warnings.warn(
                    f"The checkpoint {path} cannot be read: {error} Training goes on from the one before it, or "
                    f"begins anew where there is none.",
                    stacklevel=2,
                )
            else:
                self._is_saved = True
                return state
        return None

    def begin(self, state: Callable[[], State]) -> None:
        """Find out before the first epoch whether the state is data.

        Raises
        ------
        TypeError
            If it is not.
        """
        try:
            state()
        except TypeError as error:
            error.add_note("Such training leaves no checkpoints: set checkpoint=None.")
            raise

    def after_epoch(self, state: Callable[[], State]) -> None:
        """Save the state where the interval is over."""
        self._epochs += 1
        self._is_saved = False
        epochs, seconds = self.settings.epochs, self.settings.seconds
        if self._epochs >= epochs if epochs is not None else time.monotonic() - self._saved_at >= (seconds or 0.0):
            self._save(state())

    def end(self, state: Callable[[], State]) -> None:
        """Save the state at the end, where it is kept."""
        if self.keep_ended and not self._is_saved:
            self._save(state())

    def _files(self) -> list[Path]:
        """Files of this training, the newest last."""
        return sorted(self.folder.glob(f"{self.name}-*.safetensors"))

    def _save(self, state: State) -> None:
        """Write a state beside the others, and remove the oldest; a warning where that is not possible."""
        try:
            files = self._files()
            number = 1 + max((int(path.name.split("-")[1]) for path in files), default=0)
            write_state(self.folder, f"{self.name}-{number:06d}", state)
            for path in files[: max(len(files) + 1 - self.settings.keep, 0)]:
                path.unlink(missing_ok=True)
        except OSError as error:
            if not self._warned:
                warnings.warn(
                    f"A checkpoint could not be saved in {self.folder}: {error}. Training goes on, and saving is tried "
                    f"again; until then a killed fit goes on from the last checkpoint, or begins anew.",
                    stacklevel=2,
                )
            self._warned = True
        self._is_saved, self._epochs, self._saved_at = True, 0, time.monotonic()


def write_state(folder: Path, name: str, state: State) -> None:
    """Write a state so that the file is there as a whole or not at all, whenever the process or the machine stops."""
    described, arrays = state
    tensors = {key: np.asarray(array, order="C") for key, array in arrays.items()}
    content = save(tensors, {"state": json.dumps(described)})
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    write_whole(folder / f"{name}-{digest}.safetensors", content)


def read_state(path: Path) -> State:
    """Read back what :func:`write_state` wrote.

    Raises
    ------
    ValueError
        If the file is not what was written.
    """
    digest = path.stem.rpartition("-")[2]
    if hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS] != digest:
        raise ValueError("its content is not that of its name.")
    with safe_open(path, framework="numpy") as file:
        described: dict[str, Any] = json.loads(file.metadata()["state"])
        return described, {key: file.get_tensor(key) for key in file.keys()}
