"""`jupyter orch up` in a process of its own, and the shell that people use beside it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_orch.client import Client
from jupyter_orch.client.transport import SOCKET
from jupyter_orch.domain.errors import OrchError

STATE = "JUPYTER_ORCH__STATE__DIR"
SOON = 120.0  # seconds in which anything that a test waits for has happened
ENDED = {"succeeded", "failed", "cancelled", "skipped"}


def wait_for(what: Callable[[], Any], *, seconds: float = SOON) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.1)
    return answer


class RunningService:
    """`jupyter orch up` on a state folder of its own."""

    def __init__(self, state_dir: Path, root: Path, **settings: str) -> None:
        self.state_dir = state_dir
        self.root = root
        self.environment = {
            **os.environ,
            STATE: str(state_dir),
            **{f"JUPYTER_ORCH__{name}": value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = state_dir / "test.log"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.state_dir / SOCKET

    def start(self, *options: str) -> "RunningService":
        """Starts it and waits until it is healthy."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.process = self.beside(*options)
        wait_for(self.healthy)
        return self

    def beside(self, *options: str) -> subprocess.Popen[bytes]:
        """One more process on the same state; whoever starts it ends it."""
        command = [sys.executable, "-m", "jupyter_orch.cli", "up", "--root", str(self.root)]
        with self.log.open("ab") as sink:
            return subprocess.Popen(
                [*command, *options],
                env=self.environment,
                cwd=self.root,  # not where the tests run: its code would come first
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def healthy(self) -> bool:
        """Whether it answers and all of its parts live."""
        assert self.process is None or self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OrchError), self.client() as client:
            return bool(client.status()["state"] == "running")
        return False

    def client(self) -> Client:
        """A client of it; close it."""
        from jupyter_orch.settings import load

        return Client(settings=load(environ=self.environment))

    def stop(self) -> int:
        """Asks it to end and waits; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SOON)

    def kill(self) -> None:
        """Ends it as an out-of-memory killer would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(SOON)

    def shell(self, *arguments: str, answer: str | None = None) -> subprocess.CompletedProcess[str]:
        """`jupyter orch …` as a person types it."""
        return subprocess.run(
            [sys.executable, "-m", "jupyter_orch.cli", *arguments],
            env=self.environment,
            cwd=self.root,
            input=answer,
            capture_output=True,
            text=True,
            timeout=SOON * 2,
            check=False,
        )

    @contextlib.contextmanager
    def having(self, **variables: str) -> Iterator[None]:
        """Commands of the block see these variables, too."""
        before = self.environment
        self.environment = before | variables
        try:
            yield
        finally:
            self.environment = before

    def json(self, *arguments: str) -> Any:
        """What a command says with `--json`; it has to succeed."""
        done = self.shell(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def write(self, name: str, *cells: str, parameters: str | None = None) -> Path:
        """A notebook in the root."""
        made = [new_code_cell(source) for source in cells]
        if parameters is not None:
            made.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=made, metadata={"kernelspec": spec}), path)
        return path

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run once it has ended."""
        with self.client() as client:
            return wait_for(
                lambda: run if (run := client.run_detail(run_id)["run"])["state"] in ENDED else None
            )
