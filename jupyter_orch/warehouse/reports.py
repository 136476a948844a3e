"""Tells a run's worker which queries the notebook waits for, and how far they are.

A hook of the client's HTTP session sees all of its answers, whoever made the cursor. Outside a run
there is nobody to tell.
"""

import os
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

#: Seconds between two reports of a query; one that ends sooner is told by its id only.
_PAUSE = 1.0
_PAGE = re.compile(r"/v1/statement/\w+/([^/?]+)")
#: Stands in every answer but the last one. Within a text its quotes would be escaped.
_MORE = b'"nextUri":'


def report_queries(session: "requests.Session", *, embedded: bool) -> None:
    """Begins to tell the worker of the run, if there is one."""
    if "JUPYTER_ORCH_CHANNEL" in os.environ:
        session.hooks["response"].append(_Reports(embedded=embedded))


@dataclass
class _Query:
    began: float
    told: float
    #: Whether more than its id was told.
    shown: bool = False
    #: Tells while the embedded engine, which knows of no percentage, answers nothing.
    timer: threading.Timer | None = None


class _Reports:
    def __init__(self, *, embedded: bool) -> None:
        self._embedded = embedded
        self._queries: dict[str, _Query] = {}

    def __call__(self, response: "requests.Response", *_: Any, **__: Any) -> None:
        try:
            self._take(response)
        except Exception:  # noqa: BLE001 - a lost report is never worth a failed query
            return

    def _take(self, response: "requests.Response") -> None:
        method, now = response.request.method, time.monotonic()
        if method == "POST" and response.ok:
            query_id = response.json()["id"]
            self._queries[query_id] = query = _Query(began=now, told=now)
            _tell("query_id", query_id=query_id)
            if self._embedded:
                self._tell_later(query_id, query)
            return
        page = _PAGE.search(response.request.url or "")
        found = self._queries.get(page[1]) if page else None
        if page is None or found is None:
            return
        if found.timer is not None:
            found.timer.cancel()
        if method == "DELETE" or _MORE not in response.content:
            del self._queries[page[1]]
            if found.shown:
                self._tell(page[1], found, {"state": "FINISHED"})
        elif now - found.told >= _PAUSE:
            self._tell(page[1], found, response.json()["stats"])

    def _tell_later(self, query_id: str, query: _Query) -> None:
        def due() -> None:
            if query_id in self._queries:
                self._tell_later(query_id, query)
                self._tell(query_id, query, {"state": "RUNNING"})

        query.timer = threading.Timer(_PAUSE, due)
        query.timer.daemon = True
        query.timer.start()

    def _tell(self, query_id: str, query: _Query, stats: dict[str, Any]) -> None:
        now = time.monotonic()
        query.told, query.shown = now, True
        percent = None if self._embedded else stats.get("progressPercentage")
        _tell(
            "query_progress",
            query={
                "query_id": query_id,
                "state": stats["state"],
                "percent": percent,
                "rows": stats.get("processedRows", 0),
                "elapsed_seconds": round(now - query.began, 1),
            },
        )


def _tell(do: str, **fields: Any) -> None:
    from jupyter_orch.kernel.channel import Channel

    channel = Channel.from_environment()
    if channel is not None:
        try:
            channel.request({"do": do, **fields})
        finally:
            channel.close()
