"""Folders that belong to one attempt, and that are known as nobody's when its process is gone."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_PREFIX = "jorch-"
_PROC = Path("/proc")


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of mode 0700 with a short path, removed at the end.

    Its name says which process made it, so that `abandoned_folders` knows it when that one is gone.
    """
    name = f"{_PREFIX}{os.getpid()}-{_since(os.getpid())}-"
    folder = Path(tempfile.mkdtemp(prefix=name))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def channel_path(folder: Path) -> Path:
    """Where the channel of the attempt with this private folder is."""
    return folder / "channel"


def abandoned_folders() -> Iterator[Path]:
    """Private folders of this user whose process has been killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid, _, rest = folder.name.removeprefix(_PREFIX).partition("-")
        started = rest.partition("-")[0]
        with contextlib.suppress(OSError):
            ours = folder.stat().st_uid == os.getuid() and not folder.is_symlink()
            if ours and pid.isdigit() and _started(int(pid)) != started:
                yield folder


def _started(pid: int) -> str:
    """When a process started, in clock ticks: tells it from a later one with the same id."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return "0" if not _PROC.is_dir() and _alive(pid) else "gone"
    fields = stat.rpartition(")")[2].split()
    return "gone" if fields[0] == "Z" else fields[19]


def gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has asked how."""
    return _started(pid) == "gone"


@lru_cache(maxsize=1)
def _since(pid: int) -> str:
    """The same for this process, read once; a fork of it has another id."""
    return _started(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
