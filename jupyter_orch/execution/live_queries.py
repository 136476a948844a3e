"""The queries that a notebook waits for, as its kernel tells them: a small file of the attempt."""

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

from jupyter_orch import wire
from jupyter_orch.domain.live import FILES, QUERIES_FILE, QUERY_ENDED, LiveQuery
from jupyter_orch.execution.notebook_file import replace_file

_log = logging.getLogger(__name__)
#: Seconds without a word after which nobody waits for a query: a client that fetches hears from
#: Trino every second.
_SILENCE = 10.0
_PAUSE = 0.2  # seconds between two writes
_MOST = 8
_LONGEST_TEXT = 200  # characters


class LiveQueries:
    """Keeps the latest word of each; for any thread. What goes wrong with it fails nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / QUERIES_FILE
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[float, LiveQuery]] = {}
        self._written_at = -_PAUSE
        self._untold = self._closed = False

    def tell(self, query: LiveQuery) -> None:
        """Takes in how far a query is, or that it has ended."""
        query = replace(
            query, query_id=query.query_id[:_LONGEST_TEXT], state=query.state[:_LONGEST_TEXT]
        )
        with self._lock:
            before = self._heard.pop(query.query_id, None)
            if query.state not in QUERY_ENDED:
                self._heard[query.query_id] = (time.monotonic(), query)
                while len(self._heard) > _MOST:
                    del self._heard[next(iter(self._heard))]
            elif before is None:
                return
            self._untold = True
            self._write()

    def look(self) -> None:
        """Forgets the silent ones, and writes what there was no time for; for now and then."""
        with self._lock:
            old = time.monotonic() - _SILENCE
            silent = [query for query, (at, _) in self._heard.items() if at < old]
            for query in silent:
                del self._heard[query]
            self._untold = self._untold or bool(silent)
            self._write()

    def close(self) -> None:
        """The attempt has ended; whatever comes now is too late."""
        with self._lock:
            self._closed = True
            clear_live(self._path.parent)

    def _write(self) -> None:
        now = time.monotonic()
        if self._closed or not self._untold or now - self._written_at < _PAUSE:
            return
        self._untold, self._written_at = False, now
        try:
            if self._heard:
                told = wire.dump_bytes([query for _, query in self._heard.values()])
                replace_file(self._path, [told])
            else:
                self._path.unlink(missing_ok=True)
        except OSError:
            _log.warning("live.failed", exc_info=True, extra={"file": str(self._path)})


def clear_live(folder: Path) -> None:
    """Removes what only an attempt that goes on may have."""
    for name in FILES:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError:
            _log.warning("live.not_removed", exc_info=True, extra={"file": name})
