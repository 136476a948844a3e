"""What JupyterLab's server answers itself, and what it forwards to the service."""

import asyncio
import sys
from typing import Any

import httpx
from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import iostream, web

from jupyter_orch.client.transport import not_running
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.server.lab import ServiceLink
from jupyter_orch.server.problems import ProblemHandler
from jupyter_orch.server.routes import BASE
from jupyter_orch.settings import local_zone
from jupyter_orch.wire import dump_bytes

LONGEST_START = 120.0  # seconds
_TO_SERVICE = ("Content-Type", "If-Match", "If-None-Match", "Idempotency-Key")
_TO_BROWSER = ("ETag",)


class ForwardHandler(ProblemHandler):
    """Hands a request that JupyterLab has authenticated to the service, and streams the answer."""

    def initialize(self, link: ServiceLink) -> None:
        """Takes the line to the service."""
        self._link = link
        self._asked: asyncio.Task[httpx.Response] | None = None

    def on_connection_close(self) -> None:
        """The browser went away: the service need not go on."""
        if self._asked is not None:
            self._asked.cancel()

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Forwards."""
        await self._forward(path)

    @web.authenticated
    @authorized
    async def post(self, path: str) -> None:
        """Forwards."""
        await self._forward(path)

    @web.authenticated
    @authorized
    async def put(self, path: str) -> None:
        """Forwards."""
        await self._forward(path)

    @web.authenticated
    @authorized
    async def delete(self, path: str) -> None:
        """Forwards."""
        await self._forward(path)

    async def _forward(self, path: str) -> None:
        headers = {
            name: self.request.headers[name] for name in _TO_SERVICE if name in self.request.headers
        }
        query = self.request.query
        target = f"{BASE}/{path}" + (f"?{query}" if query else "")
        request = self._link.http.build_request(
            self.request.method or "GET", target, headers=headers, content=self.request.body or None
        )
        self._asked = asyncio.ensure_future(self._link.http.send(request, stream=True))
        try:
            answer = await self._asked
        except asyncio.CancelledError:
            if not self._asked.cancelled():
                raise  # this server ends
            return
        except httpx.ConnectError:
            self.problem(not_running(self._link.settings))
            return
        except httpx.HTTPError as error:
            self.problem(_silent(error))
            return
        try:
            await self._stream(answer)
        except iostream.StreamClosedError:
            return  # the browser went away
        finally:
            await answer.aclose()

    async def _stream(self, answer: httpx.Response) -> None:
        self.set_status(answer.status_code)
        for name in _TO_BROWSER:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        kind = answer.headers.get("Content-Type", "application/json")
        self.set_header("Content-Type", kind)
        async for chunk in answer.aiter_bytes():
            self.write(chunk)
            await self.flush()
        await self.finish(set_content_type=kind)


class LabHandler(ProblemHandler):
    """What the front end needs to know of this Jupyter server."""

    def initialize(self, link: ServiceLink) -> None:
        """Takes the line to the service."""
        self._link = link

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The root of the file browser, the service's state and the time zone of this machine."""
        problem = await self._link.problem()
        service = {
            "running": problem is None,
            "message": problem.message if problem else None,
            "hint": problem.hint if problem else None,
        }
        body = {"root": self._link.root, "service": service, "time_zone": local_zone()}
        await self.finish(dump_bytes(body))


class StartServiceHandler(ProblemHandler):
    """Starts the service with this server's root; it outlives JupyterLab."""

    def initialize(self, link: ServiceLink) -> None:
        """Takes the line to the service."""
        self._link = link

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answers once the service is healthy; one that runs already is fine."""
        problem = await self._link.problem()
        if problem is not None:
            problem = await self._start()
        if problem is not None:
            self.problem(problem)
            return
        self._link.started.set()
        body = {"running": True, "message": None, "hint": None}
        await self.finish(dump_bytes(body))

    async def _start(self) -> Unavailable | None:
        if self._link.settings.service_url:
            return not_running(self._link.settings)
        # A process in between, so that the service is no child of JupyterLab.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jupyter_orch.cli",
            "up",
            "--detach",
            "--root",
            self._link.root,
            cwd=self._link.root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), LONGEST_START)
        except TimeoutError:
            process.kill()
            await process.wait()
            return Unavailable("The service does not start.", field="service", hint=_LOOK)
        if process.returncode == 0:
            return None
        lines = said.decode("utf-8", "replace").strip().splitlines()
        message = lines[0].removeprefix("Error: ") if lines else "The service did not start."
        return Unavailable(message, field="service", hint=_LOOK)


def lab_handlers(base_url: str, link: ServiceLink) -> list[Any]:
    """The tornado handlers for JupyterLab's server."""
    base = url_path_join(base_url, BASE)
    shared = {"link": link}
    return [
        (f"{base}/lab", LabHandler, shared),
        (f"{base}/lab(?::|%3A)start-service", StartServiceHandler, shared),
        (f"{base}/(.*)", ForwardHandler, shared),
    ]


def _silent(error: httpx.HTTPError) -> Unavailable:
    return Unavailable(
        f"The service stopped answering: {type(error).__name__}.", field="service", hint=_LOOK
    )


_LOOK = "`jupyter orch doctor` says more, and so does service.log in the state folder."
