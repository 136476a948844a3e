"""The log of an attempt: JSON lines, each written whole, by any number of processes."""

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from jupyter_orch.domain.text import plain_value
from jupyter_orch.execution.mask import Masker

FILE_NAME = "log.jsonl"
#: Bytes that a writer may add when nobody says how many.
LIMIT = 100_000_000
Level = Literal["info", "warning", "error"]


#: Lines of these events are written in any case; there are few of them.
_ALWAYS = "attempt."


class RunLog:
    """Appends to `log.jsonl`; one system call a line, so that lines of two writers never mix."""

    def __init__(self, path: Path, masker: Masker | None = None, *, limit: int = LIMIT) -> None:
        """Opens the file, or makes it.

        Args:
            path: The file.
            masker: Knows the secrets.
            limit: Bytes that this writer may add.
        """
        self._masker = masker or Masker()
        #: Bytes that may still be written.
        self.room = limit
        #: Whether a line was cut, by a disk that is full.
        self._torn = False
        #: Whether there was something to write that had no room: only the end is told after that.
        self.full = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)

    def write(self, event: str, *, level: Level = "info", **fields: Any) -> None:
        """Adds one line: the event's name and the fields that have a value.

        Secrets are masked, and terminal codes left out. A line that the disk does not take is lost:
        no run fails for its log.
        """
        if self.full and not event.startswith(_ALWAYS):
            return
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": moment, "level": level, "event": event}
        line |= {
            name: plain_value(self._masker.value(value))
            for name, value in fields.items()
            if value is not None
        }
        data = json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
        if len(data) > self.room and not event.startswith(_ALWAYS):
            self.full = True
            data = json.dumps({"time": moment, "level": "warning", "event": "log.full"}).encode()
            data += b"\n"
        self.room -= len(data)
        self._append(data)

    def _append(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        try:
            while data:
                data = data[os.write(self._file, data) :]
                self._torn = bool(data)
        except OSError:
            return

    def close(self) -> None:
        """Makes what was written outlive a power cut."""
        try:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
        finally:
            os.close(self._file)
