"""Messages as records: whole, in order, mixed, torn, too long, and made of noise."""

import os
import random
import socket

import pytest

from jupyter_orch.kernel.forked.frames import RECORD, Assembler, apart, records, together

PARTS = [
    [],
    [b""],
    [b"shell", b"", b"x" * 10],
    [b"iopub", os.urandom(RECORD - 40)],
    [b"iopub", os.urandom(RECORD)],
    [b"a", os.urandom(3 * RECORD + 17), b"", b"z"],
]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: str(sum(map(len, parts))))
def test_a_message_arrives_as_it_was_sent(parts: list[bytes]) -> None:
    """Over a real socket, whatever its size."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    assembler = Assembler()
    found = None
    with ours, theirs:
        for record in records(7, parts):
            assert len(record) <= RECORD
            theirs.send(record)
            found = assembler.feed(ours.recv(RECORD))
    assert found == parts


def test_messages_that_follow_one_another_travel_together() -> None:
    """One record for several small ones, whose order and parts stay; and many for a large one."""
    for messages in (PARTS[2:3], PARTS[:3], PARTS):
        sent = list(records(7, together(messages)))
        assembler = Assembler()
        (found,) = filter(None, map(assembler.feed, sent))
        assert apart(found) == messages
    assert len(list(records(7, together(PARTS[:3])))) == 1


def test_messages_of_two_senders_may_mix() -> None:
    """Each is put together from its own records."""
    first = list(records(1, [b"a" * (2 * RECORD)]))
    second = list(records(2, [b"b" * (2 * RECORD)]))
    assembler = Assembler()
    mixed = [record for pair in zip(first, second, strict=True) for record in pair]
    found = [message for record in mixed if (message := assembler.feed(record)) is not None]
    assert found == [[b"a" * (2 * RECORD)], [b"b" * (2 * RECORD)]]


def test_a_torn_message_is_dropped_when_the_next_one_begins() -> None:
    """Its sender was interrupted; what follows is not harmed."""
    assembler = Assembler()
    torn = list(records(1, [b"a" * (2 * RECORD)]))
    assert all(assembler.feed(record) is None for record in torn[:-1])
    (whole,) = records(1, [b"b"])
    assert assembler.feed(whole) == [b"b"]
    assert assembler.feed(torn[-1]) is None  # the end of what was dropped


def test_noise_is_refused_or_waited_on_but_never_believed() -> None:
    """Bytes of chance raise ValueError, or are part of a message that never ends."""
    chance = random.Random(4)  # noqa: S311 - chance, not secrecy
    for _ in range(3000):
        size = chance.choice((0, 1, 4, 5, 9, 13, 21, 60, 300))
        record = bytearray(chance.randbytes(size))
        try:
            found = Assembler().feed(bytes(record))
        except ValueError:
            continue
        assert found is None or sum(map(len, found)) <= size


def test_a_changed_record_breaks_nothing() -> None:
    """One byte turned in a real record: an error, another message, or none; no other exception."""
    chance = random.Random(5)  # noqa: S311 - chance, not secrecy
    (record,) = records(3, together([[b"shell", b"{}"], [b"iopub", b"text"]]))
    for _ in range(2000):
        changed = bytearray(record)
        changed[chance.randrange(len(record))] = chance.randrange(256)
        try:
            found = Assembler().feed(bytes(changed))
            messages = [] if found is None else apart(found)
        except ValueError:
            continue
        assert sum(len(part) for message in messages for part in message) <= len(record)
