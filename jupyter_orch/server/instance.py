"""One service per state folder: a lock that the operating system frees when its holder dies."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_orch.client.transport import SOCKET
from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.settings import private_folder

LOCK = "service.lock"
LOG = "service.log"
_LONGEST_SOCKET_PATH = 107  # bytes, of `sockaddr_un` on Linux
_STEP = 0.05  # seconds between two looks at a process that stops


@contextmanager
def only_instance(state_dir: Path, facts: Mapping[str, Any]) -> Iterator[None]:
    """Holds the lock of this state folder, with facts about the holder in it.

    Raises:
        Refused: Another service runs on it.
    """
    private_folder(state_dir)
    check_socket_path(state_dir)
    handle = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _facts(state_dir)
            raise Refused(
                f"The service runs already (process {other.get('pid', 'unknown')}).",
                hint="`jupyter orch status` shows it, `jupyter orch down` stops it.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), **facts}).encode(), 0)
        yield
    finally:
        os.close(handle)


def check_socket_path(state_dir: Path) -> None:
    """Refuses a state folder whose socket no operating system could open.

    Raises:
        Refused: The path is too long.
    """
    if len(os.fsencode(state_dir / SOCKET)) > _LONGEST_SOCKET_PATH:
        raise Refused(
            f"The path of the state folder {state_dir} is too long for a socket.",
            field="state.dir",
            hint="Set state.dir to a folder with a shorter path.",
        )


def running(state_dir: Path) -> Mapping[str, Any] | None:
    """Facts about the service that runs on this state folder, or None when none does."""
    try:
        handle = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _facts(state_dir)
    finally:
        os.close(handle)
    return None


def stop(state_dir: Path, *, timeout: float) -> int | None:
    """Asks the running service to end and waits for it; its process id, or None when none ran.

    Raises:
        Unavailable: It still runs after `timeout` seconds.
    """
    facts = running(state_dir)
    if facts is None or "pid" not in facts:
        return None
    pid = int(facts["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while running(state_dir) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The service (process {pid}) has not ended after {timeout:g} seconds.",
                hint="It waits for runs to end; ask again, or end the process yourself.",
            )
        time.sleep(_STEP)
    return pid


def _facts(state_dir: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads((state_dir / LOCK).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
