"""The one database: all of its parts together."""

from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.model import Change
from jupyter_orch.ports.archive import Archive, Remains
from jupyter_orch.ports.backfills import BackfillStore
from jupyter_orch.ports.failures import FailureStore
from jupyter_orch.ports.jobs import JobStore
from jupyter_orch.ports.ledger import WorkerStore
from jupyter_orch.ports.notices import Outbox
from jupyter_orch.ports.pools import PoolStore
from jupyter_orch.ports.runs import RunStore
from jupyter_orch.ports.schedule import ScheduleStore
from jupyter_orch.ports.tables import TableStore


class ChangeFeed(Protocol):
    """What changed, in order, for everybody who shows something."""

    def changes(self, *, after: int, limit: int = 500) -> tuple[Change, ...]: ...

    def last_change(self) -> int: ...


class Store(
    JobStore,
    RunStore,
    FailureStore,
    PoolStore,
    BackfillStore,
    Outbox,
    Archive,
    Remains,
    TableStore,
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
