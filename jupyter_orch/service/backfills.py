"""Use cases of backfills: plan one, start it, watch it, stop it."""

import hashlib
from dataclasses import dataclass

from jupyter_orch.domain import expressions
from jupyter_orch.domain.backfill import MANY, BackfillPlan, BackfillRequest, make_plan
from jupyter_orch.domain.errors import BadFields, BadInput, NotFound
from jupyter_orch.domain.ids import ALPHABET, BackfillId, new_id
from jupyter_orch.domain.model import Actor, Backfill, Job, Json, Page, Trigger
from jupyter_orch.ports import Clock, Store
from jupyter_orch.service.intervals import named_trigger
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Worker

MOST_AT_A_TIME = 100
PRIORITIES = 1_000_000  # in either direction


@dataclass(frozen=True, kw_only=True)
class _Checked:
    job: Job
    trigger: Trigger
    plan: BackfillPlan
    #: The request's own values; those with expressions as they are written.
    parameters: dict[str, Json]
    notebook_sha256: str


class Backfills:
    """What a person does with backfills."""

    def __init__(self, store: Store, notebooks: Notebooks, clock: Clock, *, worker: Worker) -> None:
        self._store = store
        self._notebooks = notebooks
        self._clock = clock
        self._worker = worker

    def plan(self, actor: Actor, job: str, request: BackfillRequest) -> BackfillPlan:
        """What a backfill would do; nothing is stored.

        Args:
            actor: Who asks.
            job: Id or name of the job.
            request: What is asked for.

        Raises:
            BadFields: Values that do not fit the notebook.
            BadInput: Anything else in the request that cannot be used.
        """
        require(actor, "read")
        return self._check(self._store.get_job(actor.team, job), request).plan

    def create(
        self,
        actor: Actor,
        job: str,
        request: BackfillRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Backfill:
        """Begins a backfill; the same key by the same person answers with the first one.

        Args:
            actor: Who asks.
            job: Id or name of the job; it may be paused.
            request: What is asked for.
            idempotency_key: Makes the request repeatable.

        Raises:
            BadFields: Values that do not fit the notebook.
            BadInput: Anything else in the request that cannot be used, among it more intervals
                than are taken without a word (field `confirm`).
        """
        require(actor, "operate")
        new = _id_of(actor, idempotency_key) if idempotency_key else BackfillId(new_id())
        if idempotency_key and (earlier := self._earlier(actor, new)):
            return earlier
        checked = self._check(self._store.get_job(actor.team, job), request)
        if checked.plan.needs_confirm and not request.confirm:
            raise BadInput(
                f"The range holds {checked.plan.intervals:,} intervals, more than {MANY:,}.",
                field="confirm",
                hint="Say that you mean it with confirm, or choose a shorter range.",
            )
        return self._store.add_backfill(
            Backfill(
                id=new,
                team=actor.team,
                job_id=checked.job.id,
                job_name=checked.job.spec.name,
                job_version=checked.job.version,
                trigger=checked.trigger,
                first=checked.plan.first,
                last=checked.plan.last,
                only=request.only,
                newest_first=request.newest_first,
                concurrency=request.concurrency,
                priority=request.priority,
                parameters=checked.parameters,
                notebook_sha256=None if request.latest_notebook else checked.notebook_sha256,
                planned=checked.plan.runs,
                created_by=actor.user,
                created_at=self._clock.now(),
            )
        )

    def get(self, actor: Actor, backfill_id: BackfillId) -> Backfill:
        """One backfill with its runs counted by state."""
        require(actor, "read")
        return self._store.get_backfill(actor.team, backfill_id)

    def list(
        self,
        actor: Actor,
        *,
        job: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[Backfill]:
        """Backfills, newest first; `job` is an id or a name."""
        require(actor, "read")
        job_id = self._store.get_job(actor.team, job).id if job else None
        return self._store.list_backfills(
            actor.team, job_id=job_id, cursor=cursor, limit=page_size(limit)
        )

    def cancel(self, actor: Actor, backfill_id: BackfillId) -> Backfill:
        """Makes no more runs, ends queued ones now, and asks running ones to stop.

        Raises:
            Refused: It has ended by itself.
        """
        require(actor, "operate")
        self._store.get_backfill(actor.team, backfill_id)
        cancelled = self._store.cancel_backfill(backfill_id, user=actor.user)
        self._worker.wake()
        return cancelled

    def _earlier(self, actor: Actor, backfill_id: BackfillId) -> Backfill | None:
        try:
            return self._store.get_backfill(actor.team, backfill_id)
        except NotFound:
            return None

    def _check(self, job: Job, request: BackfillRequest) -> _Checked:
        trigger = _trigger(job, request.trigger)
        _check_limits(request)
        sha256 = self._notebooks.freeze(job)
        values = expressions.check(
            self._notebooks.schema_of(sha256),
            {**job.spec.parameters, **trigger.parameters, **request.parameters},
            job=job.spec.name,
            has_interval=trigger.kind != "once",
        )
        plan = make_plan(
            trigger,
            request,
            now=self._clock.now(),
            states=lambda first, last: self._store.interval_states(job.id, trigger.id, first, last),
        )
        return _Checked(
            job=job,
            trigger=trigger,
            plan=plan,
            parameters={name: values[name] for name in request.parameters},
            notebook_sha256=sha256,
        )


def _trigger(job: Job, wanted: str | None) -> Trigger:
    triggers = job.spec.triggers
    if not triggers:
        raise BadInput(
            f"The job {job.spec.name} has no trigger, so it has no past intervals.",
            field="trigger",
            hint="Give it a schedule, or run it by hand with the values that you need.",
        )
    if wanted is None and len(triggers) > 1:
        raise BadInput(
            f"The job {job.spec.name} has {len(triggers)} triggers; one of them is meant.",
            field="trigger",
            hint=f"Choose one of: {', '.join(trigger.id for trigger in triggers)}.",
        )
    return triggers[0] if wanted is None else named_trigger(job, wanted)


def _check_limits(request: BackfillRequest) -> None:
    problems = []
    if not 1 <= request.concurrency <= MOST_AT_A_TIME:
        problems.append(
            BadInput(
                f"A backfill makes from 1 to {MOST_AT_A_TIME} runs at a time.",
                field="concurrency",
            )
        )
    if not -PRIORITIES <= request.priority <= PRIORITIES:
        problems.append(
            BadInput(f"A priority is from -{PRIORITIES} to {PRIORITIES}.", field="priority")
        )
    if problems:
        raise BadFields(problems)


def _id_of(actor: Actor, idempotency_key: str) -> BackfillId:
    """The same id for the same person and key, so that the database keeps one."""
    words = f"backfill\0{actor.team}\0{actor.user}\0{idempotency_key}"
    digest = hashlib.sha256(words.encode()).digest()
    return BackfillId("".join(ALPHABET[byte & 31] for byte in digest[:26]))
