"""The Iceberg catalog: one SQLite file beside the tables' folder, or a team's in PostgreSQL.

Both hold the tables of Iceberg's JDBC catalog in their V1 schema, which Trino opens as it is. The
file runs in WAL mode, so that readers never wait for a writer.
"""

import os
import random
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.frozen import FROZEN_SECONDS, wake_writer
from jupyter_orch.settings import Settings, WarehouseSettings, private_folder
from jupyter_orch.settings_warehouse import BY_WORKER
from jupyter_orch.warehouse.locks import holding

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

_SQLITE = "sqlite:///"
_BUSY_SECONDS = 30


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
    with holding(warehouse, "catalog"):
        return postgres.PostgresCatalog(
            warehouse, schema_version="v1", **file_properties(warehouse)
        )


def _on_sqlite(warehouse: WarehouseSettings) -> "SqlCatalog":
    import sqlalchemy.event

    from jupyter_orch.warehouse.storage import FileCatalog, file_properties

    _private_folder(warehouse.folder)
    with holding(warehouse, "catalog"):
        catalog = FileCatalog(
            warehouse.catalog,
            uri=_prepared_uri(warehouse),
            schema_version="v1",
            **file_properties(warehouse),
        )
    sqlalchemy.event.listen(catalog.engine, "do_execute", _execute)
    return catalog


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


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]
