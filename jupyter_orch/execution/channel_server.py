"""The worker's end of the kernel's channel: a unix socket in a private folder, and a token."""

import contextlib
import hmac
import json
import logging
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput, Forbidden, OrchError, to_problem
from jupyter_orch.domain.outputs import OutputRequest
from jupyter_orch.kernel.channel import SOCKET_VARIABLE, TOKEN_VARIABLE

_log = logging.getLogger(__name__)
_LONGEST_LINE = 4_000_000  # bytes
_WAKE_SECONDS = 0.5
Handler = Callable[[Mapping[str, Any]], Any]


class ChannelServer:
    """Serves one attempt until closed; each connection has a thread of its own."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        """Opens the socket.

        Args:
            path: In a folder of mode 0700, and short: sockets take 100 characters.
            handlers: What to do for each `do`; a raised `OrchError` is the refusal.
        """
        self._path = path
        self._token = secrets.token_urlsafe(32)
        self._handlers = handlers
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}
        self._server = _Server(str(self._path), self._serve)
        self._thread = threading.Thread(target=self._server.run, name="channel", daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a kernel finds this channel."""
        return {SOCKET_VARIABLE: str(self._path), TOKEN_VARIABLE: self._token}

    def close(self) -> None:
        """Ends the service; requests under way lose their answer."""
        self._server.end(str(self._path))
        self._thread.join()
        self._server.server_close()
        self._path.unlink(missing_ok=True)

    def _serve(self, connection: "_Connection") -> None:
        opening = connection.read()
        token = opening.get("token") if opening else None
        if not isinstance(token, str) or not hmac.compare_digest(
            token.encode(), self._token.encode()
        ):
            connection.write({"error": to_problem(Forbidden("The token is not this run's."))})
            return
        while (message := connection.read()) is not None:
            connection.write(self._answer_once(message))

    def _answer_once(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message that comes again under its id waits for, and gets, the first one's answer."""
        key = message.get("id")
        if not isinstance(key, str):
            return self._answer(message)
        with self._lock:
            known = self._answers.get(key)
            mine = known is None
            if known is None:
                known = self._answers[key] = _Answer()
        if mine:
            known.give(self._answer(message))
        return known.wait()

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        what = message.get("do")
        handler = self._handlers.get(what) if isinstance(what, str) else None
        try:
            if handler is None:
                raise BadInput(f"There is no request {what!r}.", field="do")  # noqa: TRY301
            return {"ok": handler(message)}
        except OrchError as error:
            return {"error": to_problem(error)}
        except Exception:  # noqa: BLE001 - one bad request must not end the channel
            _log.exception("channel.failed", extra={"do": what})
            problem = OrchError("The worker failed on this request; its log says more.")
            return {"error": to_problem(problem)}


class _Answer:
    def __init__(self) -> None:
        self._event = threading.Event()
        self._value: dict[str, Any] = {}

    def give(self, value: dict[str, Any]) -> None:
        self._value = value
        self._event.set()

    def wait(self) -> dict[str, Any]:
        self._event.wait()
        return self._value


class _Connection(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        try:
            self.server.serve(self)
        except OSError:  # the kernel went away in the middle of a line
            return

    def read(self) -> dict[str, Any] | None:
        line = self.rfile.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}

    def write(self, answer: Mapping[str, Any]) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Ended(Exception):
    """The server was told to end."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: str, serve: Callable[[_Connection], None]) -> None:
        super().__init__(path, _Connection)
        self.serve = serve
        self._ended = False

    def run(self) -> None:
        """Serves until it is told to end."""
        with contextlib.suppress(_Ended):
            self.serve_forever()

    def end(self, path: str) -> None:
        """Ends it at once: a connection wakes it, where `shutdown` waits for its next look."""
        self._ended = True
        with (
            contextlib.suppress(OSError),  # its next look comes soon
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waker,
        ):
            waker.settimeout(_WAKE_SECONDS)
            waker.connect(path)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        return not self._ended

    def service_actions(self) -> None:
        if self._ended:
            raise _Ended

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        _log.exception("channel.connection_failed")


def output_request(message: Mapping[str, Any]) -> OutputRequest:
    """The output that a `stage` message asks for.

    Raises:
        BadInput: It is not of that form.
    """
    request: OutputRequest = wire.load(OutputRequest, message.get("request"), field="request")
    return request
