"""The cap on a cell's outputs: the notebook keeps the beginning, the log keeps all of it."""

import json
from typing import Any

from jupyter_orch.execution.log import RunLog

_MEGABYTE = 1_000_000
#: A traceback is what one looks for first, so it is kept in any case, up to this many characters.
_LONGEST_TRACEBACK = 200_000


class OutputLimit:
    """Counts what the messages of one cell bring."""

    def __init__(self, limit: int, log: RunLog) -> None:
        self._limit = limit
        self._log = log
        self._cell = 0
        self._used = 0
        self._capped = False

    def start_cell(self, cell: int) -> None:
        """Begins at zero: a new cell, or a cell that cleared its output."""
        self._cell = cell
        self._used = 0
        self._capped = False

    def admit(self, msg: Any, outputs: list[Any]) -> bool:
        """Whether the message may go on into the notebook; its text may be cut."""
        content, kind = msg["content"], msg["msg_type"]
        if kind == "error":
            self._log.write(
                "cell.error",
                level="error",
                cell=self._cell,
                name=content.get("ename"),
                message=content.get("evalue"),
            )
            content["traceback"] = _shortened(content.get("traceback", []))
            return True
        size = _size(content, kind)
        room = self._limit - self._used
        self._used += size
        if size <= room and not self._capped:
            return True
        if not self._capped:
            self._capped = True
            self._log_kept(outputs)
            self._log_message(content, kind)
            return self._last_part(content, kind, room)
        self._log_message(content, kind)
        return False

    def _last_part(self, content: Any, kind: str, room: int) -> bool:
        megabytes = f"{self._limit / _MEGABYTE:g}"
        note = (
            f"\n[jupyter_orch: this cell's output is longer than {megabytes} MB;"
            " the run's log has all of it]\n"
        )
        if kind == "stream":
            content["text"] = content["text"].encode()[: max(room, 0)].decode("utf-8", "ignore")
            content["text"] += note
        else:
            content["data"] = {"text/plain": note.strip()}
            content["metadata"] = {}
        return True

    def _log_kept(self, outputs: list[Any]) -> None:
        for output in outputs:
            if output.output_type == "stream":
                self._log_message(output, "stream")

    def _log_message(self, content: Any, kind: str) -> None:
        if kind == "stream":
            self._log.write(
                "output", cell=self._cell, name=content.get("name"), text=content["text"]
            )
        else:
            self._log.write("output", cell=self._cell, data=content.get("data"))


def _size(content: Any, kind: str) -> int:
    if kind == "stream":
        return len(content["text"].encode("utf-8", "replace"))
    return sum(
        len(value) if isinstance(value, str) else len(json.dumps(value))
        for value in content.get("data", {}).values()
    )


def _shortened(lines: list[str]) -> list[str]:
    kept: list[str] = []
    room = _LONGEST_TRACEBACK
    for line in lines:
        kept.append(line[: max(room, 0)])
        room -= len(line)
    return [line for line in kept if line] or lines[:0]
