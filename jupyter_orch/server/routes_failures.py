"""Routes of failures."""

from datetime import datetime
from typing import Any

from jupyter_orch.domain.failures import FailureGroup
from jupyter_orch.domain.model import Page
from jupyter_orch.server.arguments import PAGE
from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


def _list(service: Service, call: Call) -> Any:
    return service.failures.list(
        call.actor,
        since=call.moment("since"),
        cursor=call.one("cursor"),
        limit=call.number("limit"),
    )


FAILURE_ROUTES = (
    Route(
        method="GET",
        path="/failures",
        does=_list,
        summary="Equal failures as one, the latest first; those of the last seven days unless told",
        query={"since": datetime, **PAGE},
        answer=Page[FailureGroup],
    ),
)
