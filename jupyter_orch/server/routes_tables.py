"""Routes of tables, their versions, and what runs published."""

from dataclasses import dataclass
from typing import Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import TableInfo, TableVersion
from jupyter_orch.domain.versions import RollbackPlan, TableDiff, UndoPlan
from jupyter_orch.server import bodies
from jupyter_orch.server.arguments import PAGE
from jupyter_orch.server.call import Call
from jupyter_orch.server.route import Route
from jupyter_orch.service import Service


@dataclass(frozen=True, kw_only=True)
class OneVersion:
    """Body of what is about one version of a table."""

    #: The version's number.
    version: int


@dataclass(frozen=True, kw_only=True)
class RollBack(OneVersion):
    """Body of `POST /tables/{name}:rollback`."""

    #: Why, in a sentence that stays with the new version.
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class UndoRun:
    """Body of `POST /runs/{id}:undo`."""

    #: Also where later versions wrote the same rows: those go as well.
    force: bool = False
    #: Why, in a sentence that stays with the new versions.
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Undone:
    """Answer of `POST /runs/{id}:undo`."""

    #: One for each that the run published.
    versions: tuple[TableVersion, ...]


def _list(service: Service, call: Call) -> Any:
    return service.tables.list(call.actor, cursor=call.one("cursor"), limit=call.number("limit"))


def _versions(service: Service, call: Call) -> Any:
    return service.tables.versions(
        call.actor, call.key, cursor=call.one("cursor"), limit=call.number("limit")
    )


def _preview(service: Service, call: Call) -> Any:
    return service.tables.preview(call.actor, call.key, version=call.number("version"))


def _diff(service: Service, call: Call) -> Any:
    before, after = (_needed(call, name) for name in ("before", "after"))
    return service.tables.diff(
        call.actor, call.key, before, after, keys=call.query.get("key", ()), gone=call.gone
    )


def _needed(call: Call, name: str) -> int:
    number = call.number(name)
    if number is None:
        raise BadInput(f"{name} is missing.", field=name, hint="It is the number of a version.")
    return number


def _plan_rollback(service: Service, call: Call) -> Any:
    body: OneVersion = call.load(OneVersion)
    return service.tables.plan_rollback(call.actor, call.key, body.version)


def _roll_back(service: Service, call: Call) -> Any:
    body: RollBack = call.load(RollBack)
    return service.tables.rollback(
        call.actor,
        call.key,
        body.version,
        expected=call.expected_version(),
        reason=body.reason,
    )


def _pin(service: Service, call: Call) -> Any:
    body: OneVersion = call.load(OneVersion)
    return service.tables.pin(call.actor, call.key, body.version)


def _unpin(service: Service, call: Call) -> Any:
    body: OneVersion = call.load(OneVersion)
    return service.tables.pin(call.actor, call.key, body.version, pinned=False)


def _undo(service: Service, call: Call) -> Any:
    body: UndoRun = call.load(UndoRun)
    made = service.tables.undo(
        call.actor,
        RunId(call.key),
        expected=call.tag(),
        force=body.force,
        reason=body.reason,
    )
    return Undone(versions=made)


TABLE_ROUTES = (
    Route(
        method="GET",
        path="/tables",
        does=_list,
        summary="Tables by name",
        query=PAGE,
        answer=Page[TableInfo],
    ),
    Route(
        method="GET",
        path="/tables/{table}/versions",
        does=_versions,
        summary="Versions of a table, newest first, also those that have expired",
        query=PAGE,
        answer=Page[TableVersion],
    ),
    Route(
        method="GET",
        path="/tables/{table}/preview",
        does=_preview,
        summary="Columns and a few rows",
        query={"version": int},
        answer=bodies.Preview,
    ),
    Route(
        method="GET",
        path="/tables/{table}/diff",
        does=_diff,
        summary="What changed from one version to another",
        query={"before": int, "after": int, "key": tuple[str, ...]},
        answer=TableDiff,
    ),
    Route(
        method="POST",
        path="/tables/{table}:plan-rollback",
        does=_plan_rollback,
        summary="Which versions a roll back would undo",
        body=OneVersion,
        answer=RollbackPlan,
        tagged=True,
    ),
    Route(
        method="POST",
        path="/tables/{table}:rollback",
        does=_roll_back,
        summary="Make an older version the one that readers see",
        body=RollBack,
        answer=TableVersion,
        guarded=True,
    ),
    Route(
        method="POST",
        path="/tables/{table}:pin",
        does=_pin,
        summary="Keep a version however old it gets",
        body=OneVersion,
        answer=TableVersion,
    ),
    Route(
        method="POST",
        path="/tables/{table}:unpin",
        does=_unpin,
        summary="Let a version go when it is old",
        body=OneVersion,
        answer=TableVersion,
    ),
    Route(
        method="POST",
        path="/runs/{run}:plan-undo",
        does=lambda service, call: service.tables.plan_undo(call.actor, RunId(call.key)),
        summary="What undoing a run would do to what it published",
        answer=UndoPlan,
        tagged=True,
    ),
    Route(
        method="POST",
        path="/runs/{run}:undo",
        does=_undo,
        summary="Take back what a run published",
        body=UndoRun,
        answer=Undone,
        guarded=True,
    ),
)
