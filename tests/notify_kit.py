"""A mail server and a receiver of webhooks, both real, on ports of this machine."""

import contextlib
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller

PATIENCE = 60  # seconds


def until(condition: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """The first answer that is true."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
    return answer


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer:
    """Takes mail, after refusing as often as it is told to."""

    def __init__(self, *, refuse: int = 0, hostname: str = "127.0.0.1", **controller: Any) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refusals = refuse
        self.port = free_port()
        self._controller = Controller(self, hostname, self.port, **controller)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Takes one message."""
        if self.refusals > 0:
            self.refusals -= 1
            return "451 Try again later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        self.mails.append(mail)
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def subjects(self) -> list[str]:
        """Subjects in the order of arrival, without what all of them begin with."""
        return [str(mail["Subject"]).removeprefix("[jupyter_orch] ") for mail in self.mails]


class Receiver:
    """Takes POSTs; `answers` are the statuses of the first ones, then 204."""

    def __init__(self, *answers: int, hang: bool = False) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers = list(answers)
        #: Set: it answers; clear: whoever posts waits.
        self.answering = threading.Event()
        if not hang:
            self.answering.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                receiver.answering.wait(PATIENCE)
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "moved")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # whoever posted was killed
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bodies(self) -> list[dict[str, Any]]:
        """What arrived, as JSON."""
        return [json.loads(body) for _, body in self.requests]


def verify(headers: dict[str, str], body: bytes, secret: str) -> int:
    """Checks a signature as a receiver in another language would; when it was made."""
    match = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["X-Jupyter-Orch-Signature"])
    assert match is not None
    expected = hmac.new(secret.encode(), match[1].encode() + b"." + body, hashlib.sha256)
    assert hmac.compare_digest(expected.hexdigest(), match[2])
    return int(match[1])
