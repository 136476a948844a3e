"""Statements that change rows: each is one Iceberg commit.

INSERT appends. DELETE, UPDATE and MERGE run in DuckDB on a copy of the table, which then replaces
its rows: plain, exact, and meant for tables that fit one host.
"""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlglot import exp

from jupyter_orch.warehouse.engine import Answer
from jupyter_orch.warehouse.locks import committing
from jupyter_orch.warehouse.scan import duck_type, quote
from jupyter_orch.warehouse.signatures import Signature
from jupyter_orch.warehouse.tables import Tables
from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.kinds import assignable, trino_name
from jupyter_orch.warehouse.translate.translator import ANONYMOUS, translate

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from jupyter_orch.warehouse.engine import Statement

_BIGINT: Signature = {"rawType": "bigint", "arguments": []}
_TARGET = "__target"


def changed(update_type: str, count: int) -> Answer:
    """What Trino answers to a change: the number of rows."""
    pages: list[list[tuple[Any, ...]]] = [[(count,)]]
    return Answer(
        columns=(("rows", _BIGINT),),
        fetch=lambda: pages.pop() if pages else [],
        update_type=update_type,
        update_count=count,
    )


def arrow(statement: "Statement", sql: str) -> "pa.Table":
    """The whole result of a DuckDB query."""
    return statement.connection.sql(sql).to_arrow_table()


def rows_of(statement: "Statement", query: Node) -> "pa.Table":
    """The rows of a query whose columns all have names."""
    tables = Tables(statement)
    tables.bind(query)
    sql = translate(query, statement.connection)
    tables.materialize()
    data = arrow(statement, sql)
    for place, name in enumerate(data.column_names):
        if name.startswith(ANONYMOUS):
            raise SqlError(
                "MISSING_COLUMN_NAME", f"Column name not specified at position {place + 1}"
            )
    return data.rename_columns([name.lower() for name in data.column_names])


def iceberg_schema(shape: "pa.Schema") -> "Schema":
    """The Iceberg schema of Arrow columns.

    Raises:
        SqlError: A type that Iceberg does not have, or two columns of one name.
    """
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import assign_fresh_schema_ids

    refused = {pa.int8(): "tinyint", pa.int16(): "smallint", pa.null(): "unknown"}
    for field in shape:
        if field.type in refused or pa.types.is_interval(field.type):
            name = refused.get(field.type, "interval")
            raise SqlError("NOT_SUPPORTED", f"Type not supported for Iceberg: {name}")
    if len(set(shape.names)) != len(shape.names):
        raise SqlError("ALREADY_EXISTS", "Two columns have the same name")
    converted = Catalog._convert_schema_if_needed(shape)  # noqa: SLF001
    return assign_fresh_schema_ids(converted)


def insert(statement: "Statement", tree: exp.Insert) -> Answer:
    """Appends the rows of a query in one commit."""
    named = [column.name.lower() for column in tree.this.expressions]
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    tables = Tables(statement)
    identifier = tables.identifier(target)
    table = tables.snapshots.table(identifier)
    columns = named or [field.name.lower() for field in table.schema().fields]
    data = _aligned(statement, tables, tree.expression, table, columns)
    statement.check()
    with committing(statement.engine.settings, ".".join(identifier)):
        if data.num_rows:
            statement.engine.catalog.load_table(identifier).append(data)
    return changed("INSERT", data.num_rows)


def _aligned(
    statement: "Statement", tables: Tables, query: Node, table: "Table", columns: list[str]
) -> "pa.Table":
    """The query's rows in the shape of the table."""
    fields = {field.name.lower(): field for field in table.schema().fields}
    for column in columns:
        if column not in fields:
            raise SqlError("COLUMN_NOT_FOUND", f"Insert column name does not exist: {column}")
    tables.bind(query)
    sql = translate(query, statement.connection)
    given = statement.connection.execute(f"DESCRIBE {sql}").fetchall()
    if len(given) != len(columns):
        raise SqlError(
            "TYPE_MISMATCH",
            f"Insert query has {len(given)} columns but table expects {len(columns)}",
        )
    for column, (_, kind, *_rest) in zip(columns, given, strict=True):
        wanted = duck_type(fields[column].field_type)
        if not assignable(kind, wanted):
            raise SqlError(
                "TYPE_MISMATCH",
                f"Insert query has mismatched column types: column '{column}' is "
                f"{trino_name(wanted)} and the query gives {trino_name(kind)}",
            )
    tables.materialize()
    places = {column: f"c{place}" for place, column in enumerate(columns)}
    values = (
        f"CAST({places.get(name, 'NULL')} AS {duck_type(field.field_type)}) AS {quote(field.name)}"
        for name, field in fields.items()
    )
    aliases = ", ".join(places.values())
    aligned = f"SELECT {', '.join(values)} FROM ({sql}) AS s({aliases})"  # noqa: S608 - all quoted
    return _shaped(arrow(statement, aligned), table)


def _shaped(data: "pa.Table", table: "Table") -> "pa.Table":
    """The rows with the table's own Arrow types.

    Raises:
        SqlError: CONSTRAINT_VIOLATION for a NULL in a required column.
    """
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    for field in table.schema().fields:
        if field.required and data.column(field.name).null_count:
            raise SqlError(
                "CONSTRAINT_VIOLATION", f"NULL value not allowed for NOT NULL column: {field.name}"
            )
    return data.cast(schema_to_pyarrow(table.schema(), include_field_ids=False))


def truncate(statement: "Statement", tree: exp.TruncateTable) -> Answer:
    """Removes all rows in one commit."""
    identifier = Tables(statement).identifier(tree.expressions[0])
    with committing(statement.engine.settings, ".".join(identifier)):
        return _empty(statement, Tables(statement).snapshots.table(identifier), "TRUNCATE TABLE")


def rewrite(statement: "Statement", tree: exp.Delete | exp.Update | exp.Merge) -> Answer:
    """DELETE, UPDATE and MERGE: the table's rows change in one commit."""
    name = type(tree).__name__.upper()
    target = tree.this
    if not isinstance(target, exp.Table):
        raise unsupported(f"This form of {name}")
    tables = Tables(statement)
    identifier = tables.identifier(target)
    tables.snapshots.table(identifier)
    with committing(statement.engine.settings, ".".join(identifier)):
        tables = Tables(statement)  # what is read is what is replaced
        if isinstance(tree, exp.Delete) and tree.args.get("where") is None:
            return _empty(statement, tables.snapshots.table(identifier), name)
        table = tables.snapshots.table(identifier)
        sql, scan = _on_copy(statement, tables, tree, target)
        statement.connection.execute(f"CREATE TEMP TABLE {_TARGET} AS {scan}")
        row = statement.connection.execute(sql).fetchone()
        count = int(row[0]) if row else 0
        if count:
            data = _shaped(arrow(statement, f"SELECT * FROM {_TARGET}"), table)  # noqa: S608
            statement.check()
            _replace(table, data, name, count)
    return changed(name, count)


def _replace(table: "Table", data: "pa.Table", name: str, count: int) -> None:
    """One version with these rows alone; pyiceberg's own writer would put an empty one before it.

    Args:
        table: As it was read.
        data: All rows that it has from now on.
        name: The statement's first word.
        count: Rows that it changed.
    """
    from jupyter_orch.warehouse import publish, snapshots
    from jupyter_orch.warehouse.slices import Slice

    change = snapshots.Change(
        mode="replace",
        part=Slice({}, {}),
        keys=(),
        key_rows=None,
        files=snapshots.write(table, [data], uuid4()),
        rows=data.num_rows,
    )
    noted = {"orch.operation": name.lower(), "orch.rows": str(count)}
    updates, head = snapshots.build(table, change, noted)
    publish.move_main(table, updates, head)


def _on_copy(
    statement: "Statement", tables: Tables, tree: Node, target: exp.Table
) -> tuple[str, str]:
    """The statement for the copy, and the scan that fills it."""
    identifier = tables.identifier(target)
    shape = tables.snapshots.shape(identifier, None)
    statement.connection.execute(f"CREATE TEMP VIEW {_TARGET} AS {shape}")
    placeholder = target.copy()
    target.replace(exp.Placeholder(this=_TARGET))
    tables.bind(tree)
    alias = placeholder.args.get("alias") or exp.TableAlias(
        this=exp.to_identifier(placeholder.name, quoted=True)
    )
    tree.set("this", exp.Table(this=exp.to_identifier(_TARGET), alias=alias))
    sql = translate(tree, statement.connection)
    tables.materialize()
    statement.connection.execute(f"DROP VIEW {_TARGET}")
    return sql, tables.snapshots.scan(identifier, None)


def _empty(statement: "Statement", table: "Table", name: str) -> Answer:
    count = table.scan().count()
    statement.check()
    table.delete()
    return changed(name, count)
