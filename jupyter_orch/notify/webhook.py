"""Messages by a signed POST to a URL."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_orch._version import __version__
from jupyter_orch.domain.errors import BadInput, NotFound, Unavailable
from jupyter_orch.kernel.secrets import resolve
from jupyter_orch.notify.message import Message
from jupyter_orch.settings_notify import ChannelSettings, is_web

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 10.0  # to connect, and for the answer
SIGNATURE = "X-Jupyter-Orch-Signature"


class Webhook:
    """Posts messages to the channels of the settings; safe from many threads."""

    def __init__(self, channels: Mapping[str, ChannelSettings]) -> None:
        self._channels = channels
        for name in ("httpx", "httpcore"):  # they log every URL, and URLs of channels are secrets
            logging.getLogger(name).setLevel(logging.WARNING)

    def send(self, name: str, message: Message) -> None:
        """Posts one message.

        Raises:
            NotFound: There is no such channel, or a secret of it is not where the settings say.
            BadInput: Its URL is none.
            Unavailable: It did not answer, or with something other than 2xx.
        """
        import httpx

        channel = self._channels.get(name)
        if channel is None:
            raise NotFound(f"There is no channel {name!a}.", hint="See notify.channels.")
        url = channel.url if is_web(channel.url) else resolve(channel.url)
        if not is_web(url):
            raise BadInput(
                f"The URL of the channel {name} does not begin with https:// or http://."
            )
        body = body_of(message)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"jupyter_orch/{__version__}",
        }
        if channel.secret:
            headers[SIGNATURE] = signature(resolve(channel.secret), int(time.time()), body)
        try:
            with self._http.stream("POST", url, content=body, headers=headers) as answer:
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without its cause, whose words may hold the URL.
            raise Unavailable(
                f"The channel {name} did not answer: {type(error).__name__}."
            ) from None
        if not httpx.codes.is_success(status):
            raise Unavailable(f"The channel {name} answered with status {status}.")

    @cached_property
    def _http(self) -> "httpx.Client":
        import httpx

        # Nothing is kept open: messages are rare, and receivers close what is idle.
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, limits=limits)


def body_of(message: Message) -> bytes:
    """The JSON of a message, in the manner of CloudEvents."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": message.id,
        "source": "jupyter_orch",
        "type": "jupyter_orch.runs.v1" if message.total else "jupyter_orch.test.v1",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "datacontenttype": "application/json",
        "text": message.subject,
        "total": message.total,
        "data": message.items,
    }
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")


def signature(secret: str, at: int, body: bytes) -> str:
    """What proves that the message is ours, and when it was sent: `t=<unix>,v1=<hex>`."""
    signed = f"{at}.".encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
