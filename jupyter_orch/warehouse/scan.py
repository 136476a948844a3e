"""Iceberg snapshots as DuckDB scans: pyiceberg plans the files, DuckDB's Parquet reader reads.

One `Snapshots` serves one statement: every table it names is loaded once, so that the whole
statement reads one state of it.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from jupyter_orch.warehouse.names import Identifier, is_remote
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported

if TYPE_CHECKING:
    import duckdb
    from pyiceberg.catalog import Catalog
    from pyiceberg.io.pyarrow import PyArrowFileIO
    from pyiceberg.schema import Schema
    from pyiceberg.table import DataScan, FileScanTask, Table
    from pyiceberg.types import IcebergType

_DUCK_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz_ns": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "uuid": "UUID",
    "unknown": "INTEGER",
}

#: Trino's hidden column: the data file that a row is in.
PATH = "$path"

#: A column's values are those in the file; the words in its folder's name are escaped.
_AS_WRITTEN = "hive_partitioning = false"


class Snapshots:
    """The tables of one statement, each at one snapshot."""

    def __init__(self, catalog: "Catalog", connection: "duckdb.DuckDBPyConnection") -> None:
        self._catalog = catalog
        self._connection = connection
        self._tables: dict[Identifier, Table] = {}
        self._registered = 0

    def table(self, identifier: Identifier) -> "Table":
        """The table as this statement sees it.

        Raises:
            SqlError: There is no such table or schema.
        """
        from pyiceberg.exceptions import NoSuchTableError

        if identifier not in self._tables:
            try:
                self._tables[identifier] = self._catalog.load_table(identifier)
            except NoSuchTableError:
                raise missing(self._catalog, identifier) from None
        return self._tables[identifier]

    def shape(self, identifier: Identifier, snapshot_id: int | None, *, paths: bool = False) -> str:
        """A DuckDB query of the same columns without rows; it opens no file."""
        table = self.table(identifier)
        scan = table.scan(snapshot_id=snapshot_id) if snapshot_id else table.scan()
        return _nothing(scan.projection(), paths=paths)

    def scan(self, identifier: Identifier, snapshot_id: int | None, *, paths: bool = False) -> str:
        """A DuckDB query that answers all rows of the table, of a snapshot or the current one.

        With `paths` each row names its file, for which the files must be read as they are.
        """
        table = self.table(identifier)
        scan = table.scan(snapshot_id=snapshot_id) if snapshot_id else table.scan()
        schema = scan.projection()
        tasks = list(scan.plan_files())
        if not tasks:
            return _nothing(schema, paths=paths)
        if paths:
            remote = any(is_remote(task.file.file_path) for task in tasks)
            if remote or any(task.delete_files for task in tasks) or not read_by_name(table):
                raise unsupported(
                    f'"{PATH}" of a table in S3, with deletes or with changed columns'
                )
            return _read(tasks, [(f.name, f.name, f.field_type) for f in schema.fields], paths=True)
        if any(task.delete_files for task in tasks):
            return self.register(scan.to_arrow())
        if any(is_remote(task.file.file_path) for task in tasks):
            return self._read_remote(table, scan, tasks)
        if read_by_name(table):
            return _read(tasks, [(f.name, f.name, f.field_type) for f in schema.fields])
        evolved = _evolved(table, schema, tasks)
        return evolved or self.register(scan.to_arrow())

    def _read_remote(self, table: "Table", scan: "DataScan", tasks: "list[FileScanTask]") -> str:
        """Files in a bucket by Arrow's reader, which takes DuckDB's filters and columns."""
        import pyarrow.dataset as ds

        if not read_by_name(table) or not all(is_remote(task.file.file_path) for task in tasks):
            return self.register(scan.to_arrow())
        io = cast("PyArrowFileIO", table.io)
        paths, systems = [], set()
        for task in tasks:
            kind, bucket, path = io.parse_location(task.file.file_path)
            systems.add((kind, bucket))
            paths.append(path)
        data = ds.dataset(paths, filesystem=io.fs_by_scheme(*min(systems)), format="parquet")
        columns = [(f.name, f.name, f.field_type) for f in scan.projection().fields]
        return f"SELECT {_chosen(columns)} FROM ({self.register(data)})"  # noqa: S608 - quoted

    def register(self, data: Any) -> str:
        """A DuckDB query over an Arrow table."""
        self._registered += 1
        name = f"__arrow_{self._registered}"
        self._connection.register(name, data)
        return f"SELECT * FROM {name}"  # noqa: S608 - the name is ours


def read_by_name(table: "Table") -> bool:
    """Whether each column has its own name in every file of the table.

    Names that Avro would not take stand in files in another spelling.
    """
    from pyiceberg.schema import make_compatible_name

    names = table.schema().column_names
    return len(table.metadata.schemas) == 1 and all(
        make_compatible_name(part) == part for name in names for part in name.split(".")
    )


def missing(catalog: "Catalog", identifier: Identifier) -> SqlError:
    """Says which part of a table's name does not exist."""
    schema, name = identifier
    if not catalog.namespace_exists(schema):
        return SqlError("SCHEMA_NOT_FOUND", f"Schema '{schema}' does not exist")
    return SqlError("TABLE_NOT_FOUND", f"Table '{catalog.name}.{schema}.{name}' does not exist")


def snapshot_of_version(table: "Table", version: int | str) -> int:
    """The snapshot of `FOR VERSION AS OF`: a snapshot id, or the name of a tag or branch."""
    if isinstance(version, str):
        reference = table.metadata.refs.get(version)
        if reference is None:
            raise SqlError("INVALID_ARGUMENTS", f"Cannot find snapshot with reference: {version}")
        return reference.snapshot_id
    if table.snapshot_by_id(version) is None:
        raise SqlError("INVALID_ARGUMENTS", f"Iceberg snapshot ID does not exist: {version}")
    return version


def snapshot_of_instant(table: "Table", instant: datetime) -> int:
    """The snapshot of `FOR TIMESTAMP AS OF`: what was current then."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    snapshot = table.snapshot_as_of_timestamp(int(aware.timestamp() * 1000))
    if snapshot is None:
        raise SqlError(
            "INVALID_ARGUMENTS", f"No version history table has data at or before {aware:%F %T}"
        )
    return snapshot.snapshot_id


def duck_type(kind: "IcebergType") -> str:
    """The DuckDB type of an Iceberg type."""
    from pyiceberg import types

    if isinstance(kind, types.DecimalType):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if isinstance(kind, types.ListType):
        return f"{duck_type(kind.element_type)}[]"
    if isinstance(kind, types.MapType):
        return f"MAP({duck_type(kind.key_type)},{duck_type(kind.value_type)})"
    if isinstance(kind, types.StructType):
        fields = (f"{quote(field.name)} {duck_type(field.field_type)}" for field in kind.fields)
        return f"STRUCT({', '.join(fields)})"
    if isinstance(kind, types.FixedType):
        return "BLOB"
    return _DUCK_TYPES[str(kind)]


def quote(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text literal."""
    return "'" + text.replace("'", "''") + "'"


def _nothing(schema: "Schema", *, paths: bool = False) -> str:
    columns = [f"CAST(NULL AS {duck_type(f.field_type)}) AS {quote(f.name)}" for f in schema.fields]
    if paths:
        columns.append(f"CAST(NULL AS VARCHAR) AS {quote(PATH)}")
    return f"SELECT {', '.join(columns)} WHERE false"


def _read(
    tasks: "list[FileScanTask]",
    columns: "list[tuple[str | None, str, IcebergType]]",
    *,
    paths: bool = False,
) -> str:
    """Reads files alike: each column by its name in them, or NULL where they lack it.

    No field-id map is given to the reader: it would hide the files' statistics from the planner.
    """
    chosen = _chosen(columns)
    if paths:  # as the catalog has them; the reader skips files by it
        inside = tasks[0].file.file_path.removesuffix(_path(tasks[0]))
        chosen += f", concat({literal(inside)}, filename) AS {quote(PATH)}"
    files = ", ".join(literal(_path(task)) for task in tasks)
    return f"SELECT {chosen} FROM read_parquet([{files}], {_AS_WRITTEN})"  # noqa: S608 - all quoted


def _chosen(columns: "Sequence[tuple[str | None, str, IcebergType]]") -> str:
    chosen = []
    for inside, name, kind in columns:
        source = quote(inside) if inside is not None else "NULL"
        simple = kind.is_primitive or inside is None
        value = f"CAST({source} AS {duck_type(kind)})" if simple else source
        chosen.append(f"{value} AS {quote(name)}")
    return ", ".join(chosen)


def _path(task: "FileScanTask") -> str:
    return re.sub(r"^file:(//)?(?=/)", "", task.file.file_path)


def _evolved(table: "Table", schema: "Schema", tasks: "list[FileScanTask]") -> str | None:
    """Reads files of several schemas by their field ids; None when they do not tell them."""
    if not all(field.field_type.is_primitive for field in schema.fields):
        return None
    groups: dict[tuple[tuple[int, str], ...], list[FileScanTask]] = defaultdict(list)
    for task in tasks:
        names = _names_by_id(table, task)
        if names is None:
            return None
        groups[names].append(task)
    parts = []
    for names, members in groups.items():
        inside = dict(names)
        columns = [(inside.get(f.field_id), f.name, f.field_type) for f in schema.fields]
        absent = [field for field in schema.fields if field.field_id not in inside]
        if any(field.initial_default is not None for field in absent):
            return None
        parts.append(_read(members, columns))
    return " UNION ALL ".join(parts)


def _names_by_id(table: "Table", task: "FileScanTask") -> tuple[tuple[int, str], ...] | None:
    import pyarrow.parquet as pq

    with table.io.new_input(task.file.file_path).open() as file:
        fields = pq.read_schema(file)
    names = []
    for field in fields:
        number = (field.metadata or {}).get(b"PARQUET:field_id")
        if number is None:
            return None
        names.append((int(number), field.name))
    return tuple(names)
