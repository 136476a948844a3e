"""Every port: what the use cases need from the world. Read them and you know the machine.

Adapters implement these; only `wiring` knows which. All instants are aware UTC. Unless said
otherwise a method is one transaction, may be called from any thread, and raises
`errors.Unavailable` when its backend cannot be reached.
"""

from jupyter_orch.ports.archive import Archive, Expired, LostAttempt, Remains
from jupyter_orch.ports.artifacts import Artifacts
from jupyter_orch.ports.backfills import BackfillFeed, BackfillStore
from jupyter_orch.ports.clock import Clock
from jupyter_orch.ports.failures import FailureStore
from jupyter_orch.ports.jobs import JobStore
from jupyter_orch.ports.ledger import (
    Held,
    Ledger,
    News,
    QueueHints,
    QueueHintStore,
    WorkerInfo,
    WorkerStore,
)
from jupyter_orch.ports.notices import Courier, Outbox
from jupyter_orch.ports.pools import PoolStore
from jupyter_orch.ports.runs import RunStore
from jupyter_orch.ports.schedule import DueTrigger, ScheduleStore, WakeUp
from jupyter_orch.ports.store import ChangeFeed, Store
from jupyter_orch.ports.tables import Removal, TableStore
from jupyter_orch.ports.warehouse import Expiry, Warehouse

__all__ = [
    "Archive",
    "Artifacts",
    "BackfillFeed",
    "BackfillStore",
    "ChangeFeed",
    "Clock",
    "Courier",
    "DueTrigger",
    "Expired",
    "Expiry",
    "FailureStore",
    "Held",
    "JobStore",
    "Ledger",
    "LostAttempt",
    "News",
    "Outbox",
    "PoolStore",
    "QueueHintStore",
    "QueueHints",
    "Remains",
    "Removal",
    "RunStore",
    "ScheduleStore",
    "Store",
    "TableStore",
    "WakeUp",
    "Warehouse",
    "WorkerInfo",
    "WorkerStore",
]
