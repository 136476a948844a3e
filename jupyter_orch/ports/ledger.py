"""What workers ask and report."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.outputs import StagedOutput, TableVersion
from jupyter_orch.domain.states import Reason, RunState


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

    #: Whether a claim would find something: a run in the queue, or a publication.
    claimable: bool
    #: Whether a run in state publishing has lost its worker.
    publications: bool = False
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
        cells: tuple[int, int] | None = None,
    ) -> bool:
        """Ends the attempt, and the run unless `retry_in_seconds` queues it again.

        An attempt that is cancelled and queued again was handed back: it costs no retry. `cells`
        are those done and all of them, unless `progress` told the same before.
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
