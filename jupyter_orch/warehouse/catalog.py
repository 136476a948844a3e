"""The Iceberg catalog: one SQLite file beside the tables' folder, or a team's in PostgreSQL.

Both hold the tables of Iceberg's JDBC catalog in their V1 schema, which Trino opens as it is. The
file runs in WAL mode, so that readers never wait for a writer.
"""

import fcntl
import hashlib
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.frozen import FROZEN_SECONDS, wake_holder, wake_writer
from jupyter_orch.settings import Settings, WarehouseSettings, private_folder
from jupyter_orch.settings_warehouse import BY_WORKER

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

_SQLITE = "sqlite:///"
_BUSY_SECONDS = 30
_LOCK_WAIT_SECONDS = 60.0
#: One of each table that somebody in this process commits to.
_gates: weakref.WeakValueDictionary[tuple[int, str, str], "_Gate"] = weakref.WeakValueDictionary()
_making_gates = threading.Lock()


def open_catalog(settings: Settings) -> "SqlCatalog":
    """The configured catalog; its tables are made when they are missing.

    Raises:
        BadInput: A password or key cannot be found, or a driver is missing.
        Refused: This is the kernel of a run, whose worker reads the tables for it.
        Unavailable: The catalog's file or server cannot be opened.
    """
    from sqlalchemy.exc import SQLAlchemyError

    warehouse = settings.warehouse
    if warehouse.catalog_uri == BY_WORKER:
        raise Refused(
            "The notebook of a run has no access to the catalog of its team.",
            hint="jupyter_orch.read and output go through the worker; for SQL set "
            "warehouse.trino.url.",
        )
    try:
        if warehouse.in_postgres:
            return _on_postgres(warehouse)
        return _on_sqlite(warehouse)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise Unavailable(
            f"The warehouse's catalog cannot be opened: {_first_line(error)}.",
            field="warehouse.catalog_uri",
            hint="Check warehouse.location and warehouse.catalog_uri.",
        ) from error


def _on_postgres(warehouse: WarehouseSettings) -> "SqlCatalog":
    from jupyter_orch.warehouse import postgres
    from jupyter_orch.warehouse.storage import file_properties

    postgres.check_driver()
    with postgres.locked(warehouse, "catalog", wait_seconds=_LOCK_WAIT_SECONDS):
        return postgres.PostgresCatalog(
            warehouse, schema_version="v1", **file_properties(warehouse)
        )


def _on_sqlite(warehouse: WarehouseSettings) -> "SqlCatalog":
    import sqlalchemy.event

    from jupyter_orch.warehouse.storage import FileCatalog, file_properties

    _private_folder(warehouse.folder)
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    with _locked(_lock_file(warehouse, "catalog"), deadline):
        catalog = FileCatalog(
            warehouse.catalog,
            uri=_prepared_uri(warehouse),
            schema_version="v1",
            **file_properties(warehouse),
        )
    sqlalchemy.event.listen(catalog.engine, "do_execute", _execute)
    return catalog


@contextmanager
def committing(settings: Settings, identifier: str) -> Iterator[None]:
    """Holds the table's lock, so that writers queue instead of colliding.

    It is a file of this host beside SQLite, and PostgreSQL's own for the writers of all hosts.

    It only saves retries: what makes a commit safe are Iceberg's own requirements. So a holder
    that does not move for a minute is not waited for any longer; one that is stopped on this host
    is let go on. Threads of one process queue among themselves first, so that a process asks for
    the lock of a table once at a time.

    Args:
        settings: Where the warehouse is.
        identifier: `schema.table`.
    """
    warehouse = settings.warehouse
    name = identifier.lower()
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    with _first_of_process(warehouse, name, deadline):
        if warehouse.in_postgres:
            from jupyter_orch.warehouse.postgres import locked

            with locked(warehouse, name, wait_seconds=deadline - time.monotonic()):
                yield
            return
        _private_folder(warehouse.folder)
        with _locked(_lock_file(warehouse, name), deadline):
            yield


class _Gate:
    """What threads of a process queue at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


@contextmanager
def _first_of_process(warehouse: WarehouseSettings, name: str, deadline: float) -> Iterator[None]:
    key = (os.getpid(), f"{warehouse.catalog_uri}/{warehouse.catalog}", name)
    with _making_gates:
        gate = _gates.setdefault(key, _Gate())
    entered = gate.lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
    try:
        yield
    finally:
        if entered:
            gate.lock.release()


def _prepared_uri(warehouse: WarehouseSettings) -> str:
    uri = warehouse.catalog_uri
    file = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    _private_folder(file.parent)
    # Only a file that is not there: closing another descriptor of a database would drop the locks
    # that SQLite holds in this process, and the next process would then remove the live WAL.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    if "timeout=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}timeout={FROZEN_SECONDS}"


def _execute(cursor: sqlite3.Cursor, statement: str, parameters: Any, context: Any) -> bool:
    """Waits for the right to write as long as others go on with it; a frozen one is made to."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute(statement, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            wake_writer(Path(context.engine.url.database or ""))
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311
        else:
            return True  # nobody else has to execute it


def _private_folder(folder: Path) -> None:
    private_folder(folder)


def _lock_file(warehouse: WarehouseSettings, name: str) -> Path:
    folder = warehouse.folder / ".locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(f"{warehouse.catalog}/{name}".encode()).hexdigest()[:32]


@contextmanager
def _locked(file: Path, deadline: float) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        look = time.monotonic() + FROZEN_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > look:
                    look = time.monotonic() + FROZEN_SECONDS
                    wake_holder(file)
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311
        yield
    finally:
        os.close(descriptor)


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]
