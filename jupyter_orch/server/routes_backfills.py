"""Routes of backfills."""

from typing import Any

from jupyter_orch.domain.backfill import BackfillPlan
from jupyter_orch.domain.ids import BackfillId
from jupyter_orch.domain.model import Backfill, Page
from jupyter_orch.server.arguments import PAGE
from jupyter_orch.server.bodies_backfills import AskBackfill
from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


def _plan(service: Service, call: Call) -> Any:
    body: AskBackfill = call.load(AskBackfill)
    return service.backfills.plan(call.actor, body.job, body)


def _create(service: Service, call: Call) -> Any:
    body: AskBackfill = call.load(AskBackfill)
    return service.backfills.create(
        call.actor, body.job, body, idempotency_key=call.idempotency_key
    )


def _list(service: Service, call: Call) -> Any:
    return service.backfills.list(
        call.actor, job=call.one("job"), cursor=call.one("cursor"), limit=call.number("limit")
    )


BACKFILL_ROUTES = (
    Route(
        method="POST",
        path="/backfills:plan",
        does=_plan,
        summary="What a backfill would do",
        body=AskBackfill,
        answer=BackfillPlan,
    ),
    Route(
        method="POST",
        path="/backfills",
        does=_create,
        summary="Begin a backfill",
        body=AskBackfill,
        answer=Backfill,
        status=201,
        keyed=True,
    ),
    Route(
        method="GET",
        path="/backfills",
        does=_list,
        summary="Backfills, newest first",
        query={"job": str, **PAGE},
        answer=Page[Backfill],
    ),
    Route(
        method="GET",
        path="/backfills/{backfill}",
        does=lambda service, call: service.backfills.get(call.actor, BackfillId(call.key)),
        summary="One backfill, its runs counted by state",
        answer=Backfill,
    ),
    Route(
        method="POST",
        path="/backfills/{backfill}:cancel",
        does=lambda service, call: service.backfills.cancel(call.actor, BackfillId(call.key)),
        summary="End a backfill with all of its runs",
        answer=Backfill,
    ),
)
