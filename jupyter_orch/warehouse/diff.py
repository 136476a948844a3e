"""Compares two versions of a table, in the engine that answers queries.

Rows are compared as multisets: those of one version count plus one, those of the other minus one,
equal rows cancel out. With keys, what is left is told apart into added, removed and changed. Data
files that both versions have cancel out as a whole and are not read, as long as nothing deletes
rows in them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.versions import (
    ColumnChange,
    ColumnComparison,
    ColumnFacts,
    RowChange,
    RowSample,
    TableDiff,
)
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import check_results, versions
from jupyter_orch.warehouse.ask import Asking
from jupyter_orch.warehouse.preview import json_value, type_name
from jupyter_orch.warehouse.scan import literal, quote, read_by_name

SAMPLE = 100  # rows
#: Different values are counted up to so many rows.
_DISTINCT_ROWS = 1_000_000
_MOST_COLUMNS = 200  # that facts are gathered of
_LONGEST = 300  # characters of a value that is shown
#: More files than that are not named in a query: all rows are read instead.
_MOST_FILES = 1000

_NUMBERS = (DecimalType, DoubleType, FloatType, IntegerType, LongType)
_ORDERED = (
    *_NUMBERS,
    BooleanType,
    DateType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
_CUT = StringType
#: Types that widened into another one: their values are still the same.
_WIDER = {(IntegerType, LongType), (FloatType, DoubleType), (DecimalType, DecimalType)}


@dataclass(frozen=True)
class _Side:
    """One of the two versions."""

    name: str
    snapshot_id: int
    schema: Schema
    rows: int | None
    #: Data files that only this version has; None: all of its rows are read.
    files: tuple[str, ...] | None

    @property
    def source(self) -> str:
        schema, table = self.name.split(".")
        return f"{quote(schema)}.{quote(table)} FOR VERSION AS OF {self.snapshot_id}"

    @property
    def differing(self) -> str:
        """The same, without what both versions have."""
        if self.files is None:
            return self.source
        if not self.files:
            return f"{self.source} WHERE false"
        return f'{self.source} WHERE "$path" IN ({", ".join(map(literal, self.files))})'


def compare(
    settings: Settings,
    table: Table,
    before: int,
    after: int,
    *,
    keys: Sequence[str] = (),
    gone: Callable[[], bool],
) -> TableDiff:
    """What changed from one version to the other.

    Args:
        settings: Name the engine.
        table: As it is loaded.
        before: The one version.
        after: The other one.
        keys: What tells rows apart; none: the keys that a version was made by or checked for, else
            whole rows.
        gone: Whether nobody waits for the answer any more; queries are cancelled then.

    Raises:
        NotFound: There is no such version, or it has expired.
        BadInput: The keys do not name rows (field `keys`).
        Refused: It took too long, or nobody waits for it.
    """
    name = ".".join(table.name())
    log = versions.Log(table)
    old, new = (versions.snapshot_at(table, each, name) for each in (before, after))
    described = [log.version_of(snapshot) for snapshot in (old, new)]
    files = _own_files(settings, table, before, after)
    sides = tuple(
        _Side(name, snapshot.snapshot_id, _schema(table, snapshot.schema_id), told.total_rows, own)
        for snapshot, told, own in zip((old, new), described, files, strict=True)
    )
    columns = _common(sides[0].schema, sides[1].schema)
    wanted, given = _keys(keys, _noted(described[1]) or _noted(described[0]), columns)
    with Asking(settings, gone) as asking:
        facts = [_facts(asking, side, columns) for side in sides]
        rows = _Rows(asking, sides, columns, wanted)
        if wanted and rows.repeated:
            if given:
                raise BadInput(
                    f"The keys {', '.join(wanted)} do not tell rows apart: some rows share them.",
                    field="keys",
                    hint="Name more columns, or none to compare whole rows.",
                )
            rows = _Rows(asking, sides, columns, ())
        sample = rows.sample()
    return TableDiff(
        table=name,
        before=described[0],
        after=described[1],
        schema=_schema_changes(sides[0].schema, sides[1].schema),
        rows_before=facts[0][0],
        rows_after=facts[1][0],
        keys=rows.keys,
        compared=tuple(field.name for field in columns),
        added=rows.added,
        removed=rows.removed,
        changed=rows.changed,
        columns=tuple(
            ColumnComparison(
                name=field.name,
                type=type_name(field.field_type),
                before=facts[0][1][field.name],
                after=facts[1][1][field.name],
            )
            for field in columns[:_MOST_COLUMNS]
        ),
        sample=sample,
        truncated=len(sample) < rows.added + rows.removed + rows.changed,
    )


def _schema(table: Table, schema_id: int | None) -> Schema:
    return table.schemas()[schema_id] if schema_id is not None else table.schema()


def _common(old: Schema, new: Schema) -> tuple[NestedField, ...]:
    """Columns that both have and whose values compare, as the newer one has them."""
    known = {field.name: field.field_type for field in old.fields}
    return tuple(
        field
        for field in new.fields
        if field.name in known and _comparable(known[field.name], field.field_type)
    )


def _comparable(old: IcebergType, new: IcebergType) -> bool:
    pairs = {(type(old), type(new)), (type(new), type(old))}
    return old == new or bool(pairs & _WIDER)


def _schema_changes(old: Schema, new: Schema) -> tuple[ColumnChange, ...]:
    was = {field.name: type_name(field.field_type) for field in old.fields}
    now = {field.name: type_name(field.field_type) for field in new.fields}
    return (
        *(
            ColumnChange(name=name, change="removed", before=kind, after=None)
            for name, kind in was.items()
            if name not in now
        ),
        *(
            ColumnChange(name=name, change="added", before=None, after=kind)
            for name, kind in now.items()
            if name not in was
        ),
        *(
            ColumnChange(name=name, change="type", before=was[name], after=kind)
            for name, kind in now.items()
            if was.get(name, kind) != kind
        ),
    )


def _noted(version: TableVersion) -> tuple[str, ...]:
    """What the version itself says to tell rows apart by.

    A check looks at the rows of its output: those of a slice are told apart within it.
    """
    if version.keys:
        return version.keys
    columns = check_results.unique_columns(version.checks)
    return tuple(dict.fromkeys((*version.slice, *columns))) if columns else ()


def _keys(
    asked: Sequence[str], noted: Sequence[str], columns: Sequence[NestedField]
) -> tuple[tuple[str, ...], bool]:
    """What tells rows apart, and whether a person said so."""
    usable = {field.name for field in columns if isinstance(field.field_type, _ORDERED)}
    for name in asked:
        if name not in usable:
            raise BadInput(
                f"{name!r} is not a column of both versions that can tell rows apart.",
                field="keys",
                hint=f"Such columns are {', '.join(sorted(usable)) or 'none'}.",
            )
    if asked:
        return tuple(dict.fromkeys(asked)), True
    return (tuple(noted) if set(noted) <= usable else ()), False


def _own_files(
    settings: Settings, table: Table, before: int, after: int
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Data files that only one of the versions has, when that is all that makes them differ."""
    if not read_by_name(table) or (settings.warehouse.in_s3 and not settings.warehouse.trino.url):
        return None, None  # the engine cannot say which file a row is in
    plans = [list(table.scan(snapshot_id=each).plan_files()) for each in (before, after)]
    if any(task.delete_files for plan in plans for task in plan):
        return None, None
    old, new = ({task.file.file_path for task in plan} for plan in plans)
    if not old & new or max(len(old - new), len(new - old)) > _MOST_FILES:
        return None, None
    return tuple(sorted(old - new)), tuple(sorted(new - old))


def _facts(
    asking: Asking, side: _Side, columns: Sequence[NestedField]
) -> tuple[int, Mapping[str, ColumnFacts]]:
    """Rows, and what each column holds."""
    shown = columns[:_MOST_COLUMNS]
    cheap = side.rows is not None and side.rows <= _DISTINCT_ROWS
    wanted = ["count(*)"]
    for field in shown:
        column = quote(field.name)
        ordered = isinstance(field.field_type, _ORDERED)
        number = isinstance(field.field_type, _NUMBERS)
        wanted += [
            f"count({column})",
            f"count(DISTINCT {column})" if cheap and ordered else "NULL",
            _shown(f"min({column})", field.field_type) if ordered else "NULL",
            _shown(f"max({column})", field.field_type) if ordered else "NULL",
            f"avg(CAST({column} AS double))" if number else "NULL",
        ]
    # One name each: the embedded engine tells results apart by it.
    named = (f"{what} AS f{place}" for place, what in enumerate(wanted))
    (row,) = asking.rows(f"SELECT {', '.join(named)} FROM {side.source}")  # noqa: S608 - all quoted
    rows, values = int(row[0]), list(row[1:])
    facts = {}
    for place, field in enumerate(shown):
        filled, distinct, least, most, mean = values[5 * place : 5 * place + 5]
        facts[field.name] = ColumnFacts(
            null_rate=1 - filled / rows if rows else None,
            distinct=distinct,
            least=json_value(least),
            most=json_value(most),
            mean=json_value(mean),
        )
    return rows, facts


class _Rows:
    """Rows that are not the same in both versions."""

    def __init__(
        self,
        asking: Asking,
        sides: Sequence[_Side],
        columns: Sequence[NestedField],
        keys: tuple[str, ...],
    ) -> None:
        self.keys = keys
        self._asking = asking
        self._sides = sides
        self._columns = columns
        places = {field.name: f"c{place}" for place, field in enumerate(columns)}
        self._names = list(places.values())
        self._by = ", ".join(places[key] for key in keys)
        #: Whether several rows of one version share their key.
        self.repeated = False
        self.added, self.removed, self.changed = self._counts() if columns else (0, 0, 0)

    @property
    def _differing(self) -> str:
        """A query of rows and how often there are more of them afterwards; negative: fewer."""
        parts = []
        for side, sign in zip(self._sides, (-1, 1), strict=True):
            chosen = (
                f"{quote(field.name)} AS c{place}" for place, field in enumerate(self._columns)
            )
            parts.append(f"SELECT {', '.join(chosen)}, {sign} AS s FROM {side.differing}")  # noqa: S608 - all quoted
        names = ", ".join(self._names)
        return (
            f"SELECT {names}, sum(s) AS n FROM ({' UNION ALL '.join(parts)}) u"  # noqa: S608
            f" GROUP BY {names} HAVING sum(s) <> 0"
        )

    def _counts(self) -> tuple[int, int, int]:
        plus = "coalesce(sum(CASE WHEN n > 0 THEN n ELSE 0 END), 0)"
        minus = "coalesce(sum(CASE WHEN n < 0 THEN -n ELSE 0 END), 0)"
        if not self.keys:
            sql = f"SELECT {plus} AS p, {minus} AS m FROM ({self._differing}) d"  # noqa: S608
            ((added, removed),) = self._asking.rows(sql)
            return int(added), int(removed), 0
        grouped = (
            f"SELECT {plus} AS p, {minus} AS m FROM ({self._differing}) d"  # noqa: S608
            f" GROUP BY {self._by}"
        )
        ((added, removed, changed, most),) = self._asking.rows(
            "SELECT count(CASE WHEN m = 0 THEN 1 END) AS a, count(CASE WHEN p = 0 THEN 1 END) AS r,"  # noqa: S608
            " count(CASE WHEN p > 0 AND m > 0 THEN 1 END) AS c,"
            f" coalesce(max(CASE WHEN p > m THEN p ELSE m END), 0) AS t FROM ({grouped}) g"
        )
        self.repeated = int(most) > 1
        return int(added), int(removed), int(changed)

    def sample(self) -> tuple[RowSample, ...]:
        """Some of each kind, in the order of their keys."""
        counts: dict[RowChange, int] = {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
        }
        if not sum(counts.values()):
            return ()
        shares = _shares(counts)
        shown = [
            f"{_shown(name, field.field_type)} AS {name}"
            for name, field in zip(self._names, self._columns, strict=True)
        ]
        order = self._by or ", ".join(
            name
            for name, field in zip(self._names, self._columns, strict=True)
            if isinstance(field.field_type, _ORDERED)
        )
        kind = "CASE WHEN n > 0 THEN 'added' ELSE 'removed' END"
        if self.keys:
            over = f"OVER (PARTITION BY {self._by})"
            kind = (
                f"CASE WHEN min(n) {over} > 0 THEN 'added'"
                f" WHEN max(n) {over} < 0 THEN 'removed' ELSE 'changed' END"
            )
        names = ", ".join(self._names)
        sort = f"ORDER BY {order}, n" if order else "ORDER BY n"
        limits = " OR ".join(
            f"kind = '{each}' AND r <= {share * (2 if each == 'changed' else 1)}"
            for each, share in shares.items()
        )
        rows = self._asking.rows(
            f"SELECT kind, n, {', '.join(shown)} FROM (SELECT {names}, n, kind,"  # noqa: S608
            f" row_number() OVER (PARTITION BY kind {sort}) AS r FROM ("
            f"SELECT {names}, n, {kind} AS kind FROM ({self._differing}) d) k) w"
            f" WHERE {limits} ORDER BY kind, r"
        )
        return tuple(_samples(rows))


def _shares(counts: Mapping[RowChange, int]) -> dict[RowChange, int]:
    """How many rows of each kind are shown: all of the few, and the rest of the many."""
    left, shares = SAMPLE, {}
    for place, (kind, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        shares[kind] = min(count, left // (len(counts) - place))
        left -= shares[kind]
    return shares


def _samples(rows: Sequence[Sequence[Any]]) -> list[RowSample]:
    found = []
    waiting: tuple[Any, ...] | None = None
    for kind, times, *cells in rows:
        values = tuple(_short(json_value(cell)) for cell in cells)
        count = abs(int(times))
        if kind == "added":
            found.append(RowSample(change=kind, before=None, after=values, times=count))
        elif kind == "removed":
            found.append(RowSample(change=kind, before=values, after=None, times=count))
        elif waiting is None:  # of a key the older row comes first
            waiting = values
        else:
            found.append(RowSample(change="changed", before=waiting, after=values))
            waiting = None
    return found


def _shown(expression: str, kind: IcebergType) -> str:
    """A value as it is sent: a long text or blob only as far as anybody would read."""
    return f"substr({expression}, 1, {_LONGEST})" if isinstance(kind, _CUT) else expression


def _short(value: Any) -> Any:
    """Lists and structures with their first parts only."""
    if isinstance(value, list) and len(value) > _LONGEST:
        return [*value[:_LONGEST], "…"]
    if isinstance(value, str) and len(value) > 2 * _LONGEST:
        return value[: 2 * _LONGEST] + "…"
    return value
