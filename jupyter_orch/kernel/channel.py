"""The kernel's one line to its worker: a unix socket and a token, for this attempt alone.

The protocol is described in docs/reference/channel.md.
"""

import json
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from jupyter_orch.domain.errors import OrchError, Unavailable, from_problem
from jupyter_orch.domain.ids import new_id

SOCKET_VARIABLE = "JUPYTER_ORCH_CHANNEL"
TOKEN_VARIABLE = "JUPYTER_ORCH_TOKEN"  # noqa: S105 - the variable's name
_TRIES = 2


class Channel:
    """Requests from a kernel to its worker; safe from many threads and after a fork."""

    def __init__(self, path: str, token: str) -> None:
        self._path = path
        self._token = token
        self._lock = threading.Lock()
        self._connection: _Connection | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Channel | None":
        """The channel of the attempt that this process belongs to; None outside a run."""
        found = os.environ if environ is None else environ
        path, token = found.get(SOCKET_VARIABLE), found.get(TOKEN_VARIABLE)
        return cls(path, token) if path and token else None

    def request(self, message: Mapping[str, Any]) -> Any:
        """The worker's answer to one message; waits as long as the worker works on it.

        A lost connection is made anew and the message sent again under the same id, which the
        worker answers once.

        Raises:
            OrchError: The worker refused, in the words and class of the refusal.
            Unavailable: The worker cannot be reached.
        """
        line = json.dumps({**message, "id": new_id()}, allow_nan=False)
        with self._lock:
            for attempt in range(1, _TRIES + 1):
                try:
                    answer = self._connected().exchange(line)
                    break
                except (OSError, EOFError) as error:
                    self._drop()
                    if attempt == _TRIES:
                        raise Unavailable(
                            "The worker of this run does not answer.",
                            hint="The run has ended, or its worker is gone; start it again.",
                        ) from error
        if "error" in answer:
            raise _refusal(answer["error"])
        return answer.get("ok")

    def close(self) -> None:
        """Ends the connection; a later request makes a new one."""
        with self._lock:
            self._drop()

    def _connected(self) -> "_Connection":
        if self._connection is not None and self._connection.pid != os.getpid():
            self._drop()  # a forked child must not mix its words into its parent's
        if self._connection is None:
            self._connection = _Connection(self._path, self._token)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    def __init__(self, path: str, token: str) -> None:
        self.pid = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
            self._file = self._socket.makefile("rwb")
        except BaseException:
            self._socket.close()
            raise
        self._opening = json.dumps({"token": token}) + "\n"

    def exchange(self, line: str) -> dict[str, Any]:
        self._file.write((self._opening + line + "\n").encode())
        self._opening = ""
        self._file.flush()
        answer = self._file.readline()
        if not answer.endswith(b"\n"):
            raise EOFError
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        for part in (self._file, self._socket):
            try:
                part.close()
            except OSError:  # what could not be flushed to a dead worker is lost anyway
                continue


def _refusal(problem: Any) -> OrchError:
    return from_problem(problem if isinstance(problem, dict) else {"title": str(problem)})
