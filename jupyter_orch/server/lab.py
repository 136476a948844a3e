"""The line from a Jupyter server to the service: requests one way, changes the other."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
from jupyter_events import EventLogger

from jupyter_orch.client.transport import endpoint, not_running
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.server.events import emit
from jupyter_orch.server.routes import BASE
from jupyter_orch.settings import Settings

LOG = logging.getLogger(__name__)
WAIT = 25  # seconds that one question to the change feed may take
AGAIN = 1.0  # seconds until the next question after one that failed
LONGEST_ANSWER = 300.0  # seconds


class ServiceLink:
    """One pool of connections from a Jupyter server to the service."""

    def __init__(self, settings: Settings, root: str) -> None:
        self.settings = settings
        self.root = root
        arguments = endpoint(settings, is_async=True)
        arguments["headers"]["Jupyter-Orch-Root"] = quote(root)
        timeout = httpx.Timeout(LONGEST_ANSWER, connect=5.0)
        self.http = httpx.AsyncClient(**arguments, timeout=timeout)
        #: Set when somebody knows that the service has just come up: the tail asks at once.
        self.started = asyncio.Event()

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.aclose()

    async def problem(self) -> Unavailable | None:
        """Why the service cannot be used, or None when it answers."""
        try:
            answer = await self.http.get(f"{BASE}/changes", params={"after": -1}, timeout=5.0)
        except httpx.HTTPError:
            return not_running(self.settings)
        if answer.is_success:
            return None
        return Unavailable(
            f"The service refuses this server (status {answer.status_code}).", field="service"
        )


class ChangeTail:
    """Tells a Jupyter server's event bus what changed; one for all of its browser tabs.

    It tells `up` whenever it takes up the feed, and `down` when it loses it: a reader that asks for
    everything again at `up` misses nothing, whatever happened in between.
    """

    def __init__(self, link: ServiceLink, events: EventLogger) -> None:
        self._link = link
        self._events = events
        #: Where the feed was read up to; absent while the service is away.
        self._cursor: int | None = None

    async def run(self) -> None:
        """Goes on until it is cancelled; a service that is away costs one question a second."""
        while True:
            self._link.started.clear()
            try:
                await self._step()
            except (httpx.HTTPError, ValueError, KeyError) as error:
                LOG.debug("changes.unreachable error=%r", error)
                self._lose()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._link.started.wait(), AGAIN)

    async def _step(self) -> None:
        if self._cursor is None:
            page = await self._ask(after=-1, wait=0)
            self._cursor = int(page["cursor"])
            self._tell_service("up")
            return
        page = await self._ask(after=self._cursor, wait=WAIT)
        self._cursor = int(page["cursor"])
        for change in page["changes"]:
            emit(self._events, cursor=change["cursor"], kind=change["kind"], key=change["key"])

    async def _ask(self, *, after: int, wait: int) -> Any:
        query = {"after": after, "wait": wait}
        answer = await self._link.http.get(f"{BASE}/changes", params=query)
        answer.raise_for_status()
        return answer.json()

    def _lose(self) -> None:
        if self._cursor is not None:
            self._cursor = None
            self._tell_service("down")

    def _tell_service(self, key: str) -> None:
        emit(self._events, cursor=self._cursor or 0, kind="service", key=key)
