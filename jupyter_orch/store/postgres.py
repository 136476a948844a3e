"""What is special about PostgreSQL: its driver, its time limits, its errors."""

import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from jupyter_orch.domain.errors import BadInput

log = logging.getLogger(__name__)
DRIVER = "postgresql+psycopg"
#: No transaction outlives this: a client that was frozen in one loses its locks.
TRANSACTION_SECONDS = 4
STATEMENT_SECONDS = 30
#: A migration may rewrite a table, and the next process waits for it.
MIGRATION_SECONDS = 600
#: Longest wait of a migration for a table that others use.
TABLE_SECONDS = 2
_CONNECT = {
    "application_name": "jupyter_orch",
    "connect_timeout": 5,  # seconds
    # A server that vanished without a word is noticed: seconds, seconds, tries, milliseconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_MISSING_RIGHT = "42501"
#: A lock that was not to be had in time, and two that waited for each other.
_IN_THE_WAY = frozenset({"55P03", "40P01"})
#: The key of the lock that lets one process at a time migrate.
_MIGRATION = 0x6F726368
#: Key of the lock of whoever builds indices.
_BUILDING = 0x6F726369


def driven(url: sa.URL) -> sa.URL:
    """The URL with our driver, whichever it names.

    Raises:
        BadInput: The driver is not installed.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise BadInput(
            f"PostgreSQL needs a driver that cannot be loaded: {error}.",
            field="state.url",
            hint="pip install 'jupyter-orch[postgres]'",
        ) from error
    return url.set(drivername=DRIVER)


def connect_arguments(url: sa.URL) -> dict[str, Any]:
    """What the driver is told, unless the URL says it."""
    return {name: value for name, value in _CONNECT.items() if name not in url.query}


def configure(connection: Any, _record: object) -> None:
    """Limits of a new connection; not in its start-up packet, which poolers refuse."""
    limits = {
        "idle_in_transaction_session_timeout": TRANSACTION_SECONDS,
        "lock_timeout": TRANSACTION_SECONDS,
        "statement_timeout": STATEMENT_SECONDS,
    }
    sets = "; ".join(f"SET {name} = '{seconds}s'" for name, seconds in limits.items())
    sets += "; SET jit = off"  # compiling a statement takes longer than any of ours
    connection.autocommit = True
    connection.execute(sets)
    connection.autocommit = False


def begin_migration(connection: sa.Connection) -> None:
    """Waits for its turn, and gives this transaction the time that a migration needs.

    It does not wait long for a table: whoever comes after it would wait as well.
    """
    for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = '{MIGRATION_SECONDS}s'")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION)))
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TABLE_SECONDS}s'")


def sort_by_bytes(connection: sa.Connection) -> None:
    """Makes every text column compare by its bytes, as SQLite's do.

    Pages by name then mean the same on each server, whatever its language, and no index breaks
    when the operating system's rules for sorting change.
    """
    columns = connection.exec_driver_sql(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_collation o ON o.oid = a.attcollation"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
        " AND a.attnum > 0 AND NOT a.attisdropped AND o.collname = 'default'"
        " ORDER BY c.relname, a.attnum"
    ).all()
    quote = connection.dialect.identifier_preparer.quote
    tables: dict[str, list[str]] = {}
    for table, column, kind in columns:
        change = f'ALTER COLUMN {quote(column)} TYPE {kind} COLLATE "C"'
        tables.setdefault(table, []).append(change)
    for table, changes in tables.items():
        connection.exec_driver_sql(f"ALTER TABLE {quote(table)} {', '.join(changes)}")


def build_indices(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Builds the indices that are missing, while others go on writing to their tables.

    One process at a time; the others do not wait, since who waits holds up what is waited for.
    """
    lock = sa.func.pg_try_advisory_lock(_BUILDING)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        missing = _missing_indices(connection, tables)
        if not missing or not connection.execute(sa.select(lock)).scalar_one():
            return
        for name in ("lock_timeout", "statement_timeout"):
            connection.exec_driver_sql(f"SET {name} = '{MIGRATION_SECONDS}s'")
        try:
            for index in _missing_indices(connection, tables):
                # What is left of a build that was broken off serves nobody.
                name = connection.dialect.identifier_preparer.format_index(index)
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                create = str(CreateIndex(index).compile(connection))
                connection.exec_driver_sql(create.replace("INDEX", "INDEX CONCURRENTLY", 1))
        except DBAPIError as error:  # all works without, if slowly; the next start tries again
            log.warning("schema.index_not_built error=%s", error.orig)
        finally:
            connection.invalidate()  # with its lock and its limits


def _missing_indices(connection: sa.Connection, tables: sa.MetaData) -> list[sa.Index]:
    valid = connection.exec_driver_sql(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = current_schema()::regnamespace AND i.indisvalid"
    ).scalars()
    known = set(valid)
    wanted = [index for table in tables.sorted_tables for index in table.indexes]
    return [index for index in wanted if index.name not in known]


def lacks_right(error: DBAPIError) -> bool:
    """Whether the database's user may not do this."""
    return getattr(error.orig, "sqlstate", None) == _MISSING_RIGHT


def is_in_the_way(error: BaseException | None) -> bool:
    """Whether it was a lock of somebody else that was in the way: later it may be gone."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _IN_THE_WAY
