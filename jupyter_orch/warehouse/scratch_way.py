"""A large answer by way of a scratch table: Trino writes it to files, and they are read."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import requests
from sqlglot import exp
from trino.exceptions import Error, TrinoQueryError

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import Selection
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import attempt_folder, results, scratch
from jupyter_orch.warehouse.names import SCRATCH_SCHEMA
from jupyter_orch.warehouse.scan import quote
from jupyter_orch.warehouse.translate.errors import SqlError
from jupyter_orch.warehouse.translate.parse import parse

if TYPE_CHECKING:
    import trino.dbapi

#: What comes back out of a table as it went in, and can be part of an array or map there.
_KEPT = re.compile(
    r"boolean|tinyint|smallint|integer|bigint|real|double|decimal\(\d+, ?\d+\)|varchar(\(\d+\))?"
    r"|varbinary|date|time\([0-6]\)|timestamp\([0-6]\)( with time zone)?"
)
#: What Arrow puts into the order that Trino has; NaN is elsewhere in it.
_SORTED = re.compile(r"tinyint|smallint|integer|bigint|decimal.*|varchar.*|date|timestamp.*")
#: A function that answers a table may do more than answer.
_TABLE_FUNCTION = re.compile(r"\btable\s*\(", re.IGNORECASE)
#: What keeps a user from making tables as long as rights and connectors are what they are.
_LASTING = ("PERMISSION_DENIED", "NOT_SUPPORTED", "CATALOG_NOT_FOUND")

#: What the ids of those begin with who read outside of a run.
_BY_HAND = "interactive-"

#: Why this way is closed, by Trino's address and user.
_closed: dict[tuple[str, str], str] = {}


class NoWay(Exception):
    """The answer cannot go this way; nothing of it was read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Large:
    """A query whose answer may go by way of a table."""

    statement: str
    #: In Trino's words.
    types: tuple[str, ...]
    most: int | None
    #: The columns that its rows are sorted by.
    order: tuple[tuple[int, str], ...]
    in_order: bool

    @property
    def columns(self) -> list[str]:
        """Names that hold whatever the query calls its columns, if anything."""
        return [f"c{place}" for place in range(len(self.types))]

    @property
    def query(self) -> str:
        """The statement, limited where it does not matter which rows are left out."""
        if self.most is None or self.order:
            return self.statement
        return f"SELECT * FROM (\n{self.statement}\n) LIMIT {self.most}"  # noqa: S608 - it stays a query


def plan(
    statement: str,
    names: Sequence[str],
    types: Sequence[str],
    *,
    most: int | None,
    in_order: bool,
) -> Large | None:
    """The query with what has to be known of it; None when only the client reads it rightly."""
    if not all(map(_kept, types)) or _TABLE_FUNCTION.search(statement):
        return None
    try:
        tree = parse(statement)
    except SqlError:
        return None
    if not isinstance(tree, exp.Query):
        return None
    order = _order(tree, names, types) if in_order else ()
    if order is None:
        return None
    text = statement.strip().rstrip(";")
    return Large(text, tuple(types), most, order, in_order)


class ScratchWay:
    """Makes the scratch table of one answer, reads it and drops it."""

    def __init__(
        self,
        settings: Settings,
        connection: "trino.dbapi.Connection",
        large: Large,
        parameters: list[Any] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._large = large
        self._parameters = parameters
        self._tell = tell
        trino = settings.warehouse.trino
        self._who = (trino.url, trino.user)

    def check(self) -> None:
        """Looks, before anything is given up for it, whether this process can read tables.

        Raises:
            NoWay: It cannot.
        """
        if self._who in _closed:
            raise NoWay(_closed[self._who])
        from jupyter_orch.kernel.by_worker import channel
        from jupyter_orch.warehouse.catalog import open_catalog

        if channel(self._settings) is not None:
            return
        try:
            open_catalog(self._settings).close()
        except OrchError as error:
            raise NoWay(f"tables cannot be read here ({error.message.rstrip('.')})") from error

    def rows(self) -> Iterator[list[pa.ChunkedArray]]:
        """The answer, by column.

        Raises:
            NoWay: Trino does not make the table; it has read nothing.
            trino.exceptions.Error: The query failed.
        """
        run_id, attempt, place = _attempt(self._settings)
        name = scratch.name(run_id, attempt)
        attempt_folder.mark_scratch(place, name)
        settled = nothing = False
        try:
            count = self._make(name)
            settled = True
            self._tell(f"{count:,} rows are read from files")
            yield from map(self._columns, self._read(name))
        except NoWay:
            nothing = True
            raise
        except TrinoQueryError:
            settled = True
            raise
        finally:
            # As long as Trino has not said how it ended, the table may still appear: it is swept.
            if nothing or (self._drop(name) and settled):
                attempt_folder.unmark_scratch(place, name)
                if run_id.startswith(_BY_HAND):
                    attempt_folder.clear(place)

    def _make(self, name: str) -> int:
        """Has Trino write the table; answers its rows."""
        large = self._large
        columns = ", ".join(large.columns)
        cursor = self._cursor(
            lambda stats: self._tell(progress("Trino writes the answer to files", stats))
        )
        catalog = quote(self._settings.warehouse.catalog)
        for wanted in (
            f"CREATE SCHEMA IF NOT EXISTS {self._name()}",
            # read once, so that packing it well is lost time
            f"SET SESSION {catalog}.compression_codec = 'SNAPPY'",
        ):
            with contextlib.suppress(TrinoQueryError):  # it works without the right to do that
                cursor.execute(wanted).fetchall()
        made = f"CREATE TABLE {self._name(name)} ({columns}) AS {large.query}"
        try:
            cursor.execute(made, self._parameters).fetchall()
        except TrinoQueryError as error:
            if error.error_name in _LASTING:
                _closed[self._who] = f"Trino makes no table for it ({error.message.rstrip('.')})"
                raise NoWay(_closed[self._who]) from error
            if error.error_name == "SCHEMA_NOT_FOUND":
                raise NoWay("Trino makes no schema for it") from error
            raise
        except KeyboardInterrupt:
            cursor.cancel()
            raise
        return int(cursor.rowcount)

    def _read(self, name: str) -> Iterator[pa.Table]:
        from jupyter_orch.kernel import by_worker

        wanted = Selection(table=f"{SCRATCH_SCHEMA}.{name}")
        worker = by_worker.channel(self._settings)
        if worker is not None:
            yield self._sorted(by_worker.read(worker, wanted))
            return
        from jupyter_orch.warehouse import reading
        from jupyter_orch.warehouse.iceberg import IcebergWarehouse

        warehouse = IcebergWarehouse(self._settings)
        try:
            found = reading.scan(warehouse.load(wanted.table), wanted)
            if self._large.in_order:
                yield self._sorted(found.to_arrow())
            else:
                with found.to_arrow_batch_reader() as reader:
                    yield from (pa.Table.from_batches([batch]) for batch in reader)
        finally:
            warehouse.close()

    def _sorted(self, table: pa.Table) -> pa.Table:
        large = self._large
        if large.order:
            keys = [(f"c{place}", direction) for place, direction in large.order]
            table = table.take(pc.sort_indices(table, sort_keys=keys))
        return table if large.most is None else table.slice(0, large.most)

    def _columns(self, table: pa.Table) -> list[pa.ChunkedArray]:
        kinds = (results.arrow_type(kind, "") for kind in self._large.types)
        return [
            table.column(name).cast(kind)
            for name, kind in zip(self._large.columns, kinds, strict=True)
        ]

    def _drop(self, name: str) -> bool:
        """Whether it is gone; else it is dropped when the attempt is swept."""
        try:
            self._cursor().execute(f"DROP TABLE IF EXISTS {self._name(name)}").fetchall()
        except (Error, requests.RequestException):
            return False
        return True

    def _cursor(self, watch: Callable[[dict[str, Any]], None] | None = None) -> Any:
        """A cursor that sends nothing twice: what changes tables is not repeated blindly."""
        connection, usual = self._connection, self._connection.max_attempts
        connection.max_attempts = 1
        try:
            return connection.cursor(stats_callback=watch)
        finally:
            connection.max_attempts = usual

    def _name(self, table: str | None = None) -> str:
        parts = (self._settings.warehouse.catalog, SCRATCH_SCHEMA, table)
        return ".".join(quote(part) for part in parts if part)


def _attempt(settings: Settings) -> tuple[RunId, int, Path]:
    """Whose table it is, and the folder that says so."""
    from jupyter_orch.kernel.context import context

    found = context()
    if found.run_id is None:
        run_id, attempt = RunId(f"{_BY_HAND}{new_id()}"), 1
    else:
        run_id, attempt = found.run_id, found.attempt
    return run_id, attempt, attempt_folder.make(settings, run_id, attempt)


def _kept(text: str) -> bool:
    head, inner, _ = results.parts(text)
    if head in ("array", "map"):
        return all(map(_kept, inner))
    return _KEPT.fullmatch(text) is not None


def _order(
    tree: exp.Query, names: Sequence[str], types: Sequence[str]
) -> tuple[tuple[int, str], ...] | None:
    """The columns that sort the rows; None when rows cannot be sorted by columns alone."""
    clause = tree.args.get("order")
    lower = [name.lower() for name in names]
    found = []
    for item in clause.expressions if clause else ():
        key = item.this
        if isinstance(key, exp.Literal) and not key.is_string and key.name.isdecimal():
            place = int(key.name) - 1
        elif isinstance(key, exp.Column) and not key.table and lower.count(key.name.lower()) == 1:
            place = lower.index(key.name.lower())
        else:
            return None
        if item.args.get("nulls_first") or not 0 <= place < len(types):
            return None
        if not _SORTED.fullmatch(types[place]):
            return None
        found.append((place, "descending" if item.args.get("desc") else "ascending"))
    return tuple(found)


def progress(what: str, stats: dict[str, Any]) -> str:
    """How far a query is, in words."""
    percent = stats.get("progressPercentage")
    return what if percent is None else f"{what}, {percent:.0f} %"
