"""What the catalog knows, as tables: information_schema and a table's `$snapshots` and the like.

Columns and types: https://trino.io/docs/current/connector/iceberg.html#metadata-tables
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_orch.warehouse.names import Identifier
from jupyter_orch.warehouse.scan import Snapshots, missing
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

INFORMATION_SCHEMA = "information_schema"


def read(catalog: "SqlCatalog", snapshots: Snapshots, identifier: Identifier) -> "pa.Table":
    """One of the tables, as Arrow.

    Raises:
        SqlError: There is no such table.
    """
    schema, name = identifier
    if schema == INFORMATION_SCHEMA:
        return _information(catalog, snapshots, name)
    table, _, kind = name.partition("$")
    loaded = snapshots.table((schema, table))
    makers = {
        "snapshots": _snapshots,
        "history": _history,
        "refs": _refs,
        "properties": _properties,
        "files": _files,
    }
    if kind not in makers:
        raise unsupported(f"The metadata table ${kind}")
    return makers[kind](loaded)


def schemas(catalog: "SqlCatalog") -> list[str]:
    """All schemas by name."""
    found = {".".join(namespace) for namespace in catalog.list_namespaces()}
    return sorted(found | {INFORMATION_SCHEMA})


def tables(catalog: "SqlCatalog", schema: str) -> list[str]:
    """Tables of a schema by name.

    Raises:
        SqlError: There is no such schema.
    """
    if schema == INFORMATION_SCHEMA:
        return sorted(_INFORMATION)
    if not catalog.namespace_exists(schema):
        raise missing(catalog, (schema, ""))
    return sorted(identifier[-1] for identifier in catalog.list_tables(schema))


def columns(snapshots: Snapshots, identifier: Identifier) -> list[tuple[str, str, str, str]]:
    """Name, type, extra and comment of each column, as DESCRIBE shows them."""
    schema = snapshots.table(identifier).schema()
    return [(f.name, trino_type(f.field_type), "", f.doc or "") for f in schema.fields]


def trino_type(kind: "IcebergType") -> str:
    """The Trino type of an Iceberg type."""
    from pyiceberg import types

    if isinstance(kind, types.ListType):
        return f"array({trino_type(kind.element_type)})"
    if isinstance(kind, types.MapType):
        return f"map({trino_type(kind.key_type)}, {trino_type(kind.value_type)})"
    if isinstance(kind, types.StructType):
        return f"row({', '.join(f'{f.name} {trino_type(f.field_type)}' for f in kind.fields)})"
    if isinstance(kind, types.DecimalType):
        return f"decimal({kind.precision},{kind.scale})"
    if isinstance(kind, types.FixedType):
        return "varbinary"
    return _TRINO_TYPES[str(kind)]


_TRINO_TYPES = {
    "boolean": "boolean",
    "int": "integer",
    "long": "bigint",
    "float": "real",
    "double": "double",
    "date": "date",
    "time": "time(6)",
    "timestamp": "timestamp(6)",
    "timestamptz": "timestamp(6) with time zone",
    "timestamp_ns": "timestamp(9)",
    "timestamptz_ns": "timestamp(9) with time zone",
    "string": "varchar",
    "binary": "varbinary",
    "uuid": "uuid",
}

_INFORMATION: dict[str, tuple[tuple[str, str], ...]] = {
    "schemata": (("catalog_name", "string"), ("schema_name", "string")),
    "tables": (
        ("table_catalog", "string"),
        ("table_schema", "string"),
        ("table_name", "string"),
        ("table_type", "string"),
    ),
    "columns": (
        ("table_catalog", "string"),
        ("table_schema", "string"),
        ("table_name", "string"),
        ("column_name", "string"),
        ("ordinal_position", "int64"),
        ("column_default", "string"),
        ("is_nullable", "string"),
        ("data_type", "string"),
        ("comment", "string"),
    ),
    "views": (
        ("table_catalog", "string"),
        ("table_schema", "string"),
        ("table_name", "string"),
        ("view_definition", "string"),
    ),
}


def _information(catalog: "SqlCatalog", snapshots: Snapshots, name: str) -> "pa.Table":
    if name not in _INFORMATION:
        raise SqlError(
            "TABLE_NOT_FOUND", f"Table '{catalog.name}.{INFORMATION_SCHEMA}.{name}' does not exist"
        )
    rows: list[tuple[Any, ...]] = []
    if name == "schemata":
        rows = [(catalog.name, schema) for schema in schemas(catalog)]
    elif name == "tables":
        rows = [(catalog.name, *identifier, "BASE TABLE") for identifier in _all(catalog)]
    elif name == "columns":
        for identifier in _all(catalog):
            fields = snapshots.table(identifier).schema().fields
            rows += [
                (
                    catalog.name,
                    *identifier,
                    field.name,
                    place,
                    None,
                    "NO" if field.required else "YES",
                    trino_type(field.field_type),
                    field.doc,
                )
                for place, field in enumerate(fields, 1)
            ]
    return _arrow(_INFORMATION[name], rows)


def _all(catalog: "SqlCatalog") -> Iterator[Identifier]:
    for namespace in catalog.list_namespaces():
        for identifier in catalog.list_tables(namespace):
            yield ".".join(identifier[:-1]), identifier[-1]


def _snapshots(table: "Table") -> "pa.Table":
    rows = [
        (
            _instant(snapshot.timestamp_ms),
            snapshot.snapshot_id,
            snapshot.parent_snapshot_id,
            snapshot.summary.operation.value if snapshot.summary else None,
            snapshot.manifest_list,
            list((snapshot.summary.additional_properties if snapshot.summary else {}).items()),
        )
        for snapshot in table.snapshots()
    ]
    return _arrow(
        (
            ("committed_at", "instant"),
            ("snapshot_id", "int64"),
            ("parent_id", "int64"),
            ("operation", "string"),
            ("manifest_list", "string"),
            ("summary", "map"),
        ),
        rows,
    )


def _history(table: "Table") -> "pa.Table":
    parents = {snapshot.snapshot_id: snapshot.parent_snapshot_id for snapshot in table.snapshots()}
    current, ancestors = table.metadata.current_snapshot_id, set[int]()
    while current is not None and current not in ancestors:
        ancestors.add(current)
        current = parents.get(current)
    rows = [
        (
            _instant(entry.timestamp_ms),
            entry.snapshot_id,
            parents.get(entry.snapshot_id),
            entry.snapshot_id in ancestors,
        )
        for entry in table.history()
    ]
    return _arrow(
        (
            ("made_current_at", "instant"),
            ("snapshot_id", "int64"),
            ("parent_id", "int64"),
            ("is_current_ancestor", "bool"),
        ),
        rows,
    )


def _refs(table: "Table") -> "pa.Table":
    rows = [
        (
            name,
            reference.snapshot_ref_type.value.upper(),
            reference.snapshot_id,
            reference.max_ref_age_ms,
            reference.min_snapshots_to_keep,
            reference.max_snapshot_age_ms,
        )
        for name, reference in sorted(table.metadata.refs.items())
    ]
    return _arrow(
        (
            ("name", "string"),
            ("type", "string"),
            ("snapshot_id", "int64"),
            ("max_reference_age_in_ms", "int64"),
            ("min_snapshots_to_keep", "int32"),
            ("max_snapshot_age_in_ms", "int64"),
        ),
        rows,
    )


def _properties(table: "Table") -> "pa.Table":
    return _arrow((("key", "string"), ("value", "string")), sorted(table.properties.items()))


def _files(table: "Table") -> "pa.Table":
    rows = [
        (
            int(task.file.content),
            task.file.file_path,
            task.file.file_format.value,
            task.file.record_count,
            task.file.file_size_in_bytes,
        )
        for task in table.scan().plan_files()
    ]
    return _arrow(
        (
            ("content", "int32"),
            ("file_path", "string"),
            ("file_format", "string"),
            ("record_count", "int64"),
            ("file_size_in_bytes", "int64"),
        ),
        rows,
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _arrow(shape: tuple[tuple[str, str], ...], rows: list[tuple[Any, ...]]) -> "pa.Table":
    import pyarrow as pa

    kinds = {
        "instant": pa.timestamp("us", "UTC"),
        "map": pa.map_(pa.string(), pa.string()),
        "string": pa.string(),
        "int64": pa.int64(),
        "int32": pa.int32(),
        "bool": pa.bool_(),
    }
    arrays = [
        pa.array([row[place] for row in rows], kinds[kind]) for place, (_, kind) in enumerate(shape)
    ]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in shape])
