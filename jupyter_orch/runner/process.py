"""Processes that must not outlive their purpose: started, marked, ended with all they started."""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_orch.kernel.channel import SOCKET_VARIABLE

_PR_SET_PDEATHSIG = 1
_FOLDER_PREFIX = "jorch-"
_PROC = Path("/proc")
_KILL_ROUNDS = 20
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Lets the kernel kill this process when the thread that started it ends (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kills the process group of a session leader; one that has ended is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(channel: Path) -> None:
    """Kills every process of an attempt, also those that left its process group.

    They are known by the attempt's channel in their environment. Rounds, as they may still fork.
    """
    for _ in range(_KILL_ROUNDS):
        pids = list(_marked(channel))
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(channel: Path) -> Iterator[int]:
    if not _PROC.is_dir():
        return
    mark = f"\0{SOCKET_VARIABLE}={channel}\0".encode()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or belongs to somebody else
            environment = b"\0" + (entry / "environ").read_bytes() + b"\0"
            if mark in environment:
                yield int(entry.name)


# --------------------------------------------------------------------------- private folders


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of mode 0700 with a short path, removed at the end.

    Its name says which process made it, so that `clear_leftovers` knows it when that one is gone.
    """
    name = f"{_FOLDER_PREFIX}{os.getpid()}-{_started(os.getpid())}-"
    folder = Path(tempfile.mkdtemp(prefix=name))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def channel_path(folder: Path) -> Path:
    """Where the channel of the attempt with this private folder is."""
    return folder / "channel"


def clear_leftovers() -> None:
    """Ends what a killed worker left: processes of its attempts, and their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        pid, _, rest = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")
        started = rest.partition("-")[0]
        with contextlib.suppress(OSError):
            ours = folder.stat().st_uid == os.getuid() and not folder.is_symlink()
            if ours and pid.isdigit() and _started(int(pid)) != started:
                kill_marked(channel_path(folder))
                shutil.rmtree(folder, ignore_errors=True)


def _started(pid: int) -> str:
    """When a process started, in clock ticks: tells it from a later one with the same id."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return "0" if not _PROC.is_dir() and _alive(pid) else "gone"
    return stat.rpartition(")")[2].split()[19]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
