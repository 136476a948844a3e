"""A catalog in PostgreSQL: how it is connected to, and the lock that its writers queue for.

The password is asked for with every connection and stands in no address; it may change meanwhile.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.settings import WarehouseSettings
from jupyter_orch.warehouse.credentials import value_of
from jupyter_orch.warehouse.storage import FileCatalog

_log = logging.getLogger(__name__)
_CONNECT_SECONDS = 5
#: Of one statement; and of a transaction whose client stands still, which then loses its locks.
_STATEMENT_SECONDS = 30
_IDLE_SECONDS = 4
#: A host that vanished without a word loses its locks after so long, by the server's own watch.
_KEEPALIVE = "tcp_keepalives_idle=5 tcp_keepalives_interval=2 tcp_keepalives_count=3"
_PATIENCE = sa.text("SELECT set_config('lock_timeout', :wait, false)")
_LOCK = sa.text("SELECT pg_advisory_lock(:key)")
_UNLOCK = sa.text("SELECT pg_advisory_unlock(:key)")
_STEP = sa.text("SELECT 1")
#: Seconds since the holder's last statement.
_HOLDER = sa.text(
    "SELECT CAST(EXTRACT(epoch FROM clock_timestamp() - holder.state_change) AS float) AS still"
    " FROM pg_locks AS held JOIN pg_stat_activity AS holder USING (pid)"
    " WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1"
    " AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (CAST(held.classid AS bigint) << 32) + CAST(held.objid AS bigint) = :key"
)
#: What a wait for a lock ends with.
_IN_THE_WAY = "55P03"
#: Between looks at the holder.
_LOOK_SECONDS = 10.0
_MOST_ENGINES = 8
#: By process, address and reference to the password.
_lock_engines: dict[tuple[int, str, str], sa.Engine] = {}
_making_engines = threading.Lock()


class PostgresCatalog(FileCatalog):
    """The catalog at `warehouse.catalog_uri`."""

    def __init__(self, chosen: WarehouseSettings, **properties: str) -> None:
        self._chosen = chosen
        uri = chosen.catalog_uri
        super().__init__(chosen.catalog, uri=uri, pool_pre_ping="true", **properties)

    def _init_catalog(self) -> None:
        _connected_by(self.engine, self._chosen.catalog_password)
        super()._init_catalog()


def check_driver() -> None:
    """Refuses when the driver is not installed.

    Raises:
        BadInput: Field `warehouse.catalog_uri`.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise BadInput(
            f"PostgreSQL needs a driver that cannot be loaded: {error}.",
            field="warehouse.catalog_uri",
            hint="pip install 'jupyter-orch[postgres]'",
        ) from error


@contextmanager
def locked(
    warehouse: WarehouseSettings, name: str, *, still_seconds: float, waiting: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Holds a lock that writers on all hosts queue for; it ends with its connection.

    Who cannot ask for it goes on without it, and so does who waits for a holder that stands still.

    Args:
        warehouse: Whose database keeps it.
        name: The lock's.
        still_seconds: After which a holder that has not moved counts as gone.
        waiting: Is called from time to time until it is there.
    """
    digest = hashlib.sha256(f"{warehouse.catalog}/{name}".encode()).digest()[:8]
    key = int.from_bytes(digest, signed=True)
    try:
        connection = _lock_engine(warehouse.catalog_uri, warehouse.catalog_password).connect()
    except SQLAlchemyError:  # the commit is about to meet the same, and says it better
        yield lambda: None
        return
    with connection:
        try:
            _lock(connection, key, still_seconds, waiting)
        except SQLAlchemyError as error:
            _log.warning("warehouse.not_locked", extra={"table": name, "error": str(error.args)})
            connection.invalidate()
            yield lambda: None
            return
        try:
            yield partial(_move, connection)
        finally:
            _unlock(connection, key)


def _lock(
    connection: sa.Connection, key: int, still_seconds: float, waiting: Callable[[], None]
) -> None:
    """Waits for it.

    Raises:
        SQLAlchemyError: Its holder stands still, or the server does not answer.
    """
    began = time.monotonic()
    patience = max(1, round(1000 * min(_LOOK_SECONDS, still_seconds)))
    connection.execute(_PATIENCE, {"wait": str(patience)})
    while True:
        try:
            connection.execute(_LOCK, {"key": key})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _IN_THE_WAY:
                raise
            waited = time.monotonic() - began
            found = connection.execute(_HOLDER, {"key": key}).first()
            # Who may not see when the holder moved last goes by its own wait.
            still = 0.0 if found is None else waited if found.still is None else found.still
            if min(still, waited) > still_seconds:
                raise
            waiting()
        else:
            return


def _move(connection: sa.Connection) -> None:
    """Shows who waits that the holder goes on."""
    with suppress(SQLAlchemyError):  # the lock is gone with its connection; the commit will tell
        connection.execute(_STEP)


def _unlock(connection: sa.Connection, key: int) -> None:
    """A connection that cannot say that it is free must not be used again: it goes."""
    try:
        connection.execute(_UNLOCK, {"key": key})
    except SQLAlchemyError:
        connection.invalidate()


def _lock_engine(uri: str, password: str) -> sa.Engine:
    """One idle connection for locks, as making one takes longer than a commit.

    A process that was forked has one of its own, and leaves that of its parent alone.
    """
    key = (os.getpid(), uri, password)
    with _making_engines:
        if key not in _lock_engines:
            engine = sa.create_engine(
                uri, pool_size=1, max_overflow=-1, pool_pre_ping=True, isolation_level="AUTOCOMMIT"
            )
            _connected_by(engine, password, statement_seconds=0)
            _lock_engines[key] = engine
            while len(_lock_engines) > _MOST_ENGINES:
                oldest = next(iter(_lock_engines))
                _lock_engines.pop(oldest).dispose(close=oldest[0] == os.getpid())
        return _lock_engines[key]


def _connected_by(
    engine: sa.Engine, password: str, *, statement_seconds: int = _STATEMENT_SECONDS
) -> None:
    """Adds password and time limits to every connection of an engine."""

    def connecting(_dialect: Any, _record: Any, _arguments: Any, values: dict[str, Any]) -> None:
        values.setdefault("application_name", "jupyter_orch")
        values.setdefault("connect_timeout", _CONNECT_SECONDS)
        limits = (
            f"statement_timeout={statement_seconds}s",
            f"idle_in_transaction_session_timeout={_IDLE_SECONDS}s",
            *_KEEPALIVE.split(),
        )
        values["options"] = " ".join(
            [values.get("options", ""), *(f"-c {limit}" for limit in limits)]
        ).strip()
        if password:
            values["password"] = value_of(
                password,
                "warehouse.catalog_password",
                "password of the catalog's database",
            )

    sa.event.listen(engine, "do_connect", connecting)
