"""The embedded engine: Trino SQL on the Iceberg tables of this host, run by DuckDB in-process.

One engine per process and warehouse; each statement runs on a connection of its own, sees one
snapshot of every table, and is stopped by `cancel` or the statement timeout.
"""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_orch.settings import Settings, WarehouseSettings
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.signatures import Signature
from jupyter_orch.warehouse.translate.errors import SqlError, from_duckdb

if TYPE_CHECKING:
    import duckdb
    from pyiceberg.catalog.sql import SqlCatalog

PAGE_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class EngineSession:
    """What a client says about itself with each statement."""

    user: str
    catalog: str | None
    schema: str | None
    properties: Mapping[str, str] = field(default_factory=dict)
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Answer:
    """What a statement answers: rows page by page, or what it changed."""

    columns: tuple[tuple[str, Signature], ...] = ()
    #: Answers the next rows, none at the end.
    fetch: Callable[[], list[tuple[Any, ...]]] = list
    update_type: str | None = None
    update_count: int | None = None
    set_catalog: str | None = None
    set_schema: str | None = None
    set_property: tuple[str, str] | None = None
    clear_property: str | None = None
    prepared: tuple[str, str] | None = None
    deallocated: str | None = None


class EmbeddedEngine:
    """DuckDB under a memory limit, without access to anything but the warehouse's folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._catalog: SqlCatalog | None = None
        self._database: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    @property
    def catalog(self) -> "SqlCatalog":
        """The tables' catalog, opened on first use."""
        with self._lock:
            if self._catalog is None:
                self._catalog = open_catalog(self.settings)
            return self._catalog

    def open(self, sql: str, session: EngineSession) -> "Statement":
        """A statement that runs when it is told to."""
        return Statement(self, sql, session)

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """A connection of its own to the shared database."""
        with self._lock:
            if self._database is None:
                self._database = _open_database(self.settings.warehouse)
            return self._database.cursor()

    def close(self) -> None:
        """Frees the memory and the catalog's connections."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
            if self._catalog is not None:
                self._catalog.engine.dispose()
                self._catalog = None


class Statement:
    """One statement on its way: run once, then read page by page."""

    def __init__(self, engine: EmbeddedEngine, sql: str, session: EngineSession) -> None:
        self.engine = engine
        self.sql = sql
        self.session = session
        #: Tables of the connection's own that it may name; no table of the catalog has their names.
        self.given: set[str] = set()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._stopped: SqlError | None = None
        self._lock = threading.Lock()

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """The statement's DuckDB connection."""
        with self._lock:
            if self._connection is None:
                self._connection = self.engine.cursor()
            return self._connection

    def run(self) -> Answer:
        """Runs it up to its first rows.

        Raises:
            SqlError: It failed, was cancelled or took too long.
        """
        from jupyter_orch.warehouse.dispatch import answer

        with self.limited():
            made = answer(self)
        made.fetch = partial(self._fetch, made.fetch)
        return made

    def cancel(self) -> None:
        """Stops it, from any thread; one that has ended is fine."""
        self._stop(SqlError("USER_CANCELED", "Query was canceled"))

    def check(self) -> None:
        """Raises what stopped the statement, before it changes anything."""
        if self._stopped is not None:
            raise self._stopped

    def close(self) -> None:
        """Frees what it holds."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _fetch(self, fetch: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        with self.limited():
            return fetch()

    def _stop(self, why: SqlError) -> None:
        with self._lock:
            self._stopped = self._stopped or why
            if self._connection is not None:
                self._connection.interrupt()

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Within it the connection's work is stopped by `cancel` and the statement timeout.

        Raises:
            SqlError: What DuckDB says, in Trino's words.
        """
        import duckdb

        self.check()
        seconds = self.engine.settings.warehouse.statement_timeout_seconds
        late = SqlError("EXCEEDED_TIME_LIMIT", f"Query exceeded the limit of {seconds:g} seconds")
        timer = threading.Timer(seconds, self._stop, (late,))
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.Error as error:
            self.check()
            raise from_duckdb(error) from error
        finally:
            timer.cancel()


_engines: dict[tuple[int, WarehouseSettings], EmbeddedEngine] = {}
_engines_lock = threading.Lock()


def shared_engine(settings: Settings) -> EmbeddedEngine:
    """The process's engine for this warehouse: all connections share its memory limit."""
    key = (os.getpid(), settings.warehouse)
    with _engines_lock:
        if key not in _engines:
            _engines[key] = EmbeddedEngine(settings)
            atexit.register(_engines[key].close)
        return _engines[key]


def _open_database(warehouse: WarehouseSettings) -> "duckdb.DuckDBPyConnection":
    import duckdb

    from jupyter_orch.warehouse.translate.macros import install

    spill = tempfile.mkdtemp(prefix="jupyter-orch-spill-")
    atexit.register(shutil.rmtree, spill, ignore_errors=True)
    connection = duckdb.connect(":memory:")
    for name, value in (
        ("memory_limit", warehouse.memory_limit),
        ("threads", warehouse.threads),
        ("temp_directory", spill),
        ("TimeZone", "UTC"),
        ("python_enable_replacements", False),
        ("autoinstall_known_extensions", False),
        ("autoload_known_extensions", False),
        ("allow_community_extensions", False),
        ("allowed_directories", [str(warehouse.folder)]),
        ("enable_external_access", False),
    ):
        connection.execute(f"SET {name} = {_setting(value)}")
    install(connection)
    connection.execute("SET lock_configuration = true")
    return connection


def _setting(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_setting, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()
