"""What happens to runs that nobody begins."""

import sqlalchemy as sa

from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.engine import Database
from jupyter_orch.store.notices import SqlNotices
from jupyter_orch.store.tables import in_state, run
from jupyter_orch.store.transitions import end

_BATCH = 500
_WAITED = RunError(
    name=Reason.QUEUE_TIMEOUT,
    message="The run waited for a worker longer than its job allows.",
)


class SqlQueueSweep(SqlNotices):
    """The part of ports.RunStore that looks after the queue."""

    _database: Database

    def sweep_queue(self) -> int:
        """Fails runs that waited too long, and notes late ones in the outbox; answers how many."""
        return self.fail_stale_queue() + self.note_late_runs()

    def fail_stale_queue(self) -> int:
        """Fails runs whose first attempt did not begin in time; answers how many.

        A run that has been tried and waits for another attempt is not meant.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            stale = sa.select(run.c.id).where(
                run.c.queue_until < now, run.c.attempt == 0, in_state(run, RunState.QUEUED)
            )
            stale = stale.order_by(run.c.queue_until).limit(_BATCH)
            found = connection.execute(stale.with_for_update(skip_locked=True)).scalars().all()
            for run_id in found:
                end(
                    connection,
                    run_id,
                    RunState.FAILED,
                    at=now,
                    reason=Reason.QUEUE_TIMEOUT,
                    error=_WAITED,
                )
            return len(found)
