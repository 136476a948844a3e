"""The log of an attempt: JSON lines, each written whole, by any number of processes."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from jupyter_orch.domain.text import plain_value
from jupyter_orch.execution.mask import Masker

FILE_NAME = "log.jsonl"
Level = Literal["info", "warning", "error"]


class RunLog:
    """Appends to `log.jsonl`; one system call a line, so that lines of two writers never mix."""

    def __init__(self, path: Path, masker: Masker | None = None) -> None:
        self._masker = masker or Masker()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)

    def write(self, event: str, *, level: Level = "info", **fields: Any) -> None:
        """Adds one line: the event's name and the fields that have a value.

        Secrets are masked, and terminal codes left out.
        """
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": moment, "level": level, "event": event}
        line |= {
            name: plain_value(self._masker.value(value))
            for name, value in fields.items()
            if value is not None
        }
        data = json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Makes what was written outlive a power cut."""
        os.fsync(self._file)
        os.close(self._file)
