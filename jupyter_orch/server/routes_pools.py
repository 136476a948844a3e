"""Routes of pools."""

from dataclasses import dataclass
from typing import Any

from jupyter_orch.domain.model import Pool
from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Answer of `GET /pools`."""

    items: tuple[Pool, ...]


@dataclass(frozen=True, kw_only=True)
class SetPool:
    """Body of `PUT /pools/{name}`."""

    #: Runs at a time; null: no limit.
    slots: int | None


def _set(service: Service, call: Call) -> Any:
    body: SetPool = call.load(SetPool)
    return service.pools.set(call.actor, call.key, slots=body.slots)


POOL_ROUTES = (
    Route(
        method="GET",
        path="/pools",
        does=lambda service, call: {"items": service.pools.list(call.actor)},
        summary="Pools by name, with what is used and waits now",
        answer=Pools,
    ),
    Route(
        method="PUT",
        path="/pools/{pool}",
        does=_set,
        summary="Make or change a pool",
        body=SetPool,
        answer=Pool,
    ),
    Route(
        method="DELETE",
        path="/pools/{pool}",
        does=lambda service, call: service.pools.delete(call.actor, call.key),
        summary="Remove the limit of a pool",
        status=204,
    ),
)
