"""Columns that a frame adds to a table, and types that it widens; nothing is dropped or renamed."""

from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.update import (
    AssertCurrentSchemaId,
    AssertLastAssignedFieldId,
    TableRequirement,
    TableUpdate,
    update_table_metadata,
)
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import IcebergType

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.warehouse import frames, staging
from jupyter_orch.warehouse.snapshots import Planning


@dataclass(frozen=True)
class Evolved:
    """A table as it will be; nobody else sees it so before the commit of `updates`."""

    table: Table
    updates: tuple[TableUpdate, ...]
    #: What the plan was made on; whoever changes the columns meanwhile wins.
    requirements: tuple[TableRequirement, ...]


def plan(table: Table, files: staging.StagedFiles, name: str) -> Evolved | None:
    """The table with the frame's new columns and wider types; None when it has them already.

    Raises:
        BadInput: A new column has no type, or its name is taken (field `frame`).
    """
    if files.schema is None:
        return None
    schema = table.schema()
    present = {item.name: item.type for item in staging.arrow_schema(schema)}
    known = {column.lower(): column for column in present}
    update = UpdateSchema(Planning(table))
    changed = False
    for given in files.schema:
        if given.name in present:
            kind = present[given.name]
            if not frames.widens(given.type, kind) and frames.promotes(kind, given.type):
                update.update_column((given.name,), field_type=_iceberg(given))
                changed = True
            continue
        if given.name.lower() in known:
            raise BadInput(
                f"{name} has the column {known[given.name.lower()]!r}; {given.name!r} is the "
                "same name for SQL.",
                field="frame",
                hint="Rename the frame's column.",
            )
        if staging.without_type(given.type):
            raise BadInput(
                f"The new column {given.name!r} has no values, so that its type is unknown.",
                field="frame",
                hint=f"Give it one: frame[{given.name!r}].astype('string').",
            )
        update.add_column((given.name,), _iceberg(given))
        changed = True
    if not changed:
        return None
    updates, _ = update._commit()  # noqa: SLF001
    return Evolved(
        table=Table(
            identifier=table.name(),
            metadata=update_table_metadata(table.metadata, updates),
            metadata_location=table.metadata_location,
            io=table.io,
            catalog=table.catalog,
        ),
        updates=updates,
        requirements=(
            AssertCurrentSchemaId.model_validate(
                {"current-schema-id": table.metadata.current_schema_id}
            ),
            AssertLastAssignedFieldId.model_validate(
                {"last-assigned-field-id": table.metadata.last_column_id}
            ),
        ),
    )


def _iceberg(field: pa.Field) -> IcebergType:
    schema: Schema = _pyarrow_to_schema_without_ids(pa.schema([field]))
    return schema.fields[0].field_type
