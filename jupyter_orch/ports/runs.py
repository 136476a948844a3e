"""Where runs are kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import BackfillId, JobId, RunId, TeamId
from jupyter_orch.domain.model import Attempt, Page, Run, RunKind
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.states import RunState


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
        fingerprint: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Newest first; a fingerprint goes with a job and no other filter."""
        ...

    def durations(self, job_id: JobId, *, limit: int) -> tuple[float, ...]:
        """Seconds that the newest successful runs of the job took, in no order."""
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
