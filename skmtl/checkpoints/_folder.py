"""The folder of the checkpoints of a fit, or of all fits of a search."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from skmtl._files import write_whole
from skmtl._params import MAX_INTEGER
from skmtl.checkpoints._checkpoint import Checkpoint, read_checkpoint
from skmtl.checkpoints._fingerprint import fingerprint
from skmtl.checkpoints._stage import Stage

try:
    import fcntl
except ImportError:  # Windows: two fits of one fingerprint at once may disturb one another
    fcntl = None  # type: ignore[assignment]


class NoCheckpoints:
    """A fit that leaves no checkpoints."""

    inner: Checkpoint | None = None

    def seed(self, random_state: Any) -> Any:
        """What a fit draws from: ``random_state`` as it is."""
        return random_state

    def stage(self, identity: Callable[[], Any]) -> Stage | None:
        """Files of a network in training; there are none."""
        return None

    def keep(self) -> None:
        """See :class:`Checkpoints`."""

    def of_trials(self) -> NoCheckpoints:
        """See :class:`Checkpoints`."""
        return self


NO_CHECKPOINTS = NoCheckpoints()


class Checkpoints(NoCheckpoints):
    """Checkpoints in a folder that belongs to a fit, or a search, alone.

    Parameters
    ----------
    folder : Path
        The folder.
    settings : Checkpoint
        How often to save, and how many to keep.
    keep_ended : bool
        Whether networks that have ended are kept until all is done.

    Attributes
    ----------
    inner : Checkpoint
        For fits within this one, whose checkpoints go with those of this one.
    kept : bool
        Whether the checkpoints stay, as the user has stopped the fit.
    """

    def __init__(self, folder: Path, settings: Checkpoint, keep_ended: bool) -> None:
        self.folder, self.settings, self.keep_ended, self.kept = folder, settings, keep_ended, False
        self.inner = Checkpoint(folder, settings.interval, settings.keep)

    def seed(self, random_state: Any) -> Any:
        """What a fit draws from: for None a seed that is drawn once and kept with the checkpoints."""
        if random_state is not None:
            return random_state
        file = self.folder / "seed.json"
        if not file.exists():
            seed = int(np.random.SeedSequence().generate_state(1)[0]) % MAX_INTEGER
            write_whole(file, json.dumps(seed).encode())
        return int(json.loads(file.read_bytes()))

    def stage(self, identity: Callable[[], Any]) -> Stage:
        """Files of a network in training, which depends on nothing but the values that ``identity`` returns."""
        return Stage(self.folder, fingerprint(identity()), self.settings, self.keep_ended)

    def keep(self) -> None:
        """Let the checkpoints stay at the end."""
        self.kept = True

    def of_trials(self) -> NoCheckpoints:
        """Those of networks that decide how the fit trains: the ones that have ended are kept until it ends."""
        return Checkpoints(self.folder, self.settings, keep_ended=True)


@contextmanager
def checkpoints_of(
    checkpoint: Any, identity: Callable[[], Any], *, keep_ended: bool = False
) -> Iterator[NoCheckpoints]:
    """Claim the folder of a fit, and remove it at the end of the fit, or where its loss stops being finite.

    Parameters
    ----------
    checkpoint : None, path, Checkpoint or NoCheckpoints
        Parameter of the user's, or what a fit around this one has claimed.
    identity : callable
        Returns parameters and data.
    keep_ended : bool, default=False
        As in :class:`Checkpoints`.

    Raises
    ------
    ValueError
        If a setting is not usable.
    OSError
        If the folder cannot be made or written to.
    """
    if checkpoint is None or isinstance(checkpoint, NoCheckpoints):
        yield checkpoint or NO_CHECKPOINTS
        return
    settings = read_checkpoint(checkpoint)
    folder, lock = _claimed(Path(settings.folder).absolute(), fingerprint(identity()))
    checkpoints, done = Checkpoints(folder, settings, keep_ended), False
    for torn in folder.glob(".*.tmp"):  # what was being written when a fit was killed
        torn.unlink(missing_ok=True)
    try:
        yield checkpoints
        done = not checkpoints.kept
    except FloatingPointError:  # it would come again
        done = True
        raise
    finally:
        if done:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _claimed(parent: Path, name: str) -> tuple[Path, int]:
    """Make or take over the folder of a fit that no other fit uses now, and its open lock."""
    try:
        for number in count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            while True:
                folder.mkdir(parents=True, exist_ok=True)
                lock = _locked(folder / "lock")
                if lock is not None:
                    return folder, lock
                if folder.exists():
                    break
    except OSError as error:
        raise type(error)(
            error.errno,
            f"checkpoint={str(parent)!r} cannot be used: {error.strerror}. Name a folder that can be written to, or "
            f"set checkpoint=None",
        ) from error
    raise AssertionError


def _locked(path: Path) -> int | None:
    """Open lock, which ends with the process; None where another fit holds it, or has just removed the file."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:  # its folder has just been removed
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None
