"""The store over SQLAlchemy: one object that implements ports.Store."""

from datetime import datetime

from jupyter_orch.store.backfills import SqlBackfills
from jupyter_orch.store.changes import SqlChanges
from jupyter_orch.store.engine import Database
from jupyter_orch.store.intervals import SqlIntervals
from jupyter_orch.store.jobs import SqlJobs
from jupyter_orch.store.ledger import SqlLedger
from jupyter_orch.store.runs import SqlRuns
from jupyter_orch.store.schedule import SqlSchedule
from jupyter_orch.store.schema import migrate


class SqlStore(SqlJobs, SqlRuns, SqlIntervals, SqlBackfills, SqlLedger, SqlSchedule, SqlChanges):
    """The one database; safe from many threads and many processes.

    Args:
        url: SQLAlchemy URL, e.g. `sqlite:////home/me/orch/state.db`.

    Raises:
        BadInput: The URL cannot be used (field `state.url`).
        Unavailable: The database cannot be opened, or needs newer code.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        try:
            migrate(self._database)
        except BaseException:
            self._database.close()
            raise

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            return self._database.instant(connection)

    def close(self) -> None:
        """Closes every connection; the object is of no use afterwards."""
        self._database.close()
