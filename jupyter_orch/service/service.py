"""The use cases put together, and the life of the threads behind them."""

from jupyter_orch.ports import Artifacts, Clock, Courier, Store, Warehouse
from jupyter_orch.service.jobs import Jobs
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.notifications import Notifications
from jupyter_orch.service.runs import Runs
from jupyter_orch.service.system import System
from jupyter_orch.service.tables import Tables
from jupyter_orch.service.threads import Chores, Timer, Worker

DRAIN_SECONDS = 20.0  # that running attempts get when the service is asked to stop


class Service:
    """Everything that can be asked of jupyter_orch, by noun.

    `ledger` is the side for workers elsewhere. Every use case may be called from any thread.
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
    ) -> None:
        self._store = store
        self._timer = timer
        self._worker = worker
        self._chores = chores
        self.ledger = store
        self.notebooks = notebooks
        self.notifications = Notifications(courier)
        self.jobs = Jobs(
            store, artifacts, notebooks, clock, courier=courier, timer=timer, worker=worker
        )
        self.runs = Runs(store, artifacts, notebooks, clock, worker=worker)
        self.tables = Tables(warehouse, lambda table: store.note_change("table", table))
        self.system = System(store, warehouse, notebooks, clock, timer=timer, worker=worker)

    def start(self) -> None:
        """Starts the parts that this process has a role for."""
        self._worker.start()
        self._timer.start()
        self._chores.start()

    def close(self) -> None:
        """Stops firing, lets attempts end for a while, and closes the database."""
        try:
            self._timer.stop()
            self._worker.stop(DRAIN_SECONDS)
            self._chores.stop()
        finally:
            self._store.close()
