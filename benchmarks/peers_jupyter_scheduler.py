"""jupyter-scheduler in a Jupyter server of its own, otherwise as it comes."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from peers_kit import (
    START_SECONDS,
    Handled,
    Marks,
    call,
    clean_environment,
    free_port,
    process,
    wait_for,
)

#: Everything that is installed, each in one version.
REQUIREMENTS = Path(__file__).with_suffix(".txt")
PACKAGES = ("jupyter-scheduler", "jupyter-server", "nbconvert")
PATIENCE = 300.0  # seconds for one run, on a busy machine
_TOKEN = "peers"  # noqa: S105 - on the loopback, for minutes
_MILLISECOND = 1000.0
_MINUTE = 60.0


class JupyterScheduler:
    """One server, up."""

    name = "jupyter-scheduler"

    def __init__(self, server: psutil.Process, port: int, marks: Marks, log: Path) -> None:
        self.processes = [server]
        self.log = log
        self._marks = marks
        self._url = f"http://127.0.0.1:{port}/scheduler"
        self._definition = ""

    def ready(self) -> bool:
        """Whether it answers."""
        return bool(self._api("GET", "config"))

    def trigger(self) -> Handled:
        """A notebook of one cell: it knows nothing smaller."""
        asked = time.time()
        job = self._api("POST", "jobs", _WHAT)["job_id"]

        def ended() -> Any:
            found = self._api("GET", f"jobs/{job}")
            return found if found["status"] in ("COMPLETED", "FAILED") else None

        found = wait_for(ended, seconds=PATIENCE, pause=0.05, log=self.log)
        if found["status"] == "FAILED":
            raise RuntimeError(f"a notebook failed: {found['status_message']}")
        return Handled(
            claimed=found["start_time"] / _MILLISECOND - asked,
            ended=found["end_time"] / _MILLISECOND - asked,
            first_cell=self._marks.newest() - asked,
        )

    notebook = trigger

    def fire(self, *, on: bool) -> None:
        """Every minute, the same notebook."""
        if on:
            schedule = {"schedule": "* * * * *", "timezone": "UTC"}
            made = self._api("POST", "job_definitions", _WHAT | schedule)
            self._definition = made["job_definition_id"]
        else:
            self._api("PATCH", f"job_definitions/{self._definition}", {"active": False})

    def fires(self) -> list[float]:
        """From the full minute to the run's start: it does not store for when a run was due."""
        jobs = self._api("GET", f"jobs?job_definition_id={self._definition}&max_items=1000")["jobs"]
        starts = [job["start_time"] / _MILLISECOND for job in jobs if job["start_time"]]
        return [start % _MINUTE for start in starts]

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self._url}/{path}", body, token=f"token {_TOKEN}")


_WHAT = {
    "name": "peers",
    "input_uri": "notebook.ipynb",
    "runtime_environment_name": "python3",
    "output_formats": ["ipynb"],
}


@contextmanager
def jupyter_scheduler(python: Path, folder: Path) -> Iterator[JupyterScheduler]:
    """Started in this folder; stopped afterwards."""
    marks = Marks(folder / "marks")
    root = folder / "root"
    root.mkdir()
    (root / "notebook.ipynb").write_text(marks.notebook)
    port, log = free_port(), folder / "server.log"
    env = clean_environment(
        HOME=str(folder),
        PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        JUPYTER_CONFIG_DIR=str(folder / "config"),
        JUPYTER_DATA_DIR=str(folder / "data"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
    )
    command = [
        str(python),
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={_TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions=jupyter_scheduler=True",
        f"--SchedulerApp.db_url=sqlite:///{folder / 'scheduler.sqlite'}",
        f"--Scheduler.staging_path={folder / 'staging'}",
    ]
    with process(command, log=log, env=env, cwd=root) as server:
        peer = JupyterScheduler(server, port, marks, log)
        wait_for(peer.ready, seconds=START_SECONDS, pause=0.2, log=log)
        yield peer
