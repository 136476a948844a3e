"""A process that was stopped (SIGSTOP, Ctrl-Z) while it held a lock that all others need.

PostgreSQL ends the transaction of a client that stands still. Locks on files, which are SQLite's
too, are the operating system's: they last as long as their process, and everybody else would wait
for ever. So whoever has waited for a while looks who holds the lock, and lets a holder that is
stopped go on: it is done with it in a moment.
"""

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)
#: Wait for a lock after which somebody who holds it may be frozen.
FROZEN_SECONDS = 2.0
#: The byte of the `-shm` file that the one writer holds: https://sqlite.org/walformat.html
WRITE_LOCK = 120
#: Locks as SQLite's, or by `flock`.
Kind = Literal["POSIX", "FLOCK"]
_PROC = Path("/proc")
_STOPPED = "T"


def wake_writer(database: Path) -> int | None:
    """Lets SQLite's writer go on if it is stopped, and ours; answers its process id. Linux only."""
    return _wake(shared_memory(database), "POSIX", WRITE_LOCK)


def wake_holder(file: Path) -> int | None:
    """The same for whoever has locked the file by `flock`."""
    return _wake(file, "FLOCK", 0)


def shared_memory(database: Path) -> Path:
    """The file that carries the locks of a SQLite database."""
    return database.with_name(f"{database.name}-shm")


def holds(pid: int, file: Path, kind: Kind, byte: int) -> bool:
    """Whether the process alone holds this byte of the file."""
    wanted = file.stat()
    folder = _PROC / str(pid)
    for entry in (folder / "fd").iterdir():
        with contextlib.suppress(OSError):  # closed by now
            if os.path.samestat(entry.stat(), wanted):
                known = (folder / "fdinfo" / entry.name).read_text()
                if pid in _pids(known.replace("lock:", ""), kind, byte):
                    return True
    return False


def _wake(file: Path, kind: Kind, byte: int) -> int | None:
    # Read from the kernel's list: to open the file and ask would drop our own locks on closing it.
    with contextlib.suppress(OSError):
        for pid in _pids((_PROC / "locks").read_text(), kind, byte):
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                if _state(pid) == _STOPPED and holds(pid, file, kind, byte):
                    os.kill(pid, signal.SIGCONT)
                    log.warning("lock.holder_woken file=%s pid=%s", file.name, pid)
                    return pid
    return None


def _pids(locks: str, kind: Kind, byte: int) -> Iterator[int]:
    """Processes that alone hold this byte of some file."""
    for line in locks.splitlines():
        # 1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120
        fields = line.split()
        if fields[1:2] != [kind] or fields[3] != "WRITE" or not fields[6].isdecimal():
            continue
        last = float("inf") if fields[7] == "EOF" else int(fields[7])
        if int(fields[6]) <= byte <= last:
            yield int(fields[4])


def _state(pid: int) -> str:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
