"""The worker's hold on its executor: one process that executes the notebooks of all its attempts.

Started with the first attempt, ended when there has been none for a while, started again when it
was lost. Whoever executes is nobody's judge: the worker kills what an attempt left by itself.
"""

import contextlib
import itertools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from jupyter_orch.execution.kernels.cgroup import cgroups
from jupyter_orch.runner.environment import allowed
from jupyter_orch.runner.process import kill_group, kill_marked

_MODULE = "jupyter_orch.runner.executor_main"
_MASK_WAIT = 5.0  # seconds
_END_WAIT = 5.0  # seconds in which a killed attempt must have ended, else its executor hangs
_LAST_WORDS = 4000  # bytes


class Executor:
    """At most one process at a time; its methods are for any thread."""

    def __init__(self, *, warm_seconds: float) -> None:
        """Starts nothing yet.

        Args:
            warm_seconds: How long the process waits for the next attempt before it is ended.
        """
        self._warm_seconds = warm_seconds
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def launch(
        self,
        message: Mapping[str, Any],
        *,
        env: Mapping[str, str],
        folder: Path,  # noqa: ARG002 - for launchers that keep files of their own
        channel: Path,
    ) -> "Attempt":
        """Begins an attempt; a `Launcher`."""
        attempt = Attempt(channel)
        with self._lock:
            if self._process is None or not self._process.alive:
                self._close()
                self._process = _Process()
            self._process.begin(attempt, {**message, "env": dict(env)})
        return attempt

    def rest(self) -> None:
        """Ends the process when there has been nothing to do for long enough; never waits."""
        if not self._lock.acquire(blocking=False):
            return  # somebody has just found something to do
        try:
            if self._process is not None and self._process.idle > self._warm_seconds:
                self._close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the process, and every attempt that it still executes."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class Attempt:
    """One attempt in an executor; a `Launched`."""

    def __init__(self, channel: Path) -> None:
        self.events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._channel = channel
        self._masked = threading.Semaphore(0)
        self._ended = threading.Event()
        self._process: _Process | None = None
        self._key = 0
        #: The kernel's process, as soon as it is known.
        self._kernel: int | None = None
        self._orphans = True

    def begun(self, process: "_Process", key: int) -> None:
        """Where it is executed, and under which number."""
        self._process, self._key = process, key

    def stop(self) -> None:
        """Asks it to interrupt the notebook and save."""
        self._send("stop")

    def mask(self, value: str) -> None:
        """Tells it a secret, and waits until it masks it."""
        self._send("mask", value=value)
        self._masked.acquire(timeout=_MASK_WAIT)

    def kill(self) -> None:
        """Ends it at once, with everything that it started; the executor, too, if it hangs."""
        if self._ended.is_set():
            return
        self._send("kill")
        self._kill_kernel()
        if not self._ended.wait(_END_WAIT) and self._process is not None:
            self._process.close()

    def close(self) -> str:
        """Makes sure that nothing of it is left; answers the executor's last words if it ended."""
        self.kill()
        if self._orphans:
            cgroups().sweep()  # an executor that has ended could not
            kill_marked(self._channel, self._kernel)
        return self._process.last_words if self._process is not None else ""

    def told(self, event: Mapping[str, Any]) -> None:
        """Takes what the executor tells about it."""
        what = event["event"]
        if what == "masked":
            self._masked.release()
        elif what == "kernel":
            self._kernel = event["pid"]
        elif what == "ended":
            self._orphans = event["orphans"]
            self.lost()
        else:
            self.events.put(dict(event))

    def lost(self) -> None:
        """Nothing is told about it any more."""
        self._ended.set()
        self.events.put(None)

    def _kill_kernel(self) -> None:
        if self._kernel is not None:
            kill_group(self._kernel)
        kill_marked(self._channel, self._kernel)

    def _send(self, do: str, **fields: Any) -> None:
        if self._process is not None:
            self._process.send({"do": do, "key": self._key, **fields})


class _Process:
    def __init__(self) -> None:
        self._socket, self._theirs = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        self._lock = threading.Lock()
        #: Apart from the other one, as who does not listen keeps who speaks waiting.
        self._speaking = threading.Lock()
        self._attempts: dict[int, Attempt] = {}
        self._keys = itertools.count(1)
        self._idle_since = time.monotonic()
        self._gone = False
        self._started = threading.Event()
        self.last_words = ""
        # the process dies with the thread that starts it, so that one waits for its end
        self._keeper = threading.Thread(target=self._keep, name="executor", daemon=True)
        self._keeper.start()
        self._started.wait()

    def _keep(self) -> None:
        try:
            with self._theirs as theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=self._errors,
                    stderr=self._errors,
                    env=allowed(os.environ) | {"TMPDIR": tempfile.gettempdir()},
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError as error:  # no memory, no processes: as one that ended at once
            self.last_words = f"The executor did not start: {error}."
            self._gone = True
            self._socket.close()
            self._errors.close()
            return
        finally:
            self._started.set()
        self._read()

    @property
    def alive(self) -> bool:
        return not self._gone and self._process.poll() is None

    @property
    def idle(self) -> float:
        """Seconds since its last attempt ended; 0 while it has one."""
        with self._lock:
            return 0.0 if self._attempts else time.monotonic() - self._idle_since

    def begin(self, attempt: Attempt, message: Mapping[str, Any]) -> None:
        key = next(self._keys)
        attempt.begun(self, key)
        with self._lock:
            gone = self._gone
            self._attempts[key] = attempt
        if gone:
            attempt.lost()
        self.send({**message, "do": "run", "key": key})

    def send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._speaking, contextlib.suppress(OSError):  # it has ended
            self._socket.sendall(data)

    def close(self) -> None:
        """Ends it; its kernels end with it, by the system's hand."""
        if not self._gone:
            kill_group(self._process.pid)
        self._keeper.join()

    def _read(self) -> None:
        # it is an error, and no end of the file, when it has not read all that it was told
        with contextlib.suppress(OSError), self._socket.makefile("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # a line cut by a kill
                    self._hand_on(json.loads(line))
        self._say_last_words()
        with self._lock:
            self._gone = True
            attempts = list(self._attempts.values())
            self._attempts.clear()
            self._socket.close()
        for attempt in attempts:
            attempt.lost()

    def _hand_on(self, event: Mapping[str, Any]) -> None:
        with self._lock:
            attempt = self._attempts.get(event["key"])
            if event["event"] == "ended":
                self._attempts.pop(event["key"], None)
                self._idle_since = time.monotonic()
        if attempt is not None:
            attempt.told(event)

    def _say_last_words(self) -> None:
        self._process.wait()
        status = self._process.returncode
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _LAST_WORDS))
        said = self._errors.read().decode("utf-8", "replace")
        self.last_words = f"The executor ended with {how}.\n{said}".strip()
        self._errors.close()
