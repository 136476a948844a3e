"""The cap on outputs: the notebook keeps the beginning of a cell's, the log more of it."""

import json
from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any

from jupyter_orch.execution.log import RunLog

_MEGABYTE = 1_000_000
#: What went wrong is what one looks for first, so it is kept beyond the cap, up to so many
#: characters of each part.
_LONGEST_TRACEBACK = 200_000
_LONGEST_MESSAGE = 100_000
_LONGEST_NAME = 1000
#: Outputs that a place may have, however small: each costs a hundred bytes of its own.
_MOST_OUTPUTS = 50_000
#: Characters of a text in one line of the log.
_LINE = 1_000_000


class OutputLimit:
    """Counts what messages bring to the places that keep it: cells, and output widgets."""

    def __init__(self, limit: int, log: RunLog) -> None:
        self._limit = limit
        self._log = log
        #: The cell's number in the log, from 1 as the notebook's page counts.
        self._number = 0
        self._used: defaultdict[Hashable, int] = defaultdict(int)
        self._outputs: defaultdict[Hashable, int] = defaultdict(int)
        self._capped: set[Hashable] = set()
        self._failed: set[Hashable] = set()
        #: Places that are to be cleared when their next output comes.
        self._clearing: set[Hashable] = set()
        #: How large a display is, and how often each place shows it.
        self._sizes: dict[str, int] = {}
        self._shown: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)

    def start_cell(self, cell: int) -> None:
        """Begins at zero."""
        self._number = cell + 1
        self.clear(cell)

    def clear(self, place: Hashable, *, wait: bool = False) -> None:
        """Begins at zero in a place that clears its output, at once or with its next one."""
        if wait:
            self._clearing.add(place)
            return
        self._used[place] = self._outputs[place] = 0
        for known in (self._capped, self._failed, self._clearing):
            known.discard(place)
        for shown in self._shown.values():
            shown.pop(place, None)

    def admit(self, msg: Any, outputs: list[Any], place: Hashable) -> bool:
        """Whether the message may go on into the notebook; what it brings may be cut.

        Args:
            msg: Printed text, something displayed or its update, or an error.
            outputs: What the cell has until now.
            place: Where its output goes: the cell's position, or something else for a widget.
        """
        content, kind = msg["content"], msg["msg_type"]
        if kind == "update_display_data":
            return self._admit_update(content)
        if place in self._clearing:
            self.clear(place)
        if kind == "error":
            return self._admit_error(content, place)
        size = _size(content, kind)
        room = self._limit - self._used[place]
        if place in self._capped:
            self._log_message(content, kind, size)
            return False
        self._outputs[place] += 1
        many = self._outputs[place] > _MOST_OUTPUTS
        if not many and size <= room and self._show(content, size, place):
            self._used[place] += size
            return True
        self._capped.add(place)
        self._used[place] = self._limit
        self._log_kept(outputs)
        self._log_message(content, kind, size)
        self._cut(content, kind, room, many=many)
        return True

    def _admit_update(self, content: Any) -> bool:
        """What a display becomes counts in the place of what it was, wherever it stands."""
        size = _size(content, "update_display_data")
        if not self._show(content, size):
            self._log_message(content, "update_display_data", size)
            self._cut(content, "update_display_data", 0)
            self._show(content, 0)
        return True

    def _show(self, content: Any, size: int, place: Hashable | None = None) -> bool:
        """Counts a display with a name in all places that have it; false when one has no room."""
        name = (content.get("transient") or {}).get("display_id")
        if not name:
            return True
        shown = self._shown[name]
        more = size - self._sizes.get(name, 0)
        for where, times in shown.items():
            own = size if where == place else 0
            if more > 0 and self._used[where] + times * more + own > self._limit:
                return False
        for where, times in shown.items():
            self._used[where] += times * more
        self._sizes[name] = size
        if place is not None:
            shown[place] += 1
        return True

    def _admit_error(self, content: Any, place: Hashable) -> bool:
        content["ename"] = _cut_text(str(content.get("ename", "")), _LONGEST_NAME)
        content["evalue"] = _cut_text(str(content.get("evalue", "")), _LONGEST_MESSAGE)
        content["traceback"] = _shortened(content.get("traceback", []))
        self._log.write(
            "cell.error",
            level="error",
            cell=self._number,
            name=content["ename"],
            message=content["evalue"],
        )
        size = len(content["evalue"]) + sum(map(len, content["traceback"]))
        self._used[place] += size
        if self._used[place] > self._limit and place in self._failed:
            return False
        self._failed.add(place)
        return True

    def _cut(self, content: Any, kind: str, room: int, *, many: bool = False) -> None:
        much = f"is longer than {self._limit / _MEGABYTE:g} MB"
        if many:
            much = f"has more than {_MOST_OUTPUTS:,} parts"
        note = f"\n[jupyter_orch: this cell's output {much}; the run's log has more of it]\n"
        if kind == "stream":
            room = max(room, 0)
            beginning = content["text"][:room].encode("utf-8", "replace")
            content["text"] = beginning[:room].decode("utf-8", "ignore") + note
        else:
            content["data"] = {"text/plain": note.strip()}
            content["metadata"] = {}

    def _log_kept(self, outputs: list[Any]) -> None:
        for output in outputs:
            if output.output_type == "stream":
                self._log_message(output, "stream", 0)

    def _log_message(self, content: Any, kind: str, size: int) -> None:
        if kind == "stream":
            text = content["text"]
            for start in range(0, len(text), _LINE):
                if self._log.full:
                    return
                part = text[start : start + _LINE]
                self._log.write("output", cell=self._number, name=content.get("name"), text=part)
        elif size > self._log.room:
            self._log.write("output.left_out", level="warning", cell=self._number, bytes=size)
        else:
            self._log.write("output", cell=self._number, data=content.get("data"))


class WidgetLimit:
    """Counts the state of all widgets, which the notebook keeps in one piece."""

    #: Shorter values are what widgets are wired with, and stay in any case.
    _SHORT = 64  # characters

    def __init__(self, limit: int, log: RunLog) -> None:
        self._limit = limit
        self._log = log
        self._sizes: dict[tuple[str, str], int] = {}
        self._used = 0
        self._told = False

    def cut(self, msg: Any) -> None:
        """Takes out of a message of a widget what there is no room for."""
        content = msg["content"]
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(state, dict):
            return
        paths, buffers = data.get("buffer_paths") or [], msg.get("buffers") or []
        sizes = {key: _size_of(value) for key, value in state.items()}
        for path, buffer in zip(paths, buffers, strict=False):
            sizes[path[0]] = sizes.get(path[0], 0) + memoryview(buffer).nbytes
        widget = content["comm_id"]
        too_large = {key for key, size in sizes.items() if not self._keep((widget, key), size)}
        if not too_large:
            return
        data["state"] = {key: value for key, value in state.items() if key not in too_large}
        kept = [
            (path, buffer)
            for path, buffer in zip(paths, buffers, strict=False)
            if path[0] not in too_large
        ]
        data["buffer_paths"] = [path for path, _ in kept]
        msg["buffers"] = [buffer for _, buffer in kept]
        if not self._told:
            self._told = True
            self._log.write("widgets.too_large", level="warning", limit=self._limit)

    def _keep(self, name: tuple[str, str], size: int) -> bool:
        used = self._used + size - self._sizes.get(name, 0)
        if used > self._limit and size > self._SHORT:
            return False
        self._sizes[name], self._used = size, used
        return True


def _size(content: Any, kind: str) -> int:
    if kind == "stream":
        text = content["text"]
        return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return sum(map(_size_of, (content.get("data") or {}).values())) + _size_of(
        content.get("metadata") or {}
    )


def _size_of(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))


def _cut_text(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _shortened(lines: list[str]) -> list[str]:
    kept: list[str] = []
    room = _LONGEST_TRACEBACK
    for line in lines:
        kept.append(line[: max(room, 0)])
        room -= len(line)
    return [line for line in kept if line] or lines[:0]
