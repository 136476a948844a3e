"""The use cases put together, and the life of the threads behind them."""

import logging
import threading

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.ports import Artifacts, Clock, Courier, Store, Warehouse
from jupyter_orch.service.backfills import Backfills
from jupyter_orch.service.failures import Failures
from jupyter_orch.service.jobs import Jobs
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.notifications import Notifications
from jupyter_orch.service.pools import Pools
from jupyter_orch.service.runs import Runs
from jupyter_orch.service.system import System
from jupyter_orch.service.table_log import TableLog
from jupyter_orch.service.tables import Tables
from jupyter_orch.service.threads import Chores, Timer, Worker

log = logging.getLogger(__name__)


class Service:
    """Everything that can be asked of jupyter_orch, by noun.

    `ledger` is the side for workers elsewhere. Every use case may be called from any thread.
    `drain_seconds` is what running attempts get when the service is closed; those that take longer
    go back to the queue.
    """

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        warehouse: Warehouse,
        timer: Timer,
        worker: Worker,
        *,
        chores: Chores,
        notebooks: Notebooks,
        clock: Clock,
        courier: Courier,
        drain_seconds: float,
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._drain_seconds = drain_seconds
        self._timer = timer
        self._worker = worker
        self._chores = chores
        self.ledger = store
        self.notebooks = notebooks
        self.notifications = Notifications(courier)
        # The store's clock is the one that says what is due; this host's may be wrong.
        self.jobs = Jobs(
            store, artifacts, notebooks, store, courier=courier, timer=timer, worker=worker
        )
        self.pools = Pools(store, worker=worker)
        self.runs = Runs(store, artifacts, notebooks, store, worker=worker)
        self.failures = Failures(store, store)
        self.backfills = Backfills(store, notebooks, store, worker=worker)
        self.tables = Tables(store, store, warehouse, TableLog(store, warehouse))
        self.system = System(store, warehouse, notebooks, clock, timer=timer, worker=worker)

    def start(self) -> None:
        """Starts the parts that this process has a role for."""
        if wrong := self.system.health().clock:
            log.warning("clock.differs said=%s", wrong)
        threading.Thread(target=self._check_warehouse, name="warehouse-check", daemon=True).start()
        self._worker.start()
        self._timer.start()
        self._chores.start()

    def _check_warehouse(self) -> None:
        """Says early what would fail every publish."""
        try:
            self._warehouse.check()
        except OrchError as error:
            log.warning("warehouse.unfit said=%s", error.message)

    def close(self) -> None:
        """Stops firing, lets attempts end for a while, and closes the database."""
        try:
            self._timer.stop()
            self._worker.stop(self._drain_seconds)
            self._chores.stop()
        finally:
            self._store.close()
