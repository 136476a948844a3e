"""What the peers' benchmark needs of every peer: a venv, processes, requests, and figures."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

T = TypeVar("T")
START_SECONDS = 900.0  # until a process of a peer answers, on a busy machine
STOP_SECONDS = 15.0  # until one that was asked to end is killed
INSTALL_SECONDS = 1800
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Handled:
    """What became of something that was asked for, in seconds since it was asked for."""

    claimed: float
    ended: float
    #: When the notebook's only cell ran; absent where none was executed.
    first_cell: float | None = None


class Peer(Protocol):
    """A scheduler that is up."""

    name: str
    #: Its own processes, without the database and without what they start later.
    processes: Sequence[psutil.Process]

    def trigger(self) -> Handled:
        """Asks by its API for something now, as an event would, and waits for its end."""
        ...

    def fire(self, *, on: bool) -> None:
        """Begins or ends a schedule."""
        ...

    def fires(self) -> list[float]:
        """Of what that schedule has fired: seconds from the due instant until it was claimed."""
        ...


def installed(cache: Path, name: str, requirements: Path) -> Path:
    """The Python of a venv with these packages, made when it is not there yet."""
    folder = cache / name
    python, ready = folder / "bin" / "python", folder / "installed.txt"
    wanted = f"{sys.version}\n{requirements.read_text()}"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"installing {name} into {folder}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--requirement",
            str(requirements),
        ]
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
        ready.write_text(wanted)
    return python


def versions(python: Path, *packages: str) -> dict[str, str]:
    """Installed versions, as that Python sees them."""
    code = (
        "import json, sys; from importlib.metadata import version;"
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [str(python), "-c", code, *packages], check=True, capture_output=True, timeout=60
    )
    return dict(json.loads(done.stdout))


@contextmanager
def process(
    command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path
) -> Iterator[psutil.Process]:
    """A process in a session of its own; it and all that it started are gone afterwards."""
    with log.open("ab") as sink:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    found = psutil.Process(started.pid)
    try:
        yield found
    finally:
        everything = family([found])
        started.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            started.wait(STOP_SECONDS)
        for each in everything:
            with suppress(psutil.Error):
                each.kill()
        started.wait(STOP_SECONDS)


def family(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """The processes and their children that exist now."""
    found = list(processes)
    for each in processes:
        with suppress(psutil.Error):
            found += each.children(recursive=True)
    return found


def memory(processes: Sequence[psutil.Process]) -> float:
    """Megabytes of all of them: what pages they share counts once (PSS)."""
    total = 0
    for each in family(processes):
        with suppress(psutil.Error):
            total += each.memory_full_info().pss
    return round(total / _MEGABYTE, 1)


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor time that all of them have used."""
    total = 0.0
    for each in family(processes):
        with suppress(psutil.Error):
            total += sum(each.cpu_times()[:2])
    return total


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def call(method: str, url: str, body: Any = None, *, token: str = "") -> Any:
    """The JSON answer of a REST API on the loopback."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def wait_for(ask: Callable[[], T], *, seconds: float, pause: float = 0.02, log: Path) -> T:
    """The first true answer; errors count as none.

    Raises:
        TimeoutError: There was none; the end of the log is told.
    """
    end = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            answer = ask()
        except Exception as error:  # noqa: BLE001 - it is not up yet
            last = error
        else:
            if answer:
                return answer
        time.sleep(pause)
    said = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
    raise TimeoutError(f"no answer within {seconds:g} s ({last}); {log} ends:\n{said}")


class Marks:
    """A notebook that writes down when its cell ran."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        source = (
            "import time, uuid, pathlib\n"
            f"pathlib.Path({str(folder)!r}, uuid.uuid4().hex).write_text(repr(time.time()))"
        )
        cell = {"cell_type": "code", "id": "mark", "metadata": {}, "outputs": [], "source": source}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        self.notebook = json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {"kernelspec": kernel},
                "cells": [cell | {"execution_count": None}],
            }
        )

    def newest(self) -> float:
        """When a cell ran last, in seconds since 1970."""
        return max(float(mark.read_text()) for mark in self.folder.iterdir())


def middle(values: Sequence[float]) -> float | None:
    """The median."""
    return round(statistics.median(values), 4) if values else None


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, extremes and number."""
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "p50": middle(values),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without settings of Python, Jupyter or a peer."""
    dropped = ("JUPYTER", "AIRFLOW", "PYTHON", "IPYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | more
