"""Where backfills are kept, and what goes on with them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import BackfillId, JobId, TeamId
from jupyter_orch.domain.model import Backfill, Job, Page, Run
from jupyter_orch.domain.states import RunState


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
