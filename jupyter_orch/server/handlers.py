"""HTTP around the route table: parse, call the service in a thread, render."""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_orch.domain.errors import BadInput, NotFound, OrchError
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Actor, Job, JobSummary, Pool
from jupyter_orch.domain.versions import RollbackPlan, UndoPlan
from jupyter_orch.server.call import Call
from jupyter_orch.server.openapi import describe
from jupyter_orch.server.problems import ProblemHandler
from jupyter_orch.server.route import Route
from jupyter_orch.server.routes import BASE, ROUTES
from jupyter_orch.service import Service
from jupyter_orch.wire import dump_bytes

WAIT_STEP = 0.2  # seconds between two looks at the change feed
LONGEST_KEY = 200  # characters of an Idempotency-Key


class RouteHandler(ProblemHandler):
    """All verbs of one path of the table."""

    def initialize(self, routes: Mapping[str, Route], service: Service, executor: Executor) -> None:
        """Takes what every request of this path shares."""
        self._routes = routes
        self._service = service
        self._executor = executor
        self._gone = False

    def on_connection_close(self) -> None:
        """Lets an answer that takes long end with its reader."""
        self._gone = True

    @web.authenticated
    @authorized
    async def get(self, key: str = "") -> None:
        """Answers by the table."""
        await self._answer("GET", key)

    @web.authenticated
    @authorized
    async def post(self, key: str = "") -> None:
        """Answers by the table."""
        await self._answer("POST", key)

    @web.authenticated
    @authorized
    async def put(self, key: str = "") -> None:
        """Answers by the table."""
        await self._answer("PUT", key)

    @web.authenticated
    @authorized
    async def delete(self, key: str = "") -> None:
        """Answers by the table."""
        await self._answer("DELETE", key)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Names the verbs that there are beside one that there is not."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(sorted(self._routes)))
        super().write_error(status_code, **kwargs)

    async def _answer(self, method: str, key: str) -> None:
        route = self._routes.get(method)
        if route is None:
            raise web.HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            call = self._call(key)
            value = await self._value(route, call)
        except OrchError as error:
            self.problem(error)
            return
        self.set_status(route.status)
        tag = _tag(value)
        if tag is not None:
            self.set_header("ETag", f'"{tag}"')
        body = value if isinstance(value, bytes) else dump_bytes(value)
        with contextlib.suppress(StreamClosedError):  # the reader has gone, as a closed Lab does
            await self.finish(None if route.answer is None else body)

    async def _value(self, route: Route, call: Call) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (call.wait() if route.waits else 0)
        while True:
            value = await loop.run_in_executor(self._executor, route.does, self._service, call)
            if not route.waits or value["changes"] or self._gone or loop.time() >= deadline:
                return value
            await asyncio.sleep(WAIT_STEP)

    def _call(self, key: str) -> Call:
        headers = self.request.headers
        return Call(
            actor=Actor(user=self.current_user.username, team=DEFAULT_TEAM),
            root=_root(headers.get("Jupyter-Orch-Root")),
            key=unquote(key),
            query={
                name: [value.decode("utf-8", "replace") for value in values]
                for name, values in self.request.query_arguments.items()
            },
            body=_json(self.request.body),
            if_match=headers.get("If-Match"),
            idempotency_key=_key(headers.get("Idempotency-Key")),
            gone=lambda: self._gone,
        )


class OpenApiHandler(ProblemHandler):
    """The description of the API, made of the route table."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answers the OpenAPI document."""
        await self.finish(json.dumps(describe(ROUTES)))


class NoRouteHandler(ProblemHandler):
    """Everything else below the base path."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Refuses."""
        self.problem(NotFound(f"There is no {self.request.path}."))

    post = put = delete = get


def handlers(base_url: str, service: Service, executor: Executor) -> list[Any]:
    """The tornado handlers of the REST API."""
    grouped = groupby(sorted(ROUTES, key=lambda route: route.path), key=lambda route: route.path)
    paths: list[Any] = []
    for _, same_path in grouped:
        routes: Sequence[Route] = list(same_path)
        paths.append(
            (
                url_path_join(base_url, BASE) + routes[0].pattern,
                RouteHandler,
                {
                    "routes": {route.method: route for route in routes},
                    "service": service,
                    "executor": executor,
                },
            )
        )
    return [
        *paths,
        (url_path_join(base_url, BASE, "openapi.json"), OpenApiHandler),
        (url_path_join(base_url, BASE) + "/.*", NoRouteHandler),
    ]


def _tag(value: Any) -> str | None:
    if isinstance(value, JobSummary):
        value = value.job
    if isinstance(value, Pool | UndoPlan):
        return value.tag
    if isinstance(value, RollbackPlan):
        return str(value.current.snapshot_id)
    return str(value.version) if isinstance(value, Job) else None


def _root(header: str | None) -> Path | None:
    path = Path(unquote(header)) if header else None
    return path if path is not None and path.is_absolute() else None


def _key(header: str | None) -> str | None:
    if header and (len(header) > LONGEST_KEY or not header.isprintable()):
        raise BadInput(
            f"An Idempotency-Key has at most {LONGEST_KEY} printable characters.",
            field="Idempotency-Key",
        )
    return header or None


def _json(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("The body of the request is not JSON.") from None
    if value is None:
        raise BadInput("The body of the request is null; leave it out, or send an object.")
    return value
