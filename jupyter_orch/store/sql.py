"""The store over SQLAlchemy: one object that implements ports.Store."""

from datetime import datetime

from jupyter_orch.store.archive import SqlArchive
from jupyter_orch.store.backfills import SqlBackfills
from jupyter_orch.store.changes import SqlChanges
from jupyter_orch.store.engine import Clock, Database, open_database, wall_clock
from jupyter_orch.store.failures import SqlFailures
from jupyter_orch.store.hints import SqlHints
from jupyter_orch.store.intervals import SqlIntervals
from jupyter_orch.store.jobs import SqlJobs
from jupyter_orch.store.lake import SqlLake
from jupyter_orch.store.ledger import SqlLedger
from jupyter_orch.store.notices import SqlNotices
from jupyter_orch.store.pools import SqlPools
from jupyter_orch.store.progress import SqlProgress
from jupyter_orch.store.queue_sweep import SqlQueueSweep
from jupyter_orch.store.remains import SqlRemains
from jupyter_orch.store.runs import SqlRuns
from jupyter_orch.store.schedule import SqlSchedule
from jupyter_orch.store.schema import migrate
from jupyter_orch.store.together import Together


class SqlStore(
    SqlJobs,
    SqlRuns,
    SqlFailures,
    SqlIntervals,
    SqlQueueSweep,
    SqlPools,
    SqlBackfills,
    SqlNotices,
    SqlArchive,
    SqlRemains,
    SqlLake,
    SqlLedger,
    SqlProgress,
    SqlHints,
    SqlSchedule,
    SqlChanges,
):
    """The one database; safe from many threads and many processes.

    Opening it brings it to this code's schema; `migration` says what was done.

    Args:
        url: SQLAlchemy URL, e.g. `sqlite:////home/me/orch/state.db`.
        clock: Microseconds since 1970 in place of the wall clock, for simulations on SQLite.

    Raises:
        BadInput: The URL cannot be used (field `state.url`).
        Unavailable: The database cannot be opened, or needs newer code.
    """

    def __init__(self, url: str, *, clock: Clock = wall_clock) -> None:
        self._begin(open_database(url, clock=clock))

    def _begin(self, database: Database) -> None:
        self._database = database
        self._unreadable = {}
        self._ending = Together(self.finish_all)
        self._telling = Together(self.progress_all)
        try:
            self.migration = migrate(database)
        except BaseException:
            database.close()
            raise

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            return self._database.instant(connection)

    def close(self) -> None:
        """Closes every connection; the object is of no use afterwards."""
        self._database.close()
