"""Messages of many parts over a socket of records (`SOCK_SEQPACKET`).

A message travels in as many records as it needs. Each record says which process sent it and
whether it is a message's first or last, so that messages of two processes may mix, and one whose
sender was interrupted halfway is dropped when its next one begins.
"""

import struct
from collections.abc import Iterator, Sequence

#: Bytes of one record; sockets take about twice that without settings of their own.
RECORD = 96 * 1024
#: Changes when parent, child or executor would not understand one another any more.
PROTOCOL = 3

#: What a message is, by its first part: ipykernel's two channels, and what is said beside them.
SHELL, IOPUB = b"shell", b"iopub"
BEGIN, BYE, SHUTDOWN = b"begin", b"bye", b"shutdown"
#: Several messages that go together, each packed: half of what a short cell says is.
_SEVERAL = b"several"

_HEADER = struct.Struct("!IB")
_FIRST, _LAST = 1, 2
_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")
_PIECE = RECORD - _HEADER.size


def kernel_name(pid: int) -> str:
    """The name that a forked kernel bears, and whatever it forks, until that starts a program."""
    return f"orch-{pid}"


_Parts = Sequence[bytes | memoryview]


def together(messages: Sequence[_Parts]) -> _Parts:
    """One message in place of several; `apart` is its opposite."""
    return messages[0] if len(messages) == 1 else [_SEVERAL, *map(_pack, messages)]


def apart(message: list[bytes]) -> list[list[bytes]]:
    """The messages that were sent as this one.

    Raises:
        ValueError: The bytes of one of them are none.
    """
    return list(map(_parts, message[1:])) if message[:1] == [_SEVERAL] else [message]


def records(sender: int, parts: _Parts) -> Iterator[bytes]:
    """A message as records, each to be sent whole.

    Args:
        sender: The process that sends it.
        parts: Bytes-like, any number.
    """
    body = _pack(parts)
    if len(body) <= _PIECE:
        yield _HEADER.pack(sender, _FIRST | _LAST) + body
        return
    view = memoryview(body)
    for start in range(0, len(body), _PIECE):
        flags = (_FIRST if start == 0 else 0) | (_LAST if start + _PIECE >= len(body) else 0)
        yield _HEADER.pack(sender, flags) + view[start : start + _PIECE]


class Assembler:
    """Puts messages together from records."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[bytes]] = {}

    def feed(self, record: bytes) -> list[bytes] | None:
        """The parts of the message that this record completes, or None.

        Raises:
            ValueError: The bytes are no record.
        """
        if len(record) < _HEADER.size:
            raise ValueError("The record is too short.")
        sender, flags = _HEADER.unpack_from(record)
        piece = record[_HEADER.size :]
        if flags & _FIRST:
            if flags & _LAST:
                self._pieces.pop(sender, None)
                return _parts(piece)
            self._pieces[sender] = []
        elif sender not in self._pieces:
            return None
        self._pieces[sender].append(piece)
        if not flags & _LAST:
            return None
        return _parts(b"".join(self._pieces.pop(sender)))


def _pack(parts: _Parts) -> bytes:
    lengths = [memoryview(part).nbytes for part in parts]
    return b"".join((_COUNT.pack(len(parts)), *map(_LENGTH.pack, lengths), *parts))


def _parts(body: bytes) -> list[bytes]:
    if len(body) < _COUNT.size:
        raise ValueError("The message has no count of parts.")
    (count,) = _COUNT.unpack_from(body)
    start = _COUNT.size + count * _LENGTH.size
    if start > len(body):
        raise ValueError("The message has fewer lengths than parts.")
    found = []
    for index in range(count):
        (length,) = _LENGTH.unpack_from(body, _COUNT.size + index * _LENGTH.size)
        if start + length > len(body):
            raise ValueError("A part is longer than its message.")
        found.append(body[start : start + length])
        start += length
    return found
