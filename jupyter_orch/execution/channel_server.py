"""The worker's end of the kernel's channel: a unix socket in a private folder, and a token."""

import contextlib
import hmac
import json
import logging
import secrets
import selectors
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput, Forbidden, OrchError, to_problem
from jupyter_orch.domain.outputs import OutputRequest
from jupyter_orch.kernel.channel import SOCKET_VARIABLE, TOKEN_VARIABLE

_log = logging.getLogger(__name__)
_LONGEST_LINE = 4_000_000  # bytes
_BACKLOG = 64  # connections
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
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        self._socket.listen(_BACKLOG)
        _acceptor.add(self._socket, self._accepted)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a kernel finds this channel."""
        return {SOCKET_VARIABLE: str(self._path), TOKEN_VARIABLE: self._token}

    def close(self) -> None:
        """Ends the service; requests under way lose their answer."""
        _acceptor.remove(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accepted(self, end: socket.socket) -> None:
        end.setblocking(True)
        connection = threading.Thread(
            target=self._converse, args=(end,), name="channel", daemon=True
        )
        connection.start()

    def _converse(self, end: socket.socket) -> None:
        with end:
            try:
                _Connection(end, self._serve)
            except Exception:  # noqa: BLE001 - one connection hurts only itself
                _log.exception("channel.connection_failed")

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
    """One connection of a kernel, in a thread of its own."""

    def __init__(self, end: socket.socket, serve: Callable[["_Connection"], None]) -> None:
        self._serve_it = serve
        super().__init__(end, None, cast("socketserver.BaseServer", None))  # there is none

    def handle(self) -> None:
        try:
            self._serve_it(self)
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


class _Acceptor:
    """Accepts the connections of all channels of this process in one thread.

    The selector of Linux, and that of macOS, notice while they wait what is registered.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, listening: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        """Calls back with each connection, in the thread of all channels."""
        with self._lock:
            self._selector.register(listening, selectors.EVENT_READ, accepted)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="channels", daemon=True)
                self._thread.start()

    def remove(self, listening: socket.socket) -> None:
        """Accepts no more of it."""
        with self._lock:
            self._selector.unregister(listening)

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                with contextlib.suppress(OSError):  # it was closed, or the kernel has given up
                    key.data(cast("socket.socket", key.fileobj).accept()[0])


_acceptor = _Acceptor()  # made here, as two threads may want the first channel at once


def output_request(message: Mapping[str, Any]) -> OutputRequest:
    """The output that a `stage` message asks for.

    Raises:
        BadInput: It is not of that form.
    """
    request: OutputRequest = wire.load(OutputRequest, message.get("request"), field="request")
    return request
