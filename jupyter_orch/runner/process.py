"""Processes that must not outlive their purpose: started, marked, ended with all they started."""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_orch.execution.kernels.cgroup import cgroups
from jupyter_orch.execution.private import abandoned_folders, channel_path
from jupyter_orch.kernel.channel import SOCKET_VARIABLE
from jupyter_orch.kernel.forked.frames import kernel_name

_PR_SET_PDEATHSIG = 1
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


def kill_marked(channel: Path, kernel: int | None = None) -> None:
    """Kills every process of an attempt, also those that left its process group.

    They are known by the attempt's channel in their environment; what a forked kernel has forked,
    by the kernel's name. Rounds, as they may still fork.

    Args:
        channel: The attempt's channel.
        kernel: Process id of its kernel, if known.
    """
    for _ in range(_KILL_ROUNDS):
        pids = list(_marked(channel, kernel))
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(channel: Path, kernel: int | None) -> Iterator[int]:
    if not _PROC.is_dir():
        return
    mark = f"\0{SOCKET_VARIABLE}={channel}\0".encode()
    name = f"{kernel_name(kernel)}\n".encode() if kernel is not None else None
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or belongs to somebody else
            environment = b"\0" + (entry / "environ").read_bytes() + b"\0"
            if mark in environment or (name and (entry / "comm").read_bytes() == name):
                yield int(entry.name)


def clear_leftovers() -> None:
    """Ends what a killed process left: processes of its attempts, and their folders."""
    cgroups().sweep()
    for folder in abandoned_folders():
        with contextlib.suppress(OSError):
            kill_marked(channel_path(folder))
            shutil.rmtree(folder, ignore_errors=True)
