"""Routes of pools."""

from dataclasses import dataclass
from typing import Any

from jupyter_orch.domain.model import Page, Pool
from jupyter_orch.server.arguments import PAGE
from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


@dataclass(frozen=True, kw_only=True)
class SetPool:
    """Body of `PUT /pools/{name}`."""

    #: Runs at a time; null: no limit.
    slots: int | None


def _list(service: Service, call: Call) -> Any:
    return service.pools.list(call.actor, cursor=call.one("cursor"), limit=call.number("limit"))


def _set(service: Service, call: Call) -> Any:
    body: SetPool = call.load(SetPool)
    return service.pools.set(call.actor, call.key, slots=body.slots, expected=call.tag())


POOL_ROUTES = (
    Route(
        method="GET",
        path="/pools",
        does=_list,
        summary="Pools by name, with what is used and waits now",
        query=PAGE,
        answer=Page[Pool],
    ),
    Route(
        method="GET",
        path="/pools/{pool}",
        does=lambda service, call: service.pools.get(call.actor, call.key),
        summary="One pool",
        answer=Pool,
        tagged=True,
    ),
    Route(
        method="PUT",
        path="/pools/{pool}",
        does=_set,
        summary="Make or change a pool",
        body=SetPool,
        answer=Pool,
        guarded=True,
        tagged=True,
    ),
    Route(
        method="DELETE",
        path="/pools/{pool}",
        does=lambda service, call: service.pools.delete(call.actor, call.key, expected=call.tag()),
        summary="Remove the limit of a pool",
        guarded=True,
        status=204,
    ),
)
