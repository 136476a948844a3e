"""A catalog in PostgreSQL: how it is connected to, and the lock that its writers queue for.

The password is asked for with every connection and stands in no address; it may change meanwhile.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

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


class PostgresCatalog(FileCatalog):
    """The catalog at `warehouse.catalog_uri`."""

    def __init__(self, chosen: WarehouseSettings, **properties: str) -> None:
        self._chosen = chosen
        uri = chosen.catalog_uri
        super().__init__(chosen.catalog, uri=uri, pool_pre_ping="true", **properties)

    def _init_catalog(self) -> None:
        _connected_by(self.engine, self._chosen)
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
def locked(warehouse: WarehouseSettings, name: str, *, wait_seconds: float) -> Iterator[None]:
    """Holds a lock that writers on all hosts queue for; it ends with its connection.

    It only saves retries: who does not get it in time, or cannot ask for it, goes on without it.
    """
    key = hashlib.sha256(f"{warehouse.catalog}/{name}".encode()).digest()[:8]
    try:
        connection = _lock_engine(warehouse).connect()
    except SQLAlchemyError:  # the commit is about to meet the same, and says it better
        yield
        return
    with connection:
        try:
            connection.execute(sa.text(f"SET lock_timeout = {max(1, round(wait_seconds * 1000))}"))
            connection.execute(sa.text("SET statement_timeout = 0"))
            connection.execute(
                sa.text("SELECT pg_advisory_lock(:key)"),
                {"key": int.from_bytes(key, signed=True)},
            )
        except SQLAlchemyError as error:
            _log.warning("warehouse.not_locked", extra={"table": name, "error": str(error.args)})
        yield


@lru_cache(maxsize=8)
def _lock_engine(warehouse: WarehouseSettings) -> sa.Engine:
    engine = sa.create_engine(
        warehouse.catalog_uri, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    _connected_by(engine, warehouse)
    return engine


def _connected_by(engine: sa.Engine, warehouse: WarehouseSettings) -> None:
    """Adds password and time limits to every connection of an engine."""

    def connecting(_dialect: Any, _record: Any, _arguments: Any, values: dict[str, Any]) -> None:
        values.setdefault("application_name", "jupyter_orch")
        values.setdefault("connect_timeout", _CONNECT_SECONDS)
        limits = (
            f"statement_timeout={_STATEMENT_SECONDS}s",
            f"idle_in_transaction_session_timeout={_IDLE_SECONDS}s",
            *_KEEPALIVE.split(),
        )
        values["options"] = " ".join(
            [values.get("options", ""), *(f"-c {limit}" for limit in limits)]
        ).strip()
        if warehouse.catalog_password:
            values["password"] = value_of(
                warehouse.catalog_password,
                "warehouse.catalog_password",
                "password of the catalog's database",
            )

    sa.event.listen(engine, "do_connect", connecting)
