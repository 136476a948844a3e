"""The trino client's connection, with a word where something takes far too long.

Each row of `executemany` is a statement and a commit of its own: some rows a second, on both
engines. A frame that is an output is written a hundred thousand times as fast.
"""

import contextlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import trino.dbapi
from trino.exceptions import TrinoQueryError

#: Rows of one call that nobody has to be told about.
FEW = 100
_INSERT = re.compile(r'\s*insert\s+into\s+(?P<table>(?:"[^"]+"|[\w.])+)', re.IGNORECASE)
_VALUES = re.compile(r"\)\s*,\s*\(")
_TOO_LONG = "EXCEEDED_TIME_LIMIT"
_HINT = (
    "The limit is warehouse.trino.query_seconds, what the run's timeout leaves, "
    "warehouse.statement_timeout_seconds of the embedded engine, or Trino's own."
)
#: Whose frames are not the place that a warning is about.
_LIBRARIES = ("jupyter_orch.", "pandas.", "sqlalchemy.", "trino.")


class Cursor(trino.dbapi.Cursor):
    """The client's own, which warns once per call that inserts many rows."""

    _many = False

    def execute(self, operation: str, params: Any = None) -> Any:
        """As the client's; many `VALUES` with as many parameters are a frame, too."""
        found = None if self._many or not params or len(params) <= FEW else _insert(operation)
        if found and (rows := 1 + len(_VALUES.findall(operation))) > FEW:
            _warn(found, rows)
        with _told():
            return super().execute(operation, params)  # type: ignore[no-untyped-call]

    def executemany(self, operation: str, seq_of_params: Sequence[Any]) -> Any:
        """As the client's."""
        if len(seq_of_params) > FEW and (found := _insert(operation)):
            _warn(found, len(seq_of_params))
        self._many = True
        try:
            return super().executemany(operation, seq_of_params)  # type: ignore[no-untyped-call]
        finally:
            self._many = False

    def fetchmany(self, size: int | None = None) -> list[list[Any]]:
        """As the client's."""
        with _told():
            return super().fetchmany(size)

    def fetchall(self) -> list[list[Any]]:
        """As the client's."""
        with _told():
            return super().fetchall()


class Connection(trino.dbapi.Connection):
    """The client's own, whose cursors are these."""

    def cursor(
        self,
        cursor_style: str = "row",
        legacy_primitive_types: bool | None = None,
        stats_callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> Any:
        """A cursor."""
        made: Any = super().cursor(cursor_style, legacy_primitive_types, stats_callback)  # type: ignore[arg-type]
        if type(made) is trino.dbapi.Cursor:
            made.__class__ = Cursor  # the client has no way to choose the class
        return made


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Names the setting where Trino says that a query took too long."""
    try:
        yield
    except TrinoQueryError as error:
        if error.error_name == _TOO_LONG and _HINT not in error.message:
            error._error["message"] = f"{error.message.rstrip('.')}. {_HINT}"  # noqa: SLF001
        raise


def _insert(operation: str) -> str | None:
    """The table that a statement inserts into."""
    found = _INSERT.match(operation)
    return found["table"].replace('"', "") if found else None


def _warn(table: str, rows: int) -> None:
    warnings.warn(
        f"{rows:,} rows are inserted into {table} by SQL, which takes minutes where an output "
        "takes a second, and a failure leaves a part of them. Write instead: "
        f'with jupyter_orch.output("{table}", mode="append") as out: out.write(frame)',
        stacklevel=_level(),
    )


def _level() -> int:
    """How far up the caller is that is not a library."""
    frame, level = sys._getframe(2), 2  # noqa: SLF001
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    return level
