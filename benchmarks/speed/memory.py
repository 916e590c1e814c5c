"""Peak memory of a piece of work, without the pages of memory-mapped files."""

from __future__ import annotations

import gc
import resource
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

STATUS = Path("/proc/self/status")
PERIOD = 0.001  # seconds between looks


def anonymous_bytes() -> int:
    """Resident memory of this process; where the system tells them apart, without the pages of mapped files.

    ``ru_maxrss`` does not serve in a child process: it starts from the peak of the process that started the child.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class PeakMemory:
    """Context in which a thread looks at the memory in use; ``rise`` is the peak in bytes above the level before."""

    def __enter__(self) -> Self:
        gc.collect()
        self.before = self.peak = anonymous_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(PERIOD):
            self.peak = max(self.peak, anonymous_bytes())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.peak = max(self.peak, anonymous_bytes())

    @property
    def rise(self) -> int:
        """Bytes above the level before."""
        return self.peak - self.before
