"""Trino's client protocol, answered inside this process.

`embedded_session` is a requests session whose only transport is the embedded engine: the real
trino client posts a statement, follows `nextUri` page by page and deletes it to cancel, as it
does with a server. A statement runs when its first page is asked for, in the thread that asks.
Protocol: https://trino.io/docs/current/develop/client-protocol.html
"""

import json
import re
import secrets
import string
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit

import requests
from requests.adapters import BaseAdapter

from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.engine import (
    PAGE_ROWS,
    Answer,
    EmbeddedEngine,
    EngineSession,
    Statement,
    shared_engine,
)
from jupyter_orch.warehouse.signatures import display, encoder
from jupyter_orch.warehouse.translate.errors import failure

_PATH = "/v1/statement"
_PAGE = re.compile(r"^/v1/statement/executing/([^/]+)/(\d+)$")
_SUFFIX = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))
_numbers = count()


def embedded_session(settings: Settings) -> requests.Session:
    """A session that reaches the embedded engine whatever host it is asked for."""
    session = requests.Session()
    session.trust_env = False
    adapter = EmbeddedAdapter(shared_engine(settings))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class EmbeddedAdapter(BaseAdapter):
    """Carries requests of the trino client to the engine."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        super().__init__()
        self._engine = engine
        self._queries: dict[str, _Query] = {}

    def send(
        self,
        request: requests.PreparedRequest,
        *_args: Any,
        **_options: Any,
    ) -> requests.Response:
        """Answers one request of the protocol."""
        parts = urlsplit(request.url or "")
        page = _PAGE.match(parts.path)
        if request.method == "POST" and parts.path == _PATH:
            body = request.body or b""
            sql = body if isinstance(body, str) else body.decode("utf-8")
            base = f"{parts.scheme}://{parts.netloc}"
            query = _Query(self._engine.open(sql, _session(request.headers)), base)
            self._queries[query.id] = query
            return _respond(request, 200, query.announce())
        if page and page[1] in self._queries:
            query = self._queries[page[1]]
            if request.method == "DELETE":
                self._queries.pop(query.id, None)
                query.cancel()
                return _respond(request, 204, None)
            answer, headers = query.page(int(page[2]))
            if "nextUri" not in answer:
                self._queries.pop(query.id, None)
            return _respond(request, 200, answer, headers)
        if request.method == "DELETE":
            return _respond(request, 204, None)
        if parts.path == "/v1/info":
            return _respond(request, 200, {"starting": False, "environment": "embedded"})
        return _respond(request, 404, {"message": "There is no such query"})

    def close(self) -> None:
        """Stops what this connection still runs."""
        while self._queries:
            self._queries.popitem()[1].cancel()


class _Query:
    def __init__(self, statement: Statement, base: str) -> None:
        now = datetime.now(UTC)
        self.id = f"{now:%Y%m%d_%H%M%S}_{next(_numbers) % 100000:05d}_{_SUFFIX}"
        self._statement = statement
        self._base = base
        self._answer: Answer | None = None
        self._columns: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._rows = 0
        self._last: tuple[int, dict[str, Any], dict[str, str]] | None = None
        self._lock = threading.Lock()

    def announce(self) -> dict[str, Any]:
        return self._body("QUEUED") | {"nextUri": self._uri(0)}

    def cancel(self) -> None:
        self._statement.cancel()

    def page(self, token: int) -> tuple[dict[str, Any], dict[str, str]]:
        """The page of this token; the last one again when its answer got lost."""
        with self._lock:
            if self._last is None or self._last[0] != token:
                self._last = (token, *self._next_page(token))
            return self._last[1:]

    def _next_page(self, token: int) -> tuple[dict[str, Any], dict[str, str]]:
        headers: dict[str, str] = {}
        try:
            if self._answer is None:
                self._answer = self._statement.run()
                headers = _session_headers(self._answer)
                self._columns = [
                    {"name": name, "type": display(of), "typeSignature": of}
                    for name, of in self._answer.columns
                ]
            rows = self._answer.fetch()
            data = self._encode(rows)
        except Exception as error:  # noqa: BLE001 - the client must get every failure as an answer
            self._statement.close()
            return self._body("FAILED") | {"error": failure(error).to_json()}, headers
        self._rows += len(rows)
        more = len(rows) >= PAGE_ROWS
        if not more:
            self._statement.close()
        body = self._body("RUNNING" if more else "FINISHED")
        if self._columns:
            body["columns"] = self._columns
        if rows:
            body["data"] = data
        if more:
            body["nextUri"] = self._uri(token + 1)
        if self._answer.update_type:
            body["updateType"] = self._answer.update_type
        if self._answer.update_count is not None:
            body["updateCount"] = self._answer.update_count
        return body, headers

    def _encode(self, rows: list[tuple[Any, ...]]) -> list[list[Any]]:
        encoders = [encoder(column["typeSignature"]) for column in self._columns]
        return [
            [
                value if encode is None or value is None else encode(value)
                for encode, value in zip(encoders, row, strict=True)
            ]
            for row in rows
        ]

    def _uri(self, token: int) -> str:
        return f"{self._base}{_PATH}/executing/{self.id}/{token}"

    def _body(self, state: str) -> dict[str, Any]:
        elapsed = int((time.monotonic() - self._started) * 1000)
        ended = state in ("FINISHED", "FAILED")
        return {
            "id": self.id,
            "infoUri": f"{self._base}/ui/query.html?{self.id}",
            "warnings": [],
            "stats": {
                "state": state,
                "queued": state == "QUEUED",
                "scheduled": state != "QUEUED",
                "nodes": 1,
                "totalSplits": 1,
                "queuedSplits": int(state == "QUEUED"),
                "runningSplits": int(state == "RUNNING"),
                "completedSplits": int(ended),
                "cpuTimeMillis": elapsed,
                "wallTimeMillis": elapsed,
                "queuedTimeMillis": 0,
                "elapsedTimeMillis": elapsed,
                "processedRows": self._rows,
                "processedBytes": 0,
                "physicalInputBytes": 0,
                "peakMemoryBytes": 0,
                "spilledBytes": 0,
                "progressPercentage": 100.0 if ended else 0.0,
            },
        }


def _session(headers: Mapping[str, str]) -> EngineSession:
    prepared = {
        name: unquote_plus(text) for name, text in _pairs(headers.get("X-Trino-Prepared-Statement"))
    }
    return EngineSession(
        user=headers.get("X-Trino-User") or "",
        catalog=headers.get("X-Trino-Catalog") or None,
        schema=headers.get("X-Trino-Schema") or None,
        properties={name: unquote(text) for name, text in _pairs(headers.get("X-Trino-Session"))},
        prepared=prepared,
    )


def _pairs(header: str | None) -> list[tuple[str, str]]:
    items = (item.strip() for item in (header or "").split(","))
    return [(name, text) for name, mark, text in (i.partition("=") for i in items) if mark]


def _session_headers(answer: Answer) -> dict[str, str]:
    headers: dict[str, str] = {}
    if answer.set_catalog:
        headers["X-Trino-Set-Catalog"] = answer.set_catalog
    if answer.set_schema:
        headers["X-Trino-Set-Schema"] = answer.set_schema
    if answer.set_property:
        name, value = answer.set_property
        headers["X-Trino-Set-Session"] = f"{name}={quote(value)}"
    if answer.clear_property:
        headers["X-Trino-Clear-Session"] = answer.clear_property
    if answer.prepared:
        name, text = answer.prepared
        headers["X-Trino-Added-Prepare"] = f"{name}={quote(text)}"
    if answer.deallocated:
        headers["X-Trino-Deallocated-Prepare"] = answer.deallocated
    return headers


def _respond(
    request: requests.PreparedRequest,
    status: int,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.request = request
    response.url = request.url or ""
    response.encoding = "utf-8"
    response.headers.update({"Content-Type": "application/json", **(headers or {})})
    response._content = b"" if body is None else json.dumps(body).encode()  # noqa: SLF001
    return response
