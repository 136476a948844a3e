"""Starting the service so that it outlives whoever started it."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_orch.client import Client
from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.server.instance import LOG, running
from jupyter_orch.service.threads import ROLES, Role
from jupyter_orch.settings import Settings, private_folder

LONGEST_START = 90.0  # seconds; the first start makes the database and the catalog
LARGEST_LOG = 10 * 1024 * 1024  # bytes, after which a start puts the log aside
_ERROR = "Error: "  # as the command line says what was wrong
_STEP = 0.1  # seconds between two looks


@dataclass(frozen=True, kw_only=True)
class Started:
    """A service that answers."""

    pid: int
    log: Path
    #: Whether this call started it.
    fresh: bool


def start(settings: Settings, roots: Sequence[Path], roles: Collection[Role] = ROLES) -> Started:
    """Starts the service in a session of its own and waits until it is healthy.

    Raises:
        Unavailable: It ended at once or does not become healthy; its last words are told.
    """
    log = settings.state_dir / LOG
    facts = running(settings.state_dir)
    if facts is not None:
        return Started(pid=int(facts.get("pid", 0)), log=log, fresh=False)
    private_folder(settings.state_dir)
    _put_aside(log)
    command = [sys.executable, "-m", "jupyter_orch.cli", "up", "--role", ",".join(sorted(roles))]
    for root in roots:
        command += ["--root", str(root)]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=roots[0] if roots else None,
            start_new_session=True,
        )
    deadline = time.monotonic() + LONGEST_START
    with Client(settings=settings) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if _answers(client):
                process.returncode = 0  # it is not ours to wait for any more
                return Started(pid=process.pid, log=log, fresh=True)
            time.sleep(_STEP)
    raise Unavailable(
        f"The service did not start: {_last_words(log)}",
        field="service",
        hint=f"Its log is {log}.",
    )


def _answers(client: Client) -> bool:
    try:
        return bool(client.status()["state"] == "running")
    except OrchError:
        return False


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))


def _last_words(log: Path) -> str:
    """The sentence that it ended with, and the lines set in below it that say what to do."""
    lines = log.read_text("utf-8", "replace").rstrip().splitlines()
    if not lines:
        return "it said nothing."
    first = len(lines) - 1
    while first and lines[first].startswith(" "):
        first -= 1
    if not lines[first].startswith(_ERROR):  # a traceback, for example: its last line says most
        return lines[-1].strip()
    return " ".join(line.strip() for line in lines[first:]).removeprefix(_ERROR)
