"""Builds the adapters from the settings; the only module that knows their classes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Job
from jupyter_orch.ports import Artifacts, Courier, Ledger, Store, Warehouse
from jupyter_orch.service import Service
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.threads import ROLES, Elsewhere, Role
from jupyter_orch.settings import Settings, private_folder
from jupyter_orch.wire import load

if TYPE_CHECKING:
    from jupyter_orch.runner.launcher import Launcher
    from jupyter_orch.scheduler.chores import Chore
    from jupyter_orch.store.schema import Migration, Standing, Step


class SystemClock:
    """The wall clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)


def open_service(
    settings: Settings,
    roots: Sequence[Path],
    roles: Collection[Role] = ROLES,
    *,
    launcher: "Launcher | None" = None,
) -> Service:
    """The service of this installation, not started yet.

    Args:
        settings: What is in force.
        roots: Folders whose notebooks may be scheduled, when the settings name none.
        roles: What this process does; the rest is done by others on the same database.
        launcher: What the worker begins attempts with; absent: a process that executes a notebook.

    Raises:
        Unavailable: The database or the catalog cannot be opened.
    """
    from jupyter_orch.notify import SettingsCourier
    from jupyter_orch.runner.worker import Worker
    from jupyter_orch.scheduler.chores import Chores
    from jupyter_orch.scheduler.timer import Timer

    clock = SystemClock()
    store = _open_store(settings)
    try:
        artifacts = _open_artifacts(settings)
        warehouse = _open_warehouse(settings)
        notebooks = Notebooks(artifacts, settings.notebook_roots or roots)
        courier = SettingsCourier(settings.notify)
        schedules = "scheduler" in roles
        works = "worker" in roles
        worker = (
            Worker(store, artifacts, warehouse, settings, launcher=launcher)
            if works
            else Elsewhere()
        )
        chores = (
            _chores(
                store=store,
                artifacts=artifacts,
                warehouse=warehouse,
                notebooks=notebooks,
                courier=courier,
                settings=settings,
            )
            if schedules
            else []
        )
        return Service(
            store,
            artifacts,
            warehouse,
            # The worker beside the timer need not look for what has just been made.
            Timer(
                store,
                notebooks.freeze,
                clock,
                schema_of=notebooks.schema_of,
                fired=worker.wake,
            )
            if schedules
            else Elsewhere(),
            worker,
            chores=Chores(chores) if schedules else Elsewhere(),
            notebooks=notebooks,
            clock=clock,
            courier=courier,
            drain_seconds=settings.drain_seconds,
        )
    except BaseException:
        store.close()
        raise


def _chores(
    *,
    store: Store,
    artifacts: Artifacts,
    warehouse: Warehouse,
    notebooks: Notebooks,
    courier: Courier,
    settings: Settings,
) -> "list[Chore]":
    from jupyter_orch.notify import Notifier
    from jupyter_orch.scheduler.backfill import Feeder
    from jupyter_orch.scheduler.chores import Chore
    from jupyter_orch.service.retention import Retention
    from jupyter_orch.service.sweep import Sweep
    from jupyter_orch.service.table_log import TableLog
    from jupyter_orch.service.table_orphans import TableOrphans
    from jupyter_orch.service.table_retention import TableRetention

    days, batch = settings.retention_days, settings.retention_batch
    retention = Retention(store, artifacts, days=days, batch=batch)
    tables = TableRetention(
        store, warehouse, TableLog(store, warehouse), keep=settings.retention_versions
    )
    orphan_age = timedelta(days=settings.retention_orphan_days)
    orphans = TableOrphans(store, warehouse, age=orphan_age)
    feeder = Feeder(store, notebooks.freeze, notebooks.schema_of)
    return [
        Chore(name="reap", every_seconds=2, do=store.reap),
        Chore(name="queue", every_seconds=1, do=store.sweep_queue),
        Chore(name="sweep", every_seconds=2, do=Sweep(store, warehouse).do),
        Chore(name="backfill", every_seconds=1, do=feeder.feed),
        Chore(name="notify", every_seconds=2, do=Notifier(store, courier, SystemClock()).do),
        Chore(name="retention", every_seconds=5, do=retention.do),
        Chore(name="tables", every_seconds=30, do=tables.do),
        *([Chore(name="orphans", every_seconds=60, do=orphans.do)] if orphan_age else []),
    ]


def look_at_schema(settings: Settings) -> "Standing":
    """How the database stands to this version; changes and makes nothing.

    Raises:
        Unavailable: It cannot be opened, or needs newer code.
    """
    from jupyter_orch.store.schema import look

    return look(settings.state_url)


def migrate_schema(settings: Settings, told: "Callable[[Step], None]") -> "Migration":
    """Brings the database to this version, and tells each step before it is made.

    Raises:
        Unavailable: It cannot be opened, or needs newer code.
    """
    from jupyter_orch.store.engine import open_database
    from jupyter_orch.store.schema import migrate

    private_folder(settings.state_dir)
    with closing(open_database(settings.state_url)) as database:
        return migrate(database, told)


@dataclass(frozen=True)
class Recorder:
    """What an execution in place needs to appear in the history."""

    ledger: Ledger
    artifacts: Artifacts
    warehouse: Warehouse
    #: The job that executes the notebook with this absolute path, if there is one.
    find_job: Callable[[str], Job | None]


@contextmanager
def open_recorder(settings: Settings) -> Iterator[Recorder]:
    """Records through the service when it answers, else in the database itself.

    Raises:
        Unavailable: Neither can be reached.
    """
    from jupyter_orch.client import Client, LedgerClient

    with ExitStack() as stack:
        client = stack.enter_context(Client(settings=settings))

        def ask_service(path: str) -> Job | None:
            found = client.jobs(notebook=path, limit=1)["items"]
            return cast("Job", load(Job, found[0]["job"])) if found else None

        def ask_store(path: str) -> Job | None:
            found = store.list_jobs(DEFAULT_TEAM, notebook=path, limit=1).items
            return found[0].job if found else None

        ledger: Ledger = LedgerClient(client)
        find_job = ask_service
        try:
            ledger.workers()
        except Unavailable:
            store = _open_store(settings)
            stack.callback(store.close)
            ledger, find_job = store, ask_store
        yield Recorder(ledger, _open_artifacts(settings), _open_warehouse(settings), find_job)


def _open_store(settings: Settings) -> Store:
    from jupyter_orch.store.sql import SqlStore

    private_folder(settings.state_dir)
    return SqlStore(settings.state_url)


def _open_artifacts(settings: Settings) -> Artifacts:
    from jupyter_orch.artifacts.folder import FolderArtifacts

    return FolderArtifacts(settings.artifacts_dir)


def _open_warehouse(settings: Settings) -> Warehouse:
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

    return IcebergWarehouse(settings)
