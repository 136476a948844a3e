"""A process that was stopped (SIGSTOP, Ctrl-Z) while it held SQLite's write lock.

PostgreSQL ends the transaction of a client that stands still. SQLite's locks are the operating
system's: they last as long as their process, and everybody else would wait for ever. So whoever
has waited for a while looks who holds the lock, and lets a holder that is stopped go on: its
transaction is over in a moment.
"""

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)
_PROC = Path("/proc")
#: The byte of the `-shm` file that the one writer holds: https://sqlite.org/walformat.html
_WRITE_LOCK = 120
_STOPPED = "T"


def wake_writer(database: Path) -> int | None:
    """Lets the writer go on if it is stopped, and ours; answers its process id. Linux only."""
    shared = database.with_name(f"{database.name}-shm")
    for pid in _lockers():
        with contextlib.suppress(OSError, ValueError):  # it has ended, or is somebody else's
            if _state(pid) == _STOPPED and _has_open(pid, shared):
                os.kill(pid, signal.SIGCONT)
                log.warning("database.writer_woken pid=%s", pid)
                return pid
    return None


def _lockers() -> Iterator[int]:
    """Processes that hold the write lock of some database.

    Read from the kernel's list: to open the file and ask would drop our own locks on closing it.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / "locks").read_text().splitlines():
            # 1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120
            fields = line.split()
            if fields[1:2] != ["POSIX"] or fields[3] != "WRITE" or not fields[6].isdecimal():
                continue
            last = float("inf") if fields[7] == "EOF" else int(fields[7])
            if int(fields[6]) <= _WRITE_LOCK <= last:
                yield int(fields[4])


def _state(pid: int) -> str:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


def _has_open(pid: int, file: Path) -> bool:
    wanted = file.stat()
    for entry in (_PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(OSError):
            if os.path.samestat(entry.stat(), wanted):
                return True
    return False
