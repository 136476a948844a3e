"""Every route of the REST API as one table: the server and its description are made of it."""

from datetime import datetime
from typing import Any

from jupyter_orch.domain.ids import BackfillId, RunId
from jupyter_orch.domain.interval import JobInterval
from jupyter_orch.domain.live import Live
from jupyter_orch.domain.model import Job, JobListState, JobSpec, JobSummary, Page, Run, RunKind
from jupyter_orch.domain.states import RunState
from jupyter_orch.server import bodies
from jupyter_orch.server.arguments import PAGE, Attempt, Wait
from jupyter_orch.server.call import Call
from jupyter_orch.server.ledger import call_ledger
from jupyter_orch.server.route import BASE, Route
from jupyter_orch.server.routes_backfills import BACKFILL_ROUTES
from jupyter_orch.server.routes_failures import FAILURE_ROUTES
from jupyter_orch.server.routes_notify import NOTIFY_ROUTES
from jupyter_orch.server.routes_pools import POOL_ROUTES
from jupyter_orch.server.routes_tables import TABLE_ROUTES
from jupyter_orch.service import Service
from jupyter_orch.service.intervals import Wanted
from jupyter_orch.wire import load


def _inspect(service: Service, call: Call) -> Any:
    body: bodies.InspectNotebook = call.load(bodies.InspectNotebook)
    return service.notebooks.inspect(call.actor, body.path, root=call.root)


def _preview_trigger(service: Service, call: Call) -> Any:
    body: bodies.PreviewTrigger = load(bodies.PreviewTrigger, call.trigger_body())
    return service.system.preview(call.actor, body.trigger, count=body.count)


def _list_jobs(service: Service, call: Call) -> Any:
    return service.jobs.list(
        call.actor,
        search=call.one("search") or "",
        notebook=call.one("notebook"),
        state=call.job_state(),
        root=call.root,
        cursor=call.one("cursor"),
        limit=call.number("limit"),
    )


def _create_job(service: Service, call: Call) -> Any:
    return service.jobs.create(
        call.actor, call.spec(), root=call.root, idempotency_key=call.idempotency_key
    )


def _update_job(service: Service, call: Call) -> Any:
    return service.jobs.update(
        call.actor,
        call.key,
        call.spec(),
        expected_version=call.expected_version(),
        root=call.root,
    )


def _run_job(service: Service, call: Call) -> Any:
    body: bodies.RunJob = call.load(bodies.RunJob)
    return service.jobs.run(
        call.actor, call.key, body.parameters, wanted=body, idempotency_key=call.idempotency_key
    )


def _interval(service: Service, call: Call) -> Any:
    wanted = Wanted(
        trigger=call.one("trigger"),
        interval_start=call.moment("interval_start"),
        interval_end=call.moment("interval_end"),
    )
    return service.jobs.interval(call.actor, call.key, wanted=wanted)


def _list_runs(service: Service, call: Call) -> Any:
    return service.runs.list(
        call.actor,
        job=call.one("job"),
        backfill=BackfillId(backfill) if (backfill := call.one("backfill")) else None,
        kind=call.kind(),
        states=call.states(),
        search=call.one("search") or "",
        fingerprint=call.one("fingerprint"),
        cursor=call.one("cursor"),
        limit=call.number("limit"),
    )


def _rerun(service: Service, call: Call) -> Any:
    body: bodies.RerunRun = call.load(bodies.RerunRun)
    return service.runs.rerun(
        call.actor,
        RunId(call.key),
        body.parameters,
        latest_notebook=body.latest_notebook,
        idempotency_key=call.idempotency_key,
    )


def _notebook(service: Service, call: Call) -> Any:
    return service.runs.notebook(call.actor, RunId(call.key), attempt=call.number("attempt"))


def _log(service: Service, call: Call) -> Any:
    return service.runs.log(call.actor, RunId(call.key), attempt=call.number("attempt"))


def _changes(service: Service, call: Call) -> Any:
    return service.system.changes(call.actor, after=call.number("after") or 0)


__all__ = ["BASE", "ROUTES", "Route"]

ROUTES = (
    Route(
        method="GET",
        path="/status",
        does=lambda service, call: service.system.status(call.actor),
        summary="How the installation stands",
        answer=bodies.Status,
    ),
    Route(
        method="GET",
        path="/kernels",
        does=lambda service, call: {"kernels": service.system.kernels(call.actor)},
        summary="The kernels that jobs may name",
        answer=bodies.Kernels,
    ),
    Route(
        method="POST",
        path="/notebooks:inspect",
        does=_inspect,
        summary="What the schedule form needs to know of a notebook",
        body=bodies.InspectNotebook,
        answer=bodies.NotebookInfo,
    ),
    Route(
        method="POST",
        path="/triggers:preview",
        does=_preview_trigger,
        summary="When a trigger would fire",
        body=bodies.PreviewTrigger,
        answer=bodies.Fires,
    ),
    Route(
        method="GET",
        path="/jobs",
        does=_list_jobs,
        summary="Jobs by name",
        query={"search": str, "notebook": str, "state": JobListState, **PAGE},
        answer=Page[JobSummary],
    ),
    Route(
        method="POST",
        path="/jobs",
        does=_create_job,
        summary="Save a new job",
        body=JobSpec,
        answer=Job,
        status=201,
        keyed=True,
        tagged=True,
    ),
    Route(
        method="GET",
        path="/jobs/{job}",
        does=lambda service, call: service.jobs.show(call.actor, call.key),
        summary="One job by id or name",
        answer=JobSummary,
        tagged=True,
    ),
    Route(
        method="PUT",
        path="/jobs/{job}",
        does=_update_job,
        summary="Save the next version of a job",
        body=JobSpec,
        answer=Job,
        guarded=True,
        tagged=True,
    ),
    Route(
        method="DELETE",
        path="/jobs/{job}",
        does=lambda service, call: service.jobs.delete(
            call.actor, call.key, expected_version=call.expected_version()
        ),
        summary="Remove a job; its runs stay to be read",
        status=204,
        guarded=True,
    ),
    Route(
        method="POST",
        path="/jobs/{job}:pause",
        does=lambda service, call: service.jobs.pause(call.actor, call.key),
        summary="Stop the triggers of a job",
        answer=Job,
        tagged=True,
    ),
    Route(
        method="POST",
        path="/jobs/{job}:resume",
        does=lambda service, call: service.jobs.resume(call.actor, call.key),
        summary="Let the triggers of a job fire from now on",
        answer=Job,
        tagged=True,
    ),
    Route(
        method="POST",
        path="/jobs/{job}:run",
        does=_run_job,
        summary="Queue a run now",
        body=bodies.RunJob,
        answer=Run,
        status=201,
        keyed=True,
    ),
    Route(
        method="GET",
        path="/jobs/{job}/interval",
        does=_interval,
        summary="The data interval and the values that a run by hand would take",
        query={"trigger": str, "interval_start": datetime, "interval_end": datetime},
        answer=JobInterval,
    ),
    Route(
        method="GET",
        path="/jobs/{job}/schema",
        does=lambda service, call: service.jobs.schema(call.actor, call.key),
        summary="JSON Schema of the job's parameters, defaults as the job has them",
        answer=dict[str, Any],
    ),
    Route(
        method="GET",
        path="/runs",
        does=_list_runs,
        summary="Runs, newest first",
        query={
            "job": str,
            "backfill": str,
            "kind": RunKind,
            "state": tuple[RunState, ...],
            "search": str,
            "fingerprint": str,
            **PAGE,
        },
        answer=Page[Run],
    ),
    Route(
        method="GET",
        path="/runs/{run}",
        does=lambda service, call: service.runs.detail(call.actor, RunId(call.key)),
        summary="Everything about one run",
        answer=bodies.RunDetail,
    ),
    Route(
        method="POST",
        path="/runs/{run}:rerun",
        does=_rerun,
        summary="Queue a repetition of a run",
        body=bodies.RerunRun,
        answer=Run,
        status=201,
        keyed=True,
    ),
    Route(
        method="POST",
        path="/runs/{run}:cancel",
        does=lambda service, call: service.runs.cancel(call.actor, RunId(call.key)),
        summary="End a queued run, or ask a running one to stop",
        answer=Run,
    ),
    Route(
        method="POST",
        path="/runs/{run}:pin",
        does=lambda service, call: service.runs.pin(call.actor, RunId(call.key)),
        summary="Keep a run however old it gets",
        answer=Run,
    ),
    Route(
        method="POST",
        path="/runs/{run}:unpin",
        does=lambda service, call: service.runs.pin(call.actor, RunId(call.key), pinned=False),
        summary="Let a run go when it is old",
        answer=Run,
    ),
    Route(
        method="GET",
        path="/runs/{run}/notebook",
        does=_notebook,
        summary="The executed notebook as nbformat JSON",
        query={"attempt": Attempt},
        answer=dict[str, Any],
        tagged=True,
    ),
    Route(
        method="GET",
        path="/runs/{run}/live",
        does=lambda service, call: service.runs.live(call.actor, RunId(call.key)),
        summary="The running cell with its outputs so far, and the queries that it waits for",
        answer=Live,
        tagged=True,
    ),
    Route(
        method="GET",
        path="/runs/{run}/log",
        does=_log,
        summary="The end of the log",
        query={"attempt": Attempt},
        answer=bodies.Log,
    ),
    *TABLE_ROUTES,
    *FAILURE_ROUTES,
    *POOL_ROUTES,
    Route(
        method="GET",
        path="/changes",
        does=_changes,
        summary="What changed after a cursor; never the data itself",
        query={"after": int, "wait": Wait},
        answer=bodies.Changes,
        waits=True,
    ),
    Route(
        method="POST",
        path="/ledger:{method}",
        does=lambda service, call: call_ledger(service.ledger, call),
        summary="For workers elsewhere: a method of the ledger, arguments by name",
        body=dict[str, Any],
        answer=Any,
    ),
    *BACKFILL_ROUTES,
    *NOTIFY_ROUTES,
)
