"""Whether what a process has imported is still what a new one would import."""

import time
from collections.abc import Iterable
from pathlib import Path

_PAUSE = 2.0  # seconds in which the files are not looked at again


class Freshness:
    """Remembers files and folders as they are when watched.

    A folder of packages changes when a package comes, goes, or is replaced.
    """

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._looked = 0.0
        self._held = True

    def watch(self, paths: Iterable[str]) -> None:
        """Begins to watch."""
        self._marks = {path: _mark(path) for path in paths}

    def holds(self) -> bool:
        """Whether nothing has changed."""
        now = time.monotonic()
        if self._held and now - self._looked > _PAUSE:
            self._looked = now
            self._held = all(_mark(path) == mark for path, mark in self._marks.items())
        return self._held


def _mark(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
