"""Compares two versions of a table, in the engine that answers queries."""

from collections.abc import Callable, Mapping, Sequence

from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import (
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
)

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.versions import ColumnChange, ColumnComparison, ColumnFacts, TableDiff
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import check_results, versions
from jupyter_orch.warehouse.ask import Asking
from jupyter_orch.warehouse.differing import NUMBERS, ORDERED, Rows, Side, as_sent
from jupyter_orch.warehouse.preview import json_value, type_name
from jupyter_orch.warehouse.scan import quote, read_by_name

#: Different values are counted up to so many rows.
_DISTINCT_ROWS = 1_000_000
_MOST_COLUMNS = 200  # that facts are gathered of
#: More files than that are not named in a query: all rows are read instead.
_MOST_FILES = 1000

#: Types that widened into another one: their values are still the same.
_WIDER = {(IntegerType, LongType), (FloatType, DoubleType), (DecimalType, DecimalType)}


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
        Side(name, snapshot.snapshot_id, _schema(table, snapshot.schema_id), told.total_rows, own)
        for snapshot, told, own in zip((old, new), described, files, strict=True)
    )
    columns = _common(sides[0].schema, sides[1].schema)
    wanted, given = _keys(keys, _noted(described[1]) or _noted(described[0]), columns)
    with Asking(settings, gone) as asking:
        facts = [_facts(asking, side, columns) for side in sides]
        rows = Rows(asking, sides, columns, wanted)
        if wanted and rows.repeated:
            if given:
                raise BadInput(
                    f"The keys {', '.join(wanted)} do not tell rows apart: some rows share them.",
                    field="keys",
                    hint="Name more columns, or none to compare whole rows.",
                )
            rows = Rows(asking, sides, columns, ())
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
    usable = {field.name for field in columns if isinstance(field.field_type, ORDERED)}
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
    asking: Asking, side: Side, columns: Sequence[NestedField]
) -> tuple[int, Mapping[str, ColumnFacts]]:
    """Rows, and what each column holds."""
    shown = columns[:_MOST_COLUMNS]
    cheap = side.rows is not None and side.rows <= _DISTINCT_ROWS
    wanted = ["count(*)"]
    for field in shown:
        column = quote(field.name)
        ordered = isinstance(field.field_type, ORDERED)
        number = isinstance(field.field_type, NUMBERS)
        wanted += [
            f"count({column})",
            f"count(DISTINCT {column})" if cheap and ordered else "NULL",
            as_sent(f"min({column})", field.field_type) if ordered else "NULL",
            as_sent(f"max({column})", field.field_type) if ordered else "NULL",
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
