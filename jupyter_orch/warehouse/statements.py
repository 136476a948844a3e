"""Statements that define schemas and tables, executed from the syntax tree through the catalog.

DuckDB never sees them: its text would lose partitioning, comments and the catalog itself. Every
commit is made under the table's lock.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlglot import exp

from jupyter_orch.warehouse import changes
from jupyter_orch.warehouse.changes import changed, iceberg_schema, rows_of
from jupyter_orch.warehouse.engine import Answer
from jupyter_orch.warehouse.locks import committing
from jupyter_orch.warehouse.names import Identifier, identify
from jupyter_orch.warehouse.scan import missing
from jupyter_orch.warehouse.signatures import Signature
from jupyter_orch.warehouse.tables import resolve
from jupyter_orch.warehouse.translate import plain
from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import Transform

    from jupyter_orch.warehouse.engine import Statement

_BOOLEAN: Signature = {"rawType": "boolean", "arguments": []}
_PARTITION = re.compile(r"\s*(?:(\w+)\s*\(\s*\"?(\w+)\"?\s*(?:,\s*(\d+)\s*)?\)|\"?(\w+)\"?)\s*")


def run(statement: "Statement", tree: Node) -> Answer:
    """Executes a statement that changes schemas, tables or rows.

    Raises:
        SqlError: It failed, and nothing was changed; or it is not supported.
    """
    kind = (tree.args.get("kind") or "").upper()
    action = _ACTIONS.get((type(tree), kind)) or _ACTIONS.get((type(tree), ""))
    if action is None:
        name = f"{type(tree).__name__} {kind}".strip().upper()
        raise unsupported(f"The statement {name}")
    return action(statement, tree)


def _done(update_type: str) -> Answer:
    """What Trino answers to a definition: one row that says true."""
    pages: list[list[tuple[Any, ...]]] = [[(True,)]]
    return Answer(
        columns=(("result", _BOOLEAN),),
        fetch=lambda: pages.pop() if pages else [],
        update_type=update_type,
    )


# ------------------------------------------------------------------ schemas


def _schema_name(statement: "Statement", tree: Node) -> str:
    table = tree.this if isinstance(tree, exp.Create) else tree.args["tables"][0]
    catalog = statement.engine.catalog.name
    if table.catalog and table.catalog.lower() != catalog.lower():
        raise SqlError("CATALOG_NOT_FOUND", f"Catalog '{table.catalog}' not found")
    return identify(f"{table.db}.x", statement.engine.settings.warehouse)[0]


def _create_schema(statement: "Statement", tree: exp.Create) -> Answer:
    from pyiceberg.exceptions import NamespaceAlreadyExistsError

    name = _schema_name(statement, tree)
    if tree.args.get("properties"):
        raise unsupported("A property of a schema")
    try:
        statement.engine.catalog.create_namespace(name)
    except NamespaceAlreadyExistsError:
        if not tree.args.get("exists"):
            raise SqlError("SCHEMA_ALREADY_EXISTS", f"Schema '{name}' already exists") from None
    return _done("CREATE SCHEMA")


def _drop_schema(statement: "Statement", tree: exp.Drop) -> Answer:
    from pyiceberg.exceptions import NamespaceNotEmptyError, NoSuchNamespaceError

    name = _schema_name(statement, tree)
    if tree.args.get("cascade"):
        raise unsupported("DROP SCHEMA … CASCADE")
    try:
        statement.engine.catalog.drop_namespace(name)
    except NamespaceNotEmptyError:
        raise SqlError("SCHEMA_NOT_EMPTY", f"Cannot drop non-empty schema '{name}'") from None
    except NoSuchNamespaceError:
        if not tree.args.get("exists"):
            raise SqlError("SCHEMA_NOT_FOUND", f"Schema '{name}' does not exist") from None
    return _done("DROP SCHEMA")


# ------------------------------------------------------------------ tables


def _create_table(statement: "Statement", tree: exp.Create) -> Answer:
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    identifier = _new_name(statement, target)
    catalog = statement.engine.catalog
    exists = catalog.table_exists(identifier)
    if exists and tree.args.get("exists"):
        return changed("CREATE TABLE", 0) if tree.expression else _done("CREATE TABLE")
    if exists and tree.args.get("replace"):
        raise unsupported("CREATE OR REPLACE of a table that exists")
    if exists:
        raise _taken(identifier)
    if tree.expression:
        return _create_as(statement, tree, identifier)
    schema = iceberg_schema(_shape(statement, tree))
    with committing(statement.engine.settings, ".".join(identifier)):
        _create(statement, identifier, schema, tree, None)
    return _done("CREATE TABLE")


def _create_as(statement: "Statement", tree: exp.Create, identifier: Identifier) -> Answer:
    data = rows_of(statement, tree.expression)
    if isinstance(tree.this, exp.Schema):
        data = data.rename_columns([_column_name(item) for item in tree.this.expressions])
    with_data = tree.find(exp.WithDataProperty)
    if with_data is not None and with_data.args.get("no"):
        data = data.slice(0, 0)
    schema = iceberg_schema(data.schema)
    statement.check()
    with committing(statement.engine.settings, ".".join(identifier)):
        _create(statement, identifier, schema, tree, data)
    return changed("CREATE TABLE", data.num_rows)


def _column_name(item: Node) -> str:
    return item.name.lower()


def _create(
    statement: "Statement",
    identifier: Identifier,
    schema: "Schema",
    tree: exp.Create,
    data: "pa.Table | None",
) -> None:
    from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    location = statement.engine.settings.warehouse.location
    folder = f"{location}/{identifier[0]}/{identifier[1]}-{uuid4().hex}"
    spec, properties = _properties(tree, schema)
    try:
        with statement.engine.catalog.create_table_transaction(
            identifier, schema, location=folder, partition_spec=spec, properties=properties
        ) as transaction:
            if data is not None and data.num_rows:
                transaction.append(data.cast(schema_to_pyarrow(schema, include_field_ids=False)))
    except (TableAlreadyExistsError, CommitFailedException):
        raise _taken(identifier) from None


def _taken(identifier: Identifier) -> SqlError:
    return SqlError("TABLE_ALREADY_EXISTS", f"Table '{'.'.join(identifier)}' already exists")


def _new_name(statement: "Statement", target: exp.Table) -> Identifier:
    catalog = statement.engine.catalog
    named = resolve(target, statement.session, catalog.name)
    identifier = identify(".".join(named), statement.engine.settings.warehouse)
    if not catalog.namespace_exists(identifier[0]):
        raise missing(catalog, identifier)
    return identifier


def _shape(statement: "Statement", tree: exp.Create) -> "pa.Schema":
    """The columns as Arrow sees what DuckDB would answer for them."""
    import pyarrow as pa

    definitions = tree.this.expressions
    if not definitions or not all(isinstance(item, exp.ColumnDef) for item in definitions):
        raise unsupported("CREATE TABLE with something else than columns")
    empty = exp.select(
        *(
            exp.alias_(
                exp.Cast(this=exp.Null(), to=item.kind.copy()), item.name.lower(), quoted=True
            )
            for item in definitions
        )
    )
    shape = changes.arrow(statement, plain.rewrite(empty).sql(dialect="duckdb")).schema
    fields = []
    for field, item in zip(shape, definitions, strict=True):
        kinds = [constraint.kind for constraint in item.args.get("constraints") or ()]
        required = any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds)
        fields.append(field.with_nullable(not required))
    return pa.schema(fields)


def _properties(tree: exp.Create, schema: "Schema") -> "tuple[PartitionSpec, dict[str, str]]":
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC

    spec, properties = UNPARTITIONED_PARTITION_SPEC, dict[str, str]()
    given = tree.args.get("properties")
    for item in given.expressions if given else ():
        if isinstance(item, exp.SchemaCommentProperty):
            properties["comment"] = item.name
        elif isinstance(item, exp.FileFormatProperty):
            if item.name.upper() != "PARQUET":
                raise unsupported(f"The file format {item.name}")
        elif isinstance(item, exp.Property) and item.name.lower() == "partitioning":
            spec = _partitioning([part.name for part in item.args["value"].expressions], schema)
        elif not isinstance(item, exp.WithDataProperty):
            raise unsupported(f"The table property {item.name.lower() or type(item).__name__}")
    return spec, properties


def _partitioning(parts: list[str], schema: "Schema") -> "PartitionSpec":
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec

    fields = []
    for place, part in enumerate(parts):
        found = _PARTITION.fullmatch(part)
        if found is None:
            raise SqlError("INVALID_TABLE_PROPERTY", f"Unable to parse partitioning value: {part}")
        function, inner, width, column = found.groups()
        name = (inner or column).lower()
        try:
            source = schema.find_field(name).field_id
        except ValueError:
            raise SqlError("COLUMN_NOT_FOUND", f"Column '{name}' does not exist") from None
        suffix = {"bucket": "_bucket", "truncate": "_trunc"}.get(
            (function or "").lower(), f"_{function}" if function else ""
        )
        fields.append(
            PartitionField(
                source_id=source,
                field_id=PARTITION_FIELD_ID_START + place,
                transform=_transform(part, function, width),
                name=f"{name}{suffix.lower()}",
            )
        )
    return PartitionSpec(*fields)


def _transform(part: str, function: str | None, width: str | None) -> "Transform[Any, Any]":
    from pyiceberg import transforms

    simple: dict[str, Callable[[], Transform[Any, Any]]] = {
        "": transforms.IdentityTransform,
        "year": transforms.YearTransform,
        "month": transforms.MonthTransform,
        "day": transforms.DayTransform,
        "hour": transforms.HourTransform,
    }
    name = (function or "").lower()
    if name in simple and width is None:
        return simple[name]()
    if name == "bucket" and width:
        return transforms.BucketTransform(int(width))
    if name == "truncate" and width:
        return transforms.TruncateTransform(int(width))
    raise SqlError("INVALID_TABLE_PROPERTY", f"Unable to parse partitioning value: {part}")


def _drop_table(statement: "Statement", tree: exp.Drop) -> Answer:
    from pyiceberg.exceptions import NoSuchTableError

    catalog = statement.engine.catalog
    identifier = resolve(tree.args["tables"][0], statement.session, catalog.name)
    try:
        with committing(statement.engine.settings, ".".join(identifier)):
            catalog.purge_table(identifier)
    except NoSuchTableError:
        if not tree.args.get("exists"):
            raise missing(catalog, identifier) from None
    return _done("DROP TABLE")


def _alter_table(statement: "Statement", tree: exp.Alter) -> Answer:
    from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

    catalog = statement.engine.catalog
    identifier = resolve(tree.this, statement.session, catalog.name)
    (action,) = tree.args["actions"]
    try:
        with committing(statement.engine.settings, ".".join(identifier)):
            if isinstance(action, exp.AlterRename):
                target = _new_name(statement, action.this)
                catalog.rename_table(identifier, target)
                return _done("RENAME TABLE")
            return _alter_columns(statement, identifier, action)
    except NoSuchTableError:
        raise missing(catalog, identifier) from None
    except TableAlreadyExistsError:
        raise _taken(identifier) from None


def _alter_columns(statement: "Statement", identifier: Identifier, action: Node) -> Answer:
    table = statement.engine.catalog.load_table(identifier)
    names = {name.lower() for name in table.schema().column_names}
    if isinstance(action, exp.ColumnDef):
        return _add_column(statement, table, names, action)
    if isinstance(action, exp.RenameColumn):
        old, new = action.this.name.lower(), action.args["to"].name.lower()
        _require(old, names)
        with table.update_schema() as update:
            update.rename_column(old, new)
        return _done("RENAME COLUMN")
    if isinstance(action, exp.Drop) and (action.args.get("kind") or "").upper() == "COLUMN":
        old = action.args["tables"][0].name.lower()
        _require(old, names)
        with table.update_schema() as update:
            update.delete_column(old)
        return _done("DROP COLUMN")
    raise unsupported("This ALTER TABLE")


def _add_column(
    statement: "Statement", table: Any, names: set[str], action: exp.ColumnDef
) -> Answer:
    name = action.name.lower()
    if name in names:
        if action.args.get("exists"):
            return _done("ADD COLUMN")
        raise SqlError("ALREADY_EXISTS", f"Column '{name}' already exists")
    if action.kind is None:
        raise unsupported("ADD COLUMN without a type")
    value = exp.alias_(exp.Cast(this=exp.Null(), to=action.kind.copy()), name, quoted=True)
    shape = changes.arrow(statement, plain.rewrite(exp.select(value)).sql(dialect="duckdb")).schema
    with table.update_schema() as update:
        update.add_column(name, iceberg_schema(shape).fields[0].field_type)
    return _done("ADD COLUMN")


def _require(name: str, names: set[str]) -> None:
    if name not in names:
        raise SqlError("COLUMN_NOT_FOUND", f"Column '{name}' does not exist")


_Action = Callable[["Statement", Any], Answer]

_ACTIONS: dict[tuple[type[Node], str], _Action] = {
    (exp.Create, "SCHEMA"): _create_schema,
    (exp.Create, "TABLE"): _create_table,
    (exp.Drop, "SCHEMA"): _drop_schema,
    (exp.Drop, "TABLE"): _drop_table,
    (exp.Alter, "TABLE"): _alter_table,
    (exp.Insert, ""): changes.insert,
    (exp.Delete, ""): changes.rewrite,
    (exp.Update, ""): changes.rewrite,
    (exp.Merge, ""): changes.rewrite,
    (exp.TruncateTable, ""): changes.truncate,
}
