"""Where the catalog's tables stand, without reading what they are made of."""

from collections.abc import Iterable

import sqlalchemy as sa
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.warehouse import publish
from jupyter_orch.warehouse.names import HIDDEN_SCHEMAS, Identifier


def heads(catalog: Catalog, only: Iterable[Identifier] = ()) -> dict[str, str]:
    """The place of each table's current metadata, by name; it changes with every commit.

    Args:
        catalog: Is asked.
        only: These tables; none: all of them.

    Raises:
        Unavailable: The catalog does not answer.
    """
    wanted = list(only)
    if not isinstance(catalog, SqlCatalog):
        listed = publish.list_tables(catalog)
        found = wanted or [each for each in listed if each[0] not in HIDDEN_SCHEMAS]
        loaded = ((each, publish.load(catalog, each)) for each in found)
        return {".".join(each): table.metadata_location for each, table in loaded if table}
    statement = sa.select(
        IcebergTables.table_namespace, IcebergTables.table_name, IcebergTables.metadata_location
    ).where(
        IcebergTables.catalog_name == catalog.name,
        IcebergTables.table_namespace.not_in(HIDDEN_SCHEMAS),
        IcebergTables.metadata_location.is_not(None),
    )
    if wanted:
        names = sa.tuple_(IcebergTables.table_namespace, IcebergTables.table_name)
        statement = statement.where(names.in_(wanted))
    if (tables := catalog._iceberg_type_filter()) is not None:  # noqa: SLF001 - views are beside them
        statement = statement.where(tables)
    try:
        with catalog.engine.connect() as connection:
            rows = connection.execute(statement).all()
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The warehouse does not answer: {str(error).splitlines()[0].rstrip('.')}.",
            hint="Check warehouse.location and warehouse.catalog_uri.",
        ) from error
    return {f"{schema}.{name}": location for schema, name, location in rows if location}
