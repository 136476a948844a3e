"""The worker's handle on the child process of one attempt."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from jupyter_orch.runner.process import kill_group, kill_marked

_MASK_WAIT = 5.0  # seconds
_MODULE = "jupyter_orch.runner.attempt"


class Launched(Protocol):
    """What executes one attempt, as its supervisor sees it."""

    #: What it tells: `progress` with `done` and `total`, `finished` with `result`; None at its end.
    events: "queue.SimpleQueue[dict[str, Any] | None]"

    def stop(self) -> None:
        """Asks it to interrupt the notebook and save."""
        ...

    def mask(self, value: str) -> None:
        """Tells it a secret, and waits until it masks it."""
        ...

    def kill(self) -> None:
        """Ends it at once, with everything that it started."""
        ...

    def close(self) -> int:
        """Makes sure that nothing of it is left; answers its exit status."""
        ...


class Launcher(Protocol):
    """Begins an attempt; `Child` is the one that executes notebooks."""

    def __call__(
        self, message: Mapping[str, Any], *, env: Mapping[str, str], folder: Path, channel: Path
    ) -> Launched:
        """Begins what the message requests.

        Args:
            message: `request` says what to execute, `log` where to write what happens.
            env: The environment; it names the attempt's channel.
            folder: Private to the attempt, gone after it.
            channel: The socket that leads to the worker.
        """
        ...


class Child:
    """One child process; started by a thread that must live as long as it (PDEATHSIG)."""

    def __init__(
        self, message: Mapping[str, Any], *, env: Mapping[str, str], folder: Path, channel: Path
    ) -> None:
        """Starts the process and hands it its request."""
        self._channel = channel
        self._masked = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._errors = (folder / "stderr").open("wb")
        #: Events of the child, then None when it has ended.
        self.events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="attempt-events", daemon=True)
        self._reader.start()
        self._send({**message, "worker_pid": os.getpid()})

    def stop(self) -> None:
        """Asks it to interrupt the notebook and save."""
        self._send({"do": "stop"})

    def mask(self, value: str) -> None:
        """Tells it a secret, and waits until it masks it."""
        self._send({"do": "mask", "value": value})
        self._masked.acquire(timeout=_MASK_WAIT)

    def kill(self) -> None:
        """Ends it at once, with everything that it started."""
        kill_group(self._process.pid)
        kill_marked(self._channel)

    def close(self) -> int:
        """Makes sure that nothing of it is left; answers its exit status."""
        self.kill()
        status = self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                with contextlib.suppress(OSError):  # unsent words to a dead child
                    pipe.close()
        return status

    def _send(self, message: Mapping[str, Any]) -> None:
        pipe = self._process.stdin
        with self._lock, contextlib.suppress(OSError, ValueError):  # it has ended
            if pipe is not None:
                pipe.write(json.dumps(message).encode() + b"\n")
                pipe.flush()

    def _read(self) -> None:
        pipe = self._process.stdout
        for line in pipe or ():
            with contextlib.suppress(ValueError):  # a line cut by a kill
                event = json.loads(line)
                if event["event"] == "masked":
                    self._masked.release()
                else:
                    self.events.put(event)
        self.events.put(None)
