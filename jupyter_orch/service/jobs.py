"""Use cases of jobs: save them, show them, run them."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_orch.domain import expressions, schedule
from jupyter_orch.domain.errors import Refused
from jupyter_orch.domain.ids import ALPHABET, JobId, RunId, new_id
from jupyter_orch.domain.interval import JobInterval
from jupyter_orch.domain.model import Actor, Job, JobListState, JobSpec, JobSummary, Json, Page, Run
from jupyter_orch.domain.run_values import context_of
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Artifacts, Clock, Courier, Store
from jupyter_orch.service.checks import check_spec, with_defaults
from jupyter_orch.service.intervals import ANY, Wanted, choose
from jupyter_orch.service.live import Outlook
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Timer, Worker


class Jobs:
    """What a person does with jobs."""

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        notebooks: Notebooks,
        clock: Clock,
        *,
        courier: Courier,
        timer: Timer,
        worker: Worker,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._notebooks = notebooks
        self._clock = clock
        self._courier = courier
        self._timer = timer
        self._worker = worker
        self._outlook = Outlook(store)

    def create(
        self,
        actor: Actor,
        spec: JobSpec,
        *,
        root: Path | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Saves a new job; the same key by the same person answers with the job of the first time.

        Raises:
            BadFields: Everything in the spec that cannot be used.
            Refused: The team has a job of that name.
        """
        require(actor, "write")
        now = self._clock.now()
        checked = check_spec(
            spec, self._notebooks, self._courier, root=root, now=now, pools=self._pools(actor)
        )
        sha256 = self._artifacts.put_notebook(checked.content)
        job = Job(
            id=_id_of(actor, idempotency_key) if idempotency_key else JobId(new_id()),
            team=actor.team,
            version=1,
            spec=checked.spec,
            notebook_sha256=sha256 if checked.spec.source == "pinned" else None,
            created_by=actor.user,
            created_at=now,
            updated_at=now,
        )
        try:
            job = self._store.add_job(job, next_due=_next_due(checked.spec, now))
        except Refused:
            # Names are unique, so a repeated request always meets its own first one here.
            earlier = self._store.get_job(actor.team, checked.spec.name)
            if earlier.id != job.id:
                raise
            return earlier
        self._timer.wake()
        return job

    def update(
        self,
        actor: Actor,
        key: str,
        spec: JobSpec,
        *,
        expected_version: int | None,
        root: Path | None = None,
    ) -> Job:
        """Saves the next version of a job, which also mends a job that stopped with an error.

        Args:
            actor: Who saves.
            key: Id or name of the job.
            spec: The whole new spec.
            expected_version: The version that the person saw; absent: whatever is current.
            root: Where a relative notebook path starts.

        Raises:
            StaleWrite: Somebody saved another version meanwhile.
            BadFields: Everything in the spec that cannot be used.
            Refused: The name is taken.
        """
        require(actor, "write")
        job = self._store.get_job(actor.team, key)
        now = self._clock.now()
        checked = check_spec(
            spec,
            self._notebooks,
            self._courier,
            root=root,
            now=now,
            earlier=job.spec,
            pools=self._pools(actor),
        )
        sha256 = self._artifacts.put_notebook(checked.content)
        saved = self._store.update_job(
            job.id,
            expected_version=job.version if expected_version is None else expected_version,
            spec=checked.spec,
            notebook_sha256=sha256 if checked.spec.source == "pinned" else None,
            next_due=_next_due(checked.spec, now),
            user=actor.user,
        )
        self._timer.wake()
        return saved

    def pause(self, actor: Actor, key: str) -> Job:
        """Stops the triggers; runs that exist go on."""
        require(actor, "operate")
        job = self._store.get_job(actor.team, key)
        return self._store.set_paused(job.id, paused=True, next_due={}, user=actor.user)

    def resume(self, actor: Actor, key: str) -> Job:
        """Lets the triggers fire from now on."""
        require(actor, "operate")
        job = self._store.get_job(actor.team, key)
        if not job.paused:
            return job
        next_due = _next_due(job.spec, self._clock.now())
        resumed = self._store.set_paused(job.id, paused=False, next_due=next_due, user=actor.user)
        self._timer.wake()
        return resumed

    def delete(self, actor: Actor, key: str, *, expected_version: int | None = None) -> None:
        """Removes the job; its runs stay to be read.

        Raises:
            StaleWrite: Another version than the one that the person saw is current.
        """
        require(actor, "write")
        found = self._store.get_job(actor.team, key)
        self._store.delete_job(found.id, user=actor.user, expected_version=expected_version)

    def show(self, actor: Actor, key: str) -> JobSummary:
        """One job by id or name, with its last run and next due instant."""
        require(actor, "read")
        return self._outlook.of(self._store.get_summary(self._store.get_job(actor.team, key).id))

    def list(
        self,
        actor: Actor,
        *,
        search: str = "",
        notebook: str | None = None,
        state: JobListState | None = None,
        root: Path | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[JobSummary]:
        """Jobs by name; `notebook` keeps the ones of one notebook."""
        require(actor, "read")
        path = notebook and str(self._notebooks.resolve(notebook, root=root))
        page = self._store.list_jobs(
            actor.team,
            search=search,
            notebook=path,
            state=state,
            cursor=cursor,
            limit=page_size(limit),
        )
        return replace(page, items=tuple(map(self._outlook.of, page.items)))

    def schema(self, actor: Actor, key: str) -> Mapping[str, Any]:
        """JSON Schema of the parameters of the next run, with the job's values as defaults."""
        require(actor, "read")
        job = self._store.get_job(actor.team, key)
        facts = self._notebooks.frozen(self._notebooks.freeze(job))
        return with_defaults(facts.schema, job.spec.parameters)

    def run(
        self,
        actor: Actor,
        key: str,
        parameters: Mapping[str, Json],
        *,
        wanted: Wanted = ANY,
        idempotency_key: str | None = None,
    ) -> Run:
        """Queues a run now, of the last complete data interval unless another one is wanted.

        Args:
            actor: Who asks.
            key: Id or name of the job.
            parameters: Values that win over those of job and trigger.
            wanted: The trigger or the interval that is meant.
            idempotency_key: The same key always answers with the same run.

        Raises:
            BadFields: Parameters that do not fit the notebook, or an interval that is none.
            BadInput: There is no such trigger (field `trigger`); or the notebook is missing or is
                none any more (field `notebook`).
        """
        require(actor, "operate")
        job = self._store.get_job(actor.team, key)
        now = self._clock.now()
        chosen = choose(job, wanted, now)
        sha256 = self._notebooks.freeze(job)
        run = Run(
            id=RunId(new_id()),
            team=job.team,
            job_id=job.id,
            job_name=job.spec.name,
            job_version=job.version,
            run_key=f"manual:{idempotency_key or new_id()}",
            kind="manual",
            trigger_id=chosen.trigger_id,
            state=RunState.QUEUED,
            logical_time=now,
            interval_start=chosen.interval_start,
            interval_end=chosen.interval_end,
            not_before=now,
            parameters={**chosen.values(job), **parameters},
            notebook=job.spec.notebook,
            notebook_sha256=sha256,
            kernel=job.spec.kernel,
            policies=job.spec.policies,
            created_by=actor.user,
            created_at=now,
        )
        values = expressions.resolve(
            self._notebooks.schema_of(sha256), run.parameters, context_of(run, chosen.time_zone)
        )
        run = self._store.add_run(replace(run, parameters=values))
        self._worker.wake()
        return run

    def interval(self, actor: Actor, key: str, *, wanted: Wanted = ANY) -> JobInterval:
        """What a run by hand would take now.

        Raises:
            BadFields: The interval that is wanted is none.
            BadInput: There is no such trigger (field `trigger`); or the notebook is missing or is
                none any more (field `notebook`).
        """
        require(actor, "read")
        job = self._store.get_job(actor.team, key)
        now = self._clock.now()
        chosen = choose(job, wanted, now)
        context = expressions.Context(
            time_zone=chosen.time_zone,
            logical_time=now,
            interval_start=chosen.interval_start,
            interval_end=chosen.interval_end,
            run_id=None,
            job=job.spec.name,
        )
        schema = self._notebooks.schema_of(self._notebooks.freeze(job))
        return JobInterval(
            trigger=chosen.trigger.id if chosen.trigger else None,
            time_zone=chosen.time_zone,
            interval_start=chosen.interval_start,
            interval_end=chosen.interval_end,
            parameters=expressions.preview(schema, chosen.values(job), context),
        )

    def _pools(self, actor: Actor) -> frozenset[str]:
        """Names of the pools that a job may name."""
        return frozenset(pool.name for pool in self._store.pools(actor.team))


def _next_due(spec: JobSpec, now: datetime) -> dict[str, datetime | None]:
    return {trigger.id: schedule.next_fire(trigger, now) for trigger in spec.triggers}


def _id_of(actor: Actor, idempotency_key: str) -> JobId:
    """The same id for the same person and key, so that the database refuses a second job."""
    digest = hashlib.sha256(f"{actor.team}\0{actor.user}\0{idempotency_key}".encode()).digest()
    return JobId("".join(ALPHABET[byte & 31] for byte in digest[:26]))
