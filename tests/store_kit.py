"""Jobs, runs and triggers for tests of the store and the timer."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_orch.domain.ids import DEFAULT_TEAM, BackfillId, JobId, RunId, new_id
from jupyter_orch.domain.model import Backfill, Job, JobSpec, Policies, Run, Trigger
from jupyter_orch.domain.outputs import StagedOutput, TableVersion
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.changes import record
from jupyter_orch.store.sql import SqlStore

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_NUMBERS = itertools.count()


class SystemClock:
    """The wall clock."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


def every(seconds: int, *, name: str = "t", **values: Any) -> Trigger:
    """An interval."""
    return Trigger(id=name, kind="interval", every_seconds=seconds, **values)


def cron(fields: str, zone: str = "UTC", *, name: str = "t", **values: Any) -> Trigger:
    """A cron trigger."""
    return Trigger(id=name, kind="cron", cron=fields, time_zone=zone, **values)


def spec_of(name: str = "", *triggers: Trigger, **values: Any) -> JobSpec:
    """What a person saves; keywords of `Policies` make its policies."""
    policies = {key: values.pop(key) for key in list(values) if hasattr(Policies, key)}
    name = name or f"job {next(_NUMBERS)}"
    given = {"notebook": "/notebooks/a.ipynb", "policies": Policies(**policies), **values}
    return JobSpec(name=name, triggers=triggers, **given)


def job_of(spec: JobSpec, **values: Any) -> Job:
    """A job that nobody has stored."""
    return Job(
        id=JobId(new_id()),
        team=DEFAULT_TEAM,
        version=1,
        spec=spec,
        created_by="ada",
        created_at=NOW,
        updated_at=NOW,
        **values,
    )


def run_of(job: Job | None = None, **values: Any) -> Run:
    """A queued run that nobody has stored; of no job when none is given."""
    policies = job.spec.policies if job else Policies()
    given = {"run_key": f"manual:{new_id()}", "kind": "manual", "state": RunState.QUEUED, **values}
    return Run(
        id=RunId(new_id()),
        team=DEFAULT_TEAM,
        job_id=job.id if job else None,
        job_name=job.spec.name if job else "a",
        job_version=job.version if job else None,
        logical_time=NOW,
        not_before=given.pop("not_before", datetime.now(UTC) - timedelta(seconds=1)),
        parameters=given.pop("parameters", {}),
        notebook="/notebooks/a.ipynb",
        notebook_sha256="00" * 32,
        policies=policies,
        created_by="ada",
        created_at=NOW,
        **given,
    )


def add_job(store: SqlStore, spec: JobSpec, *, due: datetime | None = None, **values: Any) -> Job:
    """Stores a job; each of its triggers is due at `due`."""
    next_due = {trigger.id: due for trigger in spec.triggers}
    return store.add_job(job_of(spec, **values), next_due=next_due)


def note_change(store: SqlStore, table: str) -> None:
    """Tells of a table that somebody changed."""
    with store._database.writing() as connection:
        record(connection, "table", [table])


def backfill_of(job: Job, **values: Any) -> Backfill:
    """A backfill of the job's first trigger that nobody has stored; a day of it by default."""
    given = {"first": NOW, "last": NOW + timedelta(days=1), "planned": 24, **values}
    return Backfill(
        **{
            "id": BackfillId(new_id()),
            "team": DEFAULT_TEAM,
            "job_id": job.id,
            "job_name": job.spec.name,
            "job_version": job.version,
            "trigger": job.spec.triggers[0],
            "created_by": "ada",
            "created_at": NOW,
            **given,
        }
    )


def add_backfill(store: SqlStore, job: Job, **values: Any) -> Backfill:
    """Stores a backfill."""
    return store.add_backfill(backfill_of(job, **values))


def claim(store: SqlStore, worker: str = "w", *, limit: int = 10, lease: float = 60) -> list[Run]:
    """What the worker gets."""
    return list(store.claim_runs(worker, limit=limit, lease_seconds=lease))


def staged_of(table: str) -> StagedOutput:
    """An output that waits to be published."""
    return StagedOutput(
        table=table,
        mode="replace",
        slice={"day": "2013-02-01"},
        keys=(),
        branch="run-1",
        snapshot_id=2**62,
        base_snapshot_id=None,
        files=("/staging/a.parquet",),
        rows=3,
    )


def version_of(table: str, run: Run) -> TableVersion:
    """What publishing answers."""
    return TableVersion(
        table=table,
        snapshot_id=2**62 + 1,
        run_id=run.id,
        job_name=run.job_name,
        notebook_sha256=run.notebook_sha256,
        parameters={"day": "2013-02-01"},
        rows=3,
        total_rows=3,
        operation="replace",
        user="ada",
        committed_at=NOW,
        current=True,
    )


def later(run: Run, **values: Any) -> Run:
    """The same run with other values."""
    return replace(run, **values)
