"""The locks that writers queue for instead of colliding.

Each is a file of this host beside SQLite, and PostgreSQL's own for the writers of all hosts. They
only save retries: what makes a commit safe are Iceberg's own requirements. So a holder that stands
still for a minute is not waited for any longer. One that goes on is, however long the queue is: who
jumps it makes the commits of all others fail, which makes the queue longer.
"""

import fcntl
import hashlib
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_orch.frozen import FROZEN_SECONDS, wake_holder
from jupyter_orch.settings import Settings, WarehouseSettings, private_folder

#: After which a holder that has not moved counts as gone.
STILL_SECONDS = 60.0
_LOOK_SECONDS = 1.0

#: Says that its caller goes on.
Move = Callable[[], None]


class _Gate:
    """What threads of a process queue at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._moved = time.monotonic()

    def move(self) -> None:
        """Says that whoever is in goes on."""
        self._moved = time.monotonic()

    def enter(self) -> bool:
        """Waits for its turn; False when whoever is in stands still."""
        while not self.lock.acquire(timeout=min(_LOOK_SECONDS, STILL_SECONDS)):
            if time.monotonic() - self._moved > STILL_SECONDS:
                return False
        self.move()
        return True


#: One of each lock that somebody in this process wants.
_gates: weakref.WeakValueDictionary[tuple[int, str, str], _Gate] = weakref.WeakValueDictionary()
_making_gates = threading.Lock()


@contextmanager
def committing(settings: Settings, identifier: str) -> Iterator[Move]:
    """Holds the table's lock; yields what the holder calls whenever it tries anew.

    Args:
        settings: Where the warehouse is.
        identifier: `schema.table`.
    """
    with holding(settings.warehouse, identifier.lower()) as move:
        yield move


@contextmanager
def holding(warehouse: WarehouseSettings, name: str) -> Iterator[Move]:
    """Holds a lock of the warehouse.

    Threads of one process queue among themselves first, so that a process asks once at a time.
    """
    key = (os.getpid(), f"{warehouse.catalog_uri}/{warehouse.catalog}", name)
    with _making_gates:
        gate = _gates.setdefault(key, _Gate())
    entered = gate.enter()
    try:
        if warehouse.in_postgres:
            from jupyter_orch.warehouse.postgres import locked

            lock = locked(warehouse, name, still_seconds=STILL_SECONDS, waiting=gate.move)
        else:
            lock = _locked(lock_file(warehouse, name), waiting=gate.move)
        with lock as move:

            def both() -> None:
                gate.move()
                move()

            yield both
    finally:
        if entered:
            gate.lock.release()


def lock_file(warehouse: WarehouseSettings, name: str) -> Path:
    """The file that is locked."""
    private_folder(warehouse.folder)
    folder = warehouse.folder / ".locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(f"{warehouse.catalog}/{name}".encode()).hexdigest()[:32]


@contextmanager
def _locked(file: Path, *, waiting: Move) -> Iterator[Move]:
    """By `flock`; the file's time says when its holder moved last.

    A holder that is stopped on this host is let go on.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        began, look = time.time(), time.monotonic() + FROZEN_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                moved = max(began, os.fstat(descriptor).st_mtime)
                if time.time() - moved > STILL_SECONDS:
                    yield lambda: None
                    return
                waiting()
                if time.monotonic() > look:
                    look = time.monotonic() + FROZEN_SECONDS
                    wake_holder(file)
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311
        os.utime(descriptor)
        yield lambda: os.utime(descriptor)
    finally:
        os.close(descriptor)
