"""Use cases of runs: look at them, repeat them, stop them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jupyter_orch.domain import expressions
from jupyter_orch.domain.errors import BadInput, NotFound, OrchError
from jupyter_orch.domain.ids import BackfillId, RunId, new_id
from jupyter_orch.domain.live import Live
from jupyter_orch.domain.model import Actor, Job, Json, Page, Run, RunKind
from jupyter_orch.domain.run_values import context_of, has_values_as_written
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Artifacts, Clock, Store
from jupyter_orch.service.checks import with_defaults
from jupyter_orch.service.failures import failure_of
from jupyter_orch.service.live import live_of, usual_of
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Worker

LOG_BYTES = 2 * 1024 * 1024  # the end of a log that is shown


class Runs:
    """What a person does with runs."""

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        notebooks: Notebooks,
        clock: Clock,
        *,
        worker: Worker,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._notebooks = notebooks
        self._clock = clock
        self._worker = worker

    def list(
        self,
        actor: Actor,
        *,
        job: str | None = None,
        backfill: BackfillId | None = None,
        kind: RunKind | None = None,
        states: Sequence[RunState] = (),
        search: str = "",
        fingerprint: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[Run]:
        """Runs, newest first; `job` is an id or a name.

        Raises:
            BadInput: A fingerprint with another filter than `job` (field `fingerprint`).
        """
        require(actor, "read")
        if fingerprint is not None and (backfill or kind or states or search):
            raise BadInput("A fingerprint goes with no other filter than job.", field="fingerprint")
        job_id = self._store.get_job(actor.team, job).id if job else None
        return self._store.list_runs(
            actor.team,
            job_id=job_id,
            backfill_id=backfill,
            kind=kind,
            states=states,
            search=search,
            fingerprint=fingerprint,
            cursor=cursor,
            limit=page_size(limit),
        )

    def detail(self, actor: Actor, run_id: RunId) -> Mapping[str, Any]:
        """Everything about one run that is not in its files."""
        require(actor, "read")
        run = self._store.get_run(actor.team, run_id)
        return {
            "run": run,
            "job": self._job_of(actor, run),
            "attempts": self._store.attempts(run_id),
            "versions": self._store.published(run_id),
            "queries": self._store.queries(run_id),
            "schema": self._schema_of(run),
            "failure": failure_of(self._store, run),
            "usual": usual_of(self._store, run),
        }

    def live(self, actor: Actor, run_id: RunId) -> Live:
        """The running cell with its outputs so far, and the queries that it waits for."""
        require(actor, "read")
        return live_of(self._artifacts, self._store.get_run(actor.team, run_id))

    def rerun(
        self,
        actor: Actor,
        run_id: RunId,
        parameters: Mapping[str, Json],
        *,
        latest_notebook: bool = False,
        idempotency_key: str | None = None,
    ) -> Run:
        """Queues a repetition with the same bytes, values and interval, unless told otherwise.

        Args:
            actor: Who asks.
            run_id: The run to repeat.
            parameters: Values that win over those of the run.
            latest_notebook: Take the notebook as it is now; values that it no longer takes go.
            idempotency_key: The same key always answers with the same run.

        Raises:
            BadFields: Parameters that do not fit the notebook.
            BadInput: The latest notebook is missing or is none any more (field `notebook`).
        """
        require(actor, "operate")
        run = self._store.get_run(actor.team, run_id)
        earlier: Mapping[str, Json] = run.parameters
        if latest_notebook:
            sha256 = self._notebooks.freeze_file(run.notebook)
            known = self._notebooks.frozen(sha256).schema["properties"]
            earlier = {name: value for name, value in earlier.items() if name in known}
        else:
            sha256 = run.notebook_sha256
        facts = self._notebooks.frozen(sha256)
        now = self._clock.now()
        repeated = replace(
            _unstarted(run),
            id=RunId(new_id()),
            run_key=f"rerun:{run.id}:{idempotency_key or new_id()}",
            kind="rerun",
            not_before=now,
            parameters={**earlier, **parameters},
            notebook_sha256=sha256,
            rerun_of=run.id,
            created_by=actor.user,
            created_at=now,
        )
        # What the run had is what it is, also when a form sends it back.
        literal = {
            name
            for name, value in repeated.parameters.items()
            if name in earlier and value == earlier[name] and not has_values_as_written(run)
        }
        context = context_of(repeated, self._time_zone(actor, run))
        values = expressions.resolve(facts.schema, repeated.parameters, context, literal=literal)
        repeated = self._store.add_run(replace(repeated, parameters=values))
        self._worker.wake()
        return repeated

    def cancel(self, actor: Actor, run_id: RunId) -> Run:
        """Ends a queued run now, and asks a running one to stop.

        Raises:
            Refused: The run is publishing or has ended.
        """
        require(actor, "operate")
        self._store.get_run(actor.team, run_id)
        run = self._store.request_cancel(run_id, user=actor.user)
        self._worker.wake()
        return run

    def pin(self, actor: Actor, run_id: RunId, *, pinned: bool = True) -> Run:
        """Keeps a run from retention, or lets it go."""
        require(actor, "operate")
        self._store.get_run(actor.team, run_id)
        return self._store.set_pinned(run_id, pinned=pinned, user=actor.user)

    def notebook(self, actor: Actor, run_id: RunId, *, attempt: int | None = None) -> bytes:
        """The executed notebook as nbformat JSON; while the run goes on, as far as it got."""
        require(actor, "read")
        number = self._attempt(actor, run_id, attempt)
        content = self._artifacts.read(run_id, number, "notebook.ipynb")
        if content is None:
            raise NotFound(
                "This attempt has not written a notebook.",
                field="attempt",
                hint="A notebook is there once the first cell has started.",
            )
        return content

    def log(self, actor: Actor, run_id: RunId, *, attempt: int | None = None) -> Mapping[str, Any]:
        """The log's lines, oldest first; of a long log its end, and then `truncated` is true."""
        require(actor, "read")
        number = self._attempt(actor, run_id, attempt)
        content = self._artifacts.read(run_id, number, "log.jsonl", last=LOG_BYTES + 1)
        content = content or b""
        truncated = len(content) > LOG_BYTES
        if truncated:
            content = content[content.find(b"\n") + 1 :]
        lines = [line for text in content.splitlines() if (line := _log_line(text)) is not None]
        return {"lines": lines, "truncated": truncated}

    def _attempt(self, actor: Actor, run_id: RunId, wanted: int | None) -> int:
        """The attempt that is meant: the last one unless another is wanted."""
        last = self._store.get_run(actor.team, run_id).attempt
        if wanted is None:
            return last
        if not 1 <= wanted <= last:
            raise NotFound(
                f"The run {run_id} has no attempt {wanted}.",
                field="attempt",
                hint=f"It has {last} so far.",
            )
        return wanted

    def _job_of(self, actor: Actor, run: Run) -> Job | None:
        try:
            return self._store.get_job(actor.team, run.job_id) if run.job_id else None
        except NotFound:
            return None

    def _time_zone(self, actor: Actor, run: Run) -> str:
        """The zone of the run's trigger; UTC when it has none, or none any more."""
        job = self._job_of(actor, run)
        triggers = job.spec.triggers if job else ()
        return next((each.time_zone for each in triggers if each.id == run.trigger_id), "UTC")

    def _schema_of(self, run: Run) -> Mapping[str, Any]:
        try:
            facts = self._notebooks.frozen(run.notebook_sha256)
        except OrchError:  # a run that failed because there was no notebook has no schema either
            return {"type": "object", "properties": {}}
        return with_defaults(facts.schema, run.parameters)


def _unstarted(run: Run) -> Run:
    return replace(
        run,
        backfill_id=None,  # which has its own count of runs, and may be over
        state=RunState.QUEUED,
        reason=None,
        error=None,
        attempt=0,
        free_attempts=0,
        cells_done=0,
        cells_total=0,
        skipped_count=0,
        skipped_first=None,
        skipped_last=None,
        cancel_requested=False,
        pinned=False,
        started_at=None,
        ended_at=None,
    )


def _log_line(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # the last line of a process that was killed while it wrote
        return None
