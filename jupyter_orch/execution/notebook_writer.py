"""A notebook that is saved after each step: only what has changed is encoded again.

The file is `nbformat.writes(nb)`, byte for byte; how lines are split and what is not saved is left
to nbformat's own functions.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain, compress
from json.encoder import encode_basestring
from operator import attrgetter, is_, itemgetter, methodcaller, ne
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, ValidationError
from nbformat.v4.nbjson import BytesEncoder
from nbformat.v4.rwbase import split_lines, strip_transient

from jupyter_orch.execution.notebook_file import replace_file

_log = logging.getLogger(__name__)

_SMALL = 65_536  # bytes; fragments of a cell are joined below, as many small ones are slow to write
_CELL, _OUTPUT = "\n  ", "\n    "  # how the line of a cell begins, and that of an output

_Fragment = bytes | memoryview


class NotebookWriter:
    """Saves one notebook of format 4 to one file, and keeps the encoded file in memory.

    What has changed is found by comparison; nobody has to tell. Not for several threads at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells = _Items(_Cell, b"\n ")
        self._rest: Any = _NEVER
        self._frame = (b"", b"")

    def save(self, nb: Any, *, running: int | None = None, durable: bool = False) -> None:
        """Replaces the file whole.

        As `nbformat.writes` does, it gives ids to new cells that lack one, and logs what is invalid
        in the notebook; the latter at the durable save only, as once is enough.

        Args:
            nb: An nbformat notebook.
            running: Position of the one cell that may have changed since the last save; of the
                others only the outputs are compared, as a display may be updated long after its
                cell has ended. Absent: every cell is compared whole, which takes twice as long.
            durable: Whether it must outlive a power cut: for the last save only, as it costs.

        Raises:
            TypeError: Something in the notebook is not JSON. The file stays as it was.
        """
        if durable or (len(self._cells) != len(nb.cells) and _lacks_ids(nb)):
            _validate(nb)
        fragments = self._encode(nb, None if durable else running)
        replace_file(self._path, fragments, durable=durable)

    def _encode(self, nb: Any, running: int | None) -> Iterable[_Fragment]:
        rest = _node(**{**nb, "cells": []})
        if rest != self._rest:
            self._frame = _frame(_json(_as_in_file(rest), "\n"), '\n "cells": [')
            self._rest = snapshot(rest)
        self._cells.encode(nb.cells, running)
        before, after = self._frame
        return chain([before], self._cells.fragments(), [after])


class _Same:
    """Equal to one object only: 1, 1.0 and True are equal, but not in the file."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return other is self._value


class _SameItems:
    """Equal to a list of the same objects; far faster than a `_Same` for each of many numbers."""

    __slots__ = ("_items",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: list[Any]) -> None:
        self._items = tuple(items)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, list)
            and len(other) == len(self._items)
            and all(map(is_, other, self._items))
        )


_NEVER = _Same(object())
_TEXTS = frozenset({str, type(None)})
_LEAVES = _TEXTS | {int, float, bool}


def snapshot(value: Any) -> Any:
    """What equals the value, by `==`, only as long as the value would be encoded the same.

    It shares the immutable leaves, so that the comparison runs in C and reads texts only when they
    have been replaced by others of the same length. What JSON does not know equals nothing.
    """
    kind = type(value)
    if kind in _TEXTS or (kind is float and not value.is_integer()):
        return value
    if isinstance(value, dict):
        known = {key: snapshot(item) for key, item in value.items()}
        return known if all(type(key) is str for key in value) else {object(): known}
    if isinstance(value, list):
        kinds = set(map(type, value))
        if kinds <= _LEAVES:
            return list(value) if kinds <= _TEXTS else _SameItems(value)
        return [snapshot(item) for item in value]
    return _Same(value if kind in _LEAVES else object())


class _Output:
    """What an output of a code cell was when it was last encoded, and its fragments since."""

    #: Kept for its id, which no other object has as long as this one lives.
    value: Any = None
    snapshot: Any = _NEVER
    #: They begin with a comma.
    fragments: Sequence[_Fragment] = ()

    def encode(self, value: Any) -> None:
        """Renews them all, or none when it raises."""
        known, text = snapshot(value), _output_text(value)
        self.value, self.snapshot, self.fragments = value, known, [_bytes(text)]


class _Cell(_Output):
    """The same of a cell, whose outputs are encoded one by one."""

    #: That part of the snapshot.
    outputs: Any = _NEVER

    def __init__(self) -> None:
        self._items = _Items(_Output, b"\n   ")

    def encode(self, value: Any) -> None:
        self.outputs = _NEVER  # should this raise, the next save tries again, whichever cell runs
        if value.get("cell_type") == "code" and isinstance(value.get("outputs"), list):
            known, fragments = self._encode(value)
        else:
            known, fragments = snapshot(value), [_bytes(_cell_text(value))]
        self.value, self.snapshot, self.fragments = value, known, fragments
        self.outputs = known.get("outputs")

    def _encode(self, cell: Any) -> tuple[dict[Any, Any], list[_Fragment]]:
        rest = _node(**{**cell, "outputs": []})
        self._items.encode(cell["outputs"])
        before, after = _frame(_cell_text(rest), '\n   "outputs": [')
        fragments = [before, *self._items.fragments(), after]
        if sum(map(len, fragments)) < _SMALL:
            fragments = [b"".join(fragments)]
        return {**snapshot(rest), "outputs": self._items.snapshots()}, fragments


class _Items:
    """The items of a list in the file; `end` is what stands between them and the bracket."""

    def __init__(self, kind: Callable[[], _Output], end: bytes) -> None:
        self._kind = kind
        self._end = end
        self._items: list[_Output] = []

    def __len__(self) -> int:
        return len(self._items)

    def encode(self, values: list[Any], running: int | None = None) -> None:
        """Encodes those that are not as before; of cells but the running one, outputs count."""
        items = self._items
        if len(items) != len(values):  # some came or went: the others keep what they have
            known = {id(item.value): item for item in items}
            items = [
                known.pop(id(value)) if id(value) in known else self._kind() for value in values
            ]
            self._items, running = items, None
        if running is None:
            changed = list(map(ne, values, map(_SNAPSHOT, items)))
        else:
            changed = list(map(ne, map(_get_outputs, values), map(_OUTPUTS, items)))
            changed[running] = True
        for item, value in compress(zip(items, values, strict=True), changed):
            item.encode(value)

    def fragments(self) -> Iterable[_Fragment]:
        """What stands in the list's brackets."""
        fragments = chain.from_iterable(map(_FRAGMENTS, self._items))
        first = next(fragments, None)
        if first is None:
            return ()
        return chain([memoryview(first)[1:]], fragments, [self._end])  # no comma before the first

    def snapshots(self) -> list[Any]:
        """What the values were when they were last encoded."""
        return list(map(_SNAPSHOT, self._items))


_SNAPSHOT, _OUTPUTS, _FRAGMENTS = map(attrgetter, ("snapshot", "outputs", "fragments"))
_get_outputs = methodcaller("get", "outputs")


def _lacks_ids(nb: Any) -> bool:
    """Whether nbformat would give some cells other ids."""
    if nb.get("nbformat_minor", 0) < 5:  # noqa: PLR2004 - the first with ids
        return False
    try:
        ids = set(map(itemgetter("id"), nb.cells))
    except KeyError:
        return True
    return len(ids) < len(nb.cells)


def _validate(nb: Any) -> None:
    try:
        nbformat.validate(nb)
    except ValidationError as error:
        _log.error("Notebook JSON is invalid: %s", error)


def _node(**parts: Any) -> Any:
    return NotebookNode(parts)  # type: ignore[no-untyped-call]


def _as_in_file(nb: Any) -> Any:
    """A copy with lines split and without what is not saved, by nbformat's rules."""
    return strip_transient(split_lines(deepcopy(nb)))  # type: ignore[no-untyped-call]


def _cell_text(cell: Any) -> str:
    nb = _as_in_file(_node(metadata={}, cells=[cell]))
    return _json(nb.cells[0], _CELL, "," + _CELL)


def _output_text(output: Any) -> str:
    cell = _node(cell_type="code", metadata={}, outputs=[output])
    nb = _as_in_file(_node(metadata={}, cells=[cell]))
    return _json(nb.cells[0].outputs[0], _OUTPUT, "," + _OUTPUT)


_encode_leaf = BytesEncoder(ensure_ascii=False).encode


def _json(value: Any, line: str, before: str = "") -> str:
    """As `json.dumps` with nbformat's options, which is pure Python as well, and slower.

    Args:
        value: What to encode.
        line: The end of a line, and the indentation of the next at the value's level.
        before: What to put before it; a large text is not copied once more for that.
    """
    parts = [before]
    _put(parts, value, line)
    return "".join(parts)


def _put(parts: list[str], value: Any, line: str) -> None:
    deeper = line + " "
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, dict) and value:
        opening = "{" + deeper
        for key, item in sorted(value.items()):
            parts.append(f"{opening}{_key(key)}: ")
            _put(parts, item, deeper)
            opening = "," + deeper
        parts.append(line + "}")
    elif isinstance(value, list | tuple) and value:
        opening = "[" + deeper
        for item in value:
            parts.append(opening)
            _put(parts, item, deeper)
            opening = "," + deeper
        parts.append(line + "]")
    else:
        parts.append(_encode_leaf(value))


def _key(key: Any) -> str:
    return encode_basestring(key) if isinstance(key, str) else _encode_leaf({key: 0})[1:-4]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _frame(text: str, opening: str) -> tuple[bytes, bytes]:
    """What stands around the items of the empty list that opens so.

    There is one: only its level has this indentation, and JSON escapes the line ends in texts.
    """
    before, after = text.split(opening + "]")
    return _bytes(before + opening), _bytes("]" + after)
