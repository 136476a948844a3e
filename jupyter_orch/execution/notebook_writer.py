"""A notebook that is saved after each step: only what has changed is encoded again.

The file is `nbformat.writes(nb)`, byte for byte. Its fragments are cut from what nbformat itself
writes of a notebook with one cell or one output, so that its rules are not repeated here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress
from operator import attrgetter, is_, itemgetter, ne
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, ValidationError

from jupyter_orch.execution.notebook_file import replace_file

_log = logging.getLogger(__name__)

_SMALL = 65_536  # bytes; fragments of a cell are joined below, as many small ones are slow to write
_CELLS, _CELLS_END = '\n "cells": [', b"\n "
_OUTPUTS, _OUTPUTS_END = '\n   "outputs": [', b"\n   "

_Fragments = Sequence[bytes | memoryview]


class NotebookWriter:
    """Saves one notebook of format 4 to one file, and keeps the encoded file in memory.

    What has changed is found by comparison: nobody has to tell, and a change in a cell that ended
    long ago is seen as well. Not for use by several threads at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells = _Items(_Cell, _CELLS_END)
        self._rest: Any = _Same(object())
        self._frame = (b"", b"")

    def save(self, nb: Any, *, durable: bool = False) -> None:
        """Replaces the file whole.

        As `nbformat.writes` does, it gives ids to cells that lack one, and logs what is invalid in
        the notebook; the latter at the durable save only, as once is enough.

        Args:
            nb: An nbformat notebook.
            durable: Whether it must outlive a power cut: for the last save only, as it costs.

        Raises:
            TypeError: Something in the notebook is not JSON. The file stays as it was.
        """
        if durable or _lacks_ids(nb):
            _validate(nb)
        replace_file(self._path, self._encode(nb), durable=durable)

    def _encode(self, nb: Any) -> _Fragments:
        rest = _node({**nb, "cells": []})
        if rest != self._rest:
            self._frame = _frame(_text(rest), _CELLS)
            self._rest = snapshot(rest)
        before, after = self._frame
        return [before, *self._cells.encode(nb.cells), after]


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


_TEXTS = frozenset({str, type(None)})
_LEAVES = _TEXTS | {int, float, bool}


def snapshot(value: Any) -> Any:
    """What equals the value, by `==`, only as long as the value would be encoded the same.

    It shares the immutable leaves, so that the comparison runs in C and reads texts only when they
    have been replaced by others of the same length. What JSON does not know equals nothing.
    """
    kind = type(value)
    if kind in _TEXTS:
        return value
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            return {object(): None}
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, list):
        kinds = set(map(type, value))
        if kinds <= _TEXTS:
            return list(value)
        return _SameItems(value) if kinds <= _LEAVES else [snapshot(item) for item in value]
    return _Same(value if kind in _LEAVES else object())


class _Output:
    """An output of a code cell, what it was when it was last encoded, and its fragments since."""

    snapshot: Any = _Same(object())
    #: These begin with a comma.
    fragments: _Fragments = ()

    def __init__(self, value: Any) -> None:
        self.value = value

    def encode(self) -> None:
        """Renews snapshot and fragments, or neither when it raises."""
        known = snapshot(self.value)
        cell = _node({"cell_type": "code", "metadata": {}, "outputs": [self.value]})
        text = _inside(_text_of(cell), _AROUND_OUTPUT, _OUTPUTS_END)
        self.snapshot, self.fragments = known, [b",", _bytes(text)]


class _Cell(_Output):
    """The same of a cell, whose outputs are encoded one by one."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self._outputs = _Items(_Output, _OUTPUTS_END)

    def encode(self) -> None:
        cell = self.value
        if cell.get("cell_type") != "code" or not isinstance(cell.get("outputs"), list):
            known = snapshot(cell)
            self.snapshot, self.fragments = known, [_bytes("," + self._text(cell))]
            return
        rest = _node({**cell, "outputs": []})
        known = snapshot(rest)
        before, after = _frame("," + self._text(rest), _OUTPUTS)
        fragments = [before, *self._outputs.encode(cell["outputs"]), after]
        if sum(map(len, fragments)) < _SMALL:
            fragments = [b"".join(fragments)]
        known["outputs"] = self._outputs.snapshots()
        self.snapshot, self.fragments = known, fragments

    @staticmethod
    def _text(cell: Any) -> str:
        return _inside(_text_of(cell), _AROUND_CELL, _CELLS_END)


class _Items:
    """The items of a list in the file; `end` is what stands between them and the bracket."""

    def __init__(self, kind: Callable[[Any], _Output], end: bytes) -> None:
        self._kind = kind
        self._end = end
        self._items: list[_Output] = []

    def encode(self, values: list[Any]) -> _Fragments:
        """Fragments of these values, those that are as before taken from before."""
        items = self._items
        if len(items) != len(values) or not all(map(is_, values, map(_VALUE, items))):
            known = {id(item.value): item for item in items}
            self._items = items = [known.get(id(value)) or self._kind(value) for value in values]
        for item in compress(items, map(ne, values, map(_SNAPSHOT, items))):
            item.encode()
        fragments = list(chain.from_iterable(map(_FRAGMENTS, items)))
        if not fragments:
            return fragments
        first = memoryview(fragments[0])[1:]  # its comma stays away
        return [first, *fragments[1:], self._end]

    def snapshots(self) -> list[Any]:
        """What the values were when they were last encoded."""
        return list(map(_SNAPSHOT, self._items))


_VALUE, _SNAPSHOT, _FRAGMENTS = map(attrgetter, ("value", "snapshot", "fragments"))


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


def _node(value: Mapping[str, Any]) -> Any:
    return NotebookNode(value)  # type: ignore[no-untyped-call]


def _text(nb: Any) -> str:
    return str(nbformat.v4.writes(nb))  # type: ignore[no-untyped-call]


def _text_of(*cells: Any) -> str:
    return _text(_node({"metadata": {}, "cells": list(cells)}))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _frame(text: str, opening: str) -> tuple[bytes, bytes]:
    """What stands around the items of the empty list that opens so.

    There is one: only its level has this indentation, and JSON escapes the line ends in texts.
    """
    before, after = text.split(opening + "]")
    return _bytes(before + opening), _bytes("]" + after)


def _inside(text: str, frame: tuple[bytes, bytes], end: bytes) -> str:
    """The items of the list in that frame, which is ASCII."""
    before, after = frame
    return text[len(before) : -len(end + after)]


_AROUND_CELL = _frame(_text_of(), _CELLS)
_AROUND_OUTPUT = _frame(
    _text_of(_node({"cell_type": "code", "metadata": {}, "outputs": []})), _OUTPUTS
)
