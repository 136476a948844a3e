"""Routes about being told."""

from dataclasses import dataclass
from typing import Any

from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Answer of `GET /channels`: whom jobs may tell."""

    #: Names of webhooks; their URLs are secrets.
    channels: tuple[str, ...]
    #: Whether e-mail is sent.
    email: bool


@dataclass(frozen=True, kw_only=True)
class SendTest:
    """Body of `POST /channels:test`."""

    #: An e-mail address, or `channel:<name>`.
    target: str


def _test(service: Service, call: Call) -> Any:
    body: SendTest = call.load(SendTest)
    service.notifications.test(call.actor, body.target)


NOTIFY_ROUTES = (
    Route(
        method="GET",
        path="/channels",
        does=lambda service, call: service.notifications.channels(call.actor),
        summary="Whom jobs may tell",
        answer=Channels,
    ),
    Route(
        method="POST",
        path="/channels:test",
        does=_test,
        summary="Send a test message and wait for it to go",
        body=SendTest,
        status=204,
    ),
)
