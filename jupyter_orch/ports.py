"""Every port: what the use cases need from the world. Read this file and you know the machine.

Adapters implement these; only `wiring` knows which. All instants are aware UTC. Unless said
otherwise a method is one transaction, may be called from any thread, and raises
`errors.Unavailable` when its backend cannot be reached.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from jupyter_orch.domain.ids import BackfillId, JobId, RunId, TeamId
from jupyter_orch.domain.model import (
    Attempt,
    Backfill,
    Change,
    Job,
    JobListState,
    JobSpec,
    JobSummary,
    Notice,
    Page,
    Pool,
    Run,
    RunError,
    RunKind,
    Trigger,
)
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    StagedOutput,
    TableInfo,
    TableVersion,
)
from jupyter_orch.domain.states import Reason, RunState


class Clock(Protocol):
    """The only reader of the wall clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        ...


# --------------------------------------------------------------------------- the database


class JobStore(Protocol):
    """Jobs and their immutable versions."""

    def add_job(self, job: Job, *, next_due: Mapping[str, datetime | None]) -> Job:
        """Stores a new job at version 1 with the first due instant of each trigger.

        Raises:
            Refused: The team has a job of that name (field `name`).
        """
        ...

    def update_job(
        self,
        job_id: JobId,
        *,
        expected_version: int,
        spec: JobSpec,
        notebook_sha256: str | None,
        next_due: Mapping[str, datetime | None],
        user: str,
    ) -> Job:
        """Saves the next version and clears `error`.

        A trigger that keeps its id, kind and times keeps its due instant; the others take theirs
        from `next_due`.

        Raises:
            NotFound: No such job.
            StaleWrite: Another version is current.
            Refused: The name is taken.
        """
        ...

    def set_paused(
        self, job_id: JobId, *, paused: bool, next_due: Mapping[str, datetime | None], user: str
    ) -> Job:
        """Pauses, or resumes with new due instants. Saying it twice is harmless."""
        ...

    def delete_job(self, job_id: JobId, *, user: str) -> None:
        """Removes the job and its triggers; history stays.

        Its queued runs and its backfills are cancelled.
        """
        ...

    def get_job(self, team: TeamId, key: str) -> Job:
        """The job with this id or, failing that, this name."""
        ...

    def get_summary(self, job_id: JobId) -> JobSummary:
        """One line of the list of jobs."""
        ...

    def list_jobs(
        self,
        team: TeamId,
        *,
        search: str = "",
        notebook: str | None = None,
        state: JobListState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[JobSummary]:
        """Jobs by name; `search` matches a part of the name, without case."""
        ...

    def failing(self, team: TeamId) -> int:
        """How many jobs are failing."""
        ...


class RunStore(Protocol):
    """Runs, their attempts and what they published."""

    def add_run(self, run: Run) -> Run:
        """Stores the run, or returns the one that (job_id, run_key) already names."""
        ...

    def get_run(self, team: TeamId, run_id: RunId) -> Run: ...

    def list_runs(
        self,
        team: TeamId,
        *,
        job_id: JobId | None = None,
        backfill_id: BackfillId | None = None,
        kind: RunKind | None = None,
        states: Sequence[RunState] = (),
        search: str = "",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Newest first."""
        ...

    def attempts(self, run_id: RunId) -> tuple[Attempt, ...]: ...

    def published(self, run_id: RunId) -> tuple[TableVersion, ...]:
        """What the run published, in the order of publishing."""
        ...

    def queries(self, run_id: RunId) -> tuple[str, ...]:
        """Warehouse query ids that the run's notebook started, oldest first."""
        ...

    def request_cancel(self, run_id: RunId, *, user: str) -> Run:
        """Cancels a queued run at once; asks the holder of a running one to stop.

        Raises:
            Refused: The run is publishing or has ended.
        """
        ...

    def counts(self, team: TeamId) -> Mapping[RunState, int]:
        """Runs that have not ended, by state."""
        ...

    def set_pinned(self, run_id: RunId, *, pinned: bool, user: str) -> Run:
        """Keeps the run from retention, or lets it go."""
        ...

    def sweep_queue(self) -> int:
        """Fails runs that waited too long, and notes late ones in the outbox; answers how many."""
        ...

    def interval_states(
        self, job_id: JobId, trigger_id: str, first: datetime, last: datetime
    ) -> Mapping[datetime, RunState]:
        """By logical time from `first` to `last`: the best state that a run of it has.

        Succeeded is better than one that has not ended, which is better than any other; of these,
        failed is better than cancelled, and cancelled than skipped. `states.best` says it in code.
        """
        ...


class PoolStore(Protocol):
    """Named slots that limit how many runs go on at a time."""

    def set_pool(
        self, team: TeamId, name: str, *, slots: int | None, expected: str | None = None
    ) -> Pool:
        """Makes or changes a pool; fewer slots than are used take effect as runs end.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        ...

    def delete_pool(self, team: TeamId, name: str, *, expected: str | None = None) -> None:
        """Removes the limit. A run that names the pool goes on without one.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        ...

    def pools(self, team: TeamId) -> tuple[Pool, ...]:
        """Pools by name, `default` among them, with what is used and waits now."""
        ...


class BackfillFeed(Protocol):
    """One transaction that goes on with one backfill.

    A backfill that is over has ended in it already: then there is no room.
    """

    backfill: Backfill
    #: The job as it is now; absent when it was deleted.
    job: Job | None
    #: Runs that may be made now.
    room: int
    #: The database's clock.
    now: datetime

    def states(self, first: datetime, last: datetime) -> Mapping[datetime, RunState]:
        """`RunStore.interval_states` of its job and trigger."""
        ...

    def insert(self, runs: Sequence[Run]) -> None: ...

    def advance(self, cursor: datetime, *, exhausted: bool) -> None:
        """`cursor` and all before it are dealt with; `exhausted`: nothing comes after it."""
        ...

    def fail(self, error: str) -> None:
        """It cannot go on; its queued runs are cancelled."""
        ...


class BackfillStore(Protocol):
    """Backfills: plans of past intervals that are run a few at a time."""

    def add_backfill(self, backfill: Backfill) -> Backfill:
        """Stores it, or returns the one with its id."""
        ...

    def get_backfill(self, team: TeamId, backfill_id: BackfillId) -> Backfill: ...

    def list_backfills(
        self,
        team: TeamId,
        *,
        job_id: JobId | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Backfill]:
        """Newest first."""
        ...

    def cancel_backfill(self, backfill_id: BackfillId, *, user: str) -> Backfill:
        """Makes no more runs, cancels the queued ones, asks the holders of others to stop.

        Saying it twice is harmless.

        Raises:
            Refused: It has ended by itself.
        """
        ...

    def feed_backfill(self) -> AbstractContextManager[BackfillFeed | None]:
        """Claims a running backfill that has room for a run, or that is over and not ended yet.

        The one that was fed longest ago comes first. None when there is none. Leaving the block
        commits; an exception rolls all of it back.
        """
        ...


class Outbox(Protocol):
    """What people have to be told: written with the change that it tells about."""

    def claim_notices(self, *, limit: int, lease_seconds: float) -> tuple[Notice, ...]:
        """Takes notices that may be sent now; nobody else gets them while the lease lasts.

        All that is due for a target comes together, so that many become one digest.
        """
        ...

    def notices_sent(self, ids: Sequence[int]) -> None:
        """Forgets notices that reached their target."""
        ...

    def notices_failed(self, ids: Sequence[int], *, error: str, retry_in_seconds: float) -> None:
        """Puts notices back; they are tried again later."""
        ...


class Archive(Protocol):
    """What retention asks of the database; each call is one short transaction."""

    def expired_runs(self, *, ended_before: datetime, limit: int) -> tuple[RunId, ...]:
        """Ended runs that may go, oldest first: not pinned, not their job's last success or end."""
        ...

    def delete_runs(self, run_ids: Sequence[RunId]) -> int:
        """Removes runs that may go, with all that belongs to them; answers how many."""
        ...

    def delete_backfills(self, *, ended_before: datetime, limit: int) -> int:
        """Removes backfills that ended and whose runs are gone; answers how many."""
        ...

    def delete_versions(self, *, superseded_before: datetime, limit: int) -> int:
        """Removes old job versions that no run and no backfill names; answers how many."""
        ...

    def unused_notebooks(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of the hashes that no run, job version or backfill names."""
        ...


@dataclass(frozen=True, kw_only=True)
class LostAttempt:
    """An attempt whose worker went away without clearing up after it."""

    run_id: RunId
    number: int
    #: Queries that it started, the latest ones first.
    queries: tuple[str, ...]


class Remains(Protocol):
    """What attempts of lost workers left behind."""

    def lost_attempts(self, *, limit: int) -> tuple[LostAttempt, ...]:
        """Those that nobody has cleared up after, the one that was lost first at the front."""
        ...

    def attempt_swept(self, run_id: RunId, number: int) -> None:
        """Says that nothing is left of it; saying it twice is harmless."""
        ...


@dataclass(frozen=True, kw_only=True)
class Held:
    """A lease that is still ours."""

    run_id: RunId
    cancel_requested: bool


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """A worker as others see it."""

    name: str
    host: str
    pid: int
    slots: int
    busy: int
    last_seen: datetime


@dataclass(frozen=True, kw_only=True)
class News:
    """What a worker looks for again and again."""

    #: Whether a claim would find something.
    claimable: bool
    #: Held runs that somebody wants to end.
    cancelled: tuple[RunId, ...] = ()


class Ledger(Protocol):
    """What a worker needs from the database: leases, fences, ends.

    Every method that names an attempt is fenced: it changes nothing and answers False when this
    worker no longer holds (run, attempt). The store implements it, and so does the client, for
    `papermill` beside a running service.
    """

    def news(self, worker: str, held: Iterable[RunId], *, room: bool) -> News:
        """What there is to do, by a read that keeps no writer waiting; ask it often.

        Without `room` nothing is looked for in the queue.
        """
        ...

    def claim_runs(self, worker: str, *, limit: int, lease_seconds: float) -> tuple[Run, ...]:
        """Takes queued runs whose time has come; raises each one's attempt number by one.

        The highest priority goes first, then the earliest. A run waits while as many runs of its
        job are held as its policy for overlap allows (those of backfills neither wait nor count),
        or while its pool has no free slot.
        """
        ...

    def claim_publications(
        self, worker: str, *, limit: int, lease_seconds: float
    ) -> tuple[tuple[Run, tuple[StagedOutput, ...]], ...]:
        """Takes over runs in state publishing whose lease ran out, with their publish intent."""
        ...

    def open_adhoc(self, run: Run, *, worker: str, lease_seconds: float) -> Run:
        """Stores a run that its worker is already executing, as attempt 1."""
        ...

    def heartbeat(
        self, worker: str, held: Iterable[tuple[RunId, int]], *, lease_seconds: float
    ) -> tuple[Held, ...]:
        """Renews the leases that are still held; what is missing in the answer is lost."""
        ...

    def progress(
        self, worker: str, run_id: RunId, attempt: int, *, done: int, total: int
    ) -> bool: ...

    def record_query(self, worker: str, run_id: RunId, attempt: int, query_id: str) -> bool: ...

    def begin_publishing(
        self, worker: str, run_id: RunId, attempt: int, staged: Sequence[StagedOutput]
    ) -> bool:
        """Records the publish intent; from here the run only rolls forward."""
        ...

    def finish(
        self,
        worker: str,
        run_id: RunId,
        attempt: int,
        *,
        state: RunState,
        reason: Reason | None = None,
        error: RunError | None = None,
        versions: Sequence[TableVersion] = (),
        retry_in_seconds: float | None = None,
    ) -> bool:
        """Ends the attempt, and the run unless `retry_in_seconds` queues it again.

        An attempt that is cancelled and queued again was handed back: it costs no retry.
        """
        ...

    def reap(self) -> int:
        """Ends attempts whose lease ran out: queued again while retries are left, else failed.

        A lost worker costs no retry the first time: every run may be retaken once more than its
        policy says. Runs in state publishing are left to `claim_publications`.
        """
        ...

    def beat(self, worker: WorkerInfo) -> None:
        """Says that this worker lives."""
        ...

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Workers seen within the last minute."""
        ...


class QueueHints(Protocol):
    """Tells when there may be work that was not there before."""

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; says whether somebody may have changed the queue meanwhile.

        Raises:
            Unavailable: Nothing will be heard any more.
        """
        ...


class QueueHintStore(Protocol):
    """Spares workers most of their looks. Hints may get lost: whoever listens also looks."""

    def queue_hints(self) -> AbstractContextManager[QueueHints]:
        """Listens, from now on, to what other connections do; for one thread."""
        ...


class WorkerStore(Ledger, QueueHintStore, Protocol):
    """What a worker beside the database has."""


@dataclass(frozen=True, kw_only=True)
class DueTrigger:
    """A trigger whose due instant has come, claimed by the wake-up that reads it."""

    job: Job
    trigger: Trigger
    due: datetime
    #: The due instant before this one, where the data interval starts; absent before the first.
    last_due: datetime | None = None


class WakeUp(Protocol):
    """One transaction of the scheduler: claim, insert runs, advance, commit."""

    due: tuple[DueTrigger, ...]
    #: The database's clock when the triggers were claimed.
    now: datetime

    def insert(self, runs: Sequence[Run]) -> None:
        """Adds runs and skipped rows; a (job_id, run_key) that exists is left alone."""
        ...

    def advance(
        self,
        job_id: JobId,
        trigger_id: str,
        next_due: datetime | None,
        *,
        last_due: datetime | None,
    ) -> None:
        """Moves the trigger on; `last_due` is the last instant that got a row."""
        ...

    def disable(self, job_id: JobId, error: str) -> None:
        """A trigger raised: this job alone stops, with the reason shown."""
        ...

    def has_active_run(self, job_id: JobId) -> bool: ...

    def supersede(self, job_id: JobId, *, running: bool) -> int:
        """Ends the job's queued runs by schedule as skipped, for the sake of a newer one.

        With `running` the ones under way are asked to stop, too. Answers how many there were.
        """
        ...


class ScheduleStore(Protocol):
    """What the timer needs from the database."""

    def wake_up(self, *, limit: int) -> AbstractContextManager[WakeUp]:
        """Claims due triggers of jobs that are neither paused nor broken.

        Leaving the block commits, an exception rolls all of it back.
        """
        ...

    def next_due(self) -> datetime | None:
        """The earliest due instant of all."""
        ...


class ChangeFeed(Protocol):
    """What changed, in order, for everybody who shows something."""

    def changes(self, *, after: int, limit: int = 500) -> tuple[Change, ...]: ...

    def last_change(self) -> int: ...

    def note_change(self, kind: Literal["table"], key: str) -> None:
        """Records a change that no run made: a roll back."""
        ...


class Store(
    JobStore,
    RunStore,
    PoolStore,
    BackfillStore,
    Outbox,
    Archive,
    Remains,
    WorkerStore,
    ScheduleStore,
    ChangeFeed,
    Protocol,
):
    """The one database."""

    def now(self) -> datetime:
        """The database's clock."""
        ...

    def close(self) -> None: ...


# --------------------------------------------------------------------------- the warehouse


class Warehouse(Protocol):
    """Versioned tables. Every catalog commit of the product goes through here."""

    def describe(self) -> Mapping[str, Any]:
        """What people may know: `engine` (embedded | trino), `url`, `location`. No secrets."""
        ...

    def ping(self) -> None:
        """Raises `Unavailable` with the reason when queries cannot run."""
        ...

    def staging_folder(self, run_id: RunId, attempt: int) -> Path:
        """Where an attempt's kernel puts data files; made, private to the user."""
        ...

    def stage(self, request: OutputRequest, provenance: Provenance) -> StagedOutput:
        """Writes to where readers do not look, and checks.

        Raises:
            BadInput: Table name, schema, slice or mode do not fit (field `table`, `slice` …).
            CheckFailed: A check does not hold.
        """
        ...

    def publish(self, staged: StagedOutput, provenance: Provenance) -> TableVersion:
        """Makes it visible in one commit with tag `run-<id>`; safe to repeat.

        Looks for the run's id first, so that an answer that got lost never publishes twice.
        """
        ...

    def discard(self, run_id: RunId, attempt: int) -> None:
        """Drops branches, staging tables and files of an attempt; safe to repeat."""
        ...

    def tables(self, *, cursor: str | None = None, limit: int = 50) -> Page[TableInfo]:
        """Tables by name; only those of the page are looked into."""
        ...

    def versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions that `main` reached, newest first."""
        ...

    def preview(self, table: str, *, version: int | None, limit: int = 20) -> Mapping[str, Any]:
        """`{"columns": [{"name", "type"}], "rows": [[…]]}` with JSON values."""
        ...

    def rollback(self, table: str, version: int, *, user: str) -> TableVersion:
        """Makes an old version current again; history is kept."""
        ...

    def cancel_query(self, query_id: str) -> None:
        """Stops a query; one that has ended is fine."""
        ...


# --------------------------------------------------------------------------- artifacts


class Artifacts(Protocol):
    """Notebooks by content hash, and what attempts leave behind. Writes are atomic."""

    def put_notebook(self, content: bytes) -> str:
        """Stores bytes; answers their sha256 in hex. What is there already becomes young again."""
        ...

    def get_notebook(self, sha256: str) -> bytes: ...

    def attempt_folder(self, run_id: RunId, attempt: int) -> Path:
        """The local folder that holds `notebook.ipynb` and `log.jsonl`; made if absent."""
        ...

    def read(
        self, run_id: RunId, attempt: int, name: str, *, last: int | None = None
    ) -> bytes | None:
        """One artifact's bytes, or None when the attempt has not written it.

        With `last` at most that many bytes, from the end.
        """
        ...

    def delete_run(self, run_id: RunId) -> None:
        """Removes all that the attempts of a run left; one that left nothing is fine."""
        ...

    def notebooks_before(self, at: datetime) -> Iterator[str]:
        """Hashes of frozen notebooks that nobody has put since then."""
        ...

    def delete_notebook(self, sha256: str, *, put_before: datetime) -> bool:
        """Removes a frozen notebook unless somebody has put it since then; says whether it did."""
        ...


# --------------------------------------------------------------------------- people


class Courier(Protocol):
    """Brings messages to people."""

    @property
    def mails(self) -> bool:
        """Whether it has a server for e-mail."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that it knows."""
        ...

    def deliver(self, target: str, notices: Sequence[Notice]) -> None:
        """Sends one message about all of the notices; about none: a test.

        Raises:
            OrchError: It did not arrive, and why. No secret is in the words.
        """
        ...
