"""Names of a statement become DuckDB views over one snapshot each.

Views are first defined over typed nothing, so that translation, which asks DuckDB for types, never
opens a data file; `materialize` then gives them their real scans.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from jupyter_orch.warehouse import metadata
from jupyter_orch.warehouse.names import Identifier
from jupyter_orch.warehouse.scan import PATH, Snapshots, snapshot_of_instant, snapshot_of_version
from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.typing import visible_ctes

if TYPE_CHECKING:
    import duckdb

    from jupyter_orch.warehouse.engine import EngineSession, Statement


@dataclass(frozen=True)
class _Read:
    identifier: Identifier
    snapshot_id: int | None


class Tables:
    """The tables that one statement reads."""

    def __init__(self, statement: "Statement") -> None:
        self.snapshots = Snapshots(statement.engine.catalog, statement.connection)
        self._connection: duckdb.DuckDBPyConnection = statement.connection
        self._catalog = statement.engine.catalog
        self._session = statement.session
        self._given = statement.given
        self._views: dict[_Read, str] = {}
        #: Whether the statement asks for the files that rows are in.
        self._paths = False

    def bind(self, tree: Node) -> None:
        """Replaces each table's name by its view.

        Raises:
            SqlError: A table, schema or snapshot does not exist.
        """
        self._paths = any(column.name == PATH for column in tree.find_all(exp.Column))
        for table in list(tree.find_all(exp.Table)):
            if not isinstance(table.this, exp.Identifier) or _is_common(table):
                continue
            if table.name not in self._given:
                self._bind(table)
        for column in tree.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)

    def materialize(self) -> None:
        """Points the views to the data; call it once, after translation."""
        for read, view in self._views.items():
            scan = self.snapshots.scan(read.identifier, read.snapshot_id, paths=self._paths)
            self._define(view, scan)

    def identifier(self, table: exp.Table) -> Identifier:
        """Schema and name of a table, with the session's defaults, in lower case."""
        return resolve(table, self._session, self._catalog.name)

    def _bind(self, table: exp.Table) -> None:
        schema, name = self.identifier(table)
        if "$" in name or schema == "information_schema":
            data = metadata.read(self._catalog, self.snapshots, (schema, name))
            view = f"__v{len(self._views)}_{id(table)}"
            self._define(view, self.snapshots.register(data))
        else:
            read = _Read((schema, name), self._snapshot(table, (schema, name)))
            if read not in self._views:
                self._views[read] = f"__v{len(self._views)}"
                shape = self.snapshots.shape(read.identifier, read.snapshot_id, paths=self._paths)
                self._define(self._views[read], shape)
            view = self._views[read]
        if not table.alias:
            alias = exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
            table.set("alias", alias)
        table.set("this", exp.to_identifier(view, quoted=True))
        for part in ("db", "catalog", "version"):
            table.set(part, None)

    def _snapshot(self, table: exp.Table, identifier: Identifier) -> int | None:
        version = table.args.get("version")
        if version is None:
            return None
        loaded = self.snapshots.table(identifier)
        sql = version.expression.sql(dialect="duckdb")
        try:
            row = self._connection.execute(f"SELECT {sql}").fetchone()
        except Exception:  # noqa: BLE001 - whatever it is, it is no constant
            raise SqlError("INVALID_ARGUMENTS", "Pointer value has to be a constant") from None
        value = row[0] if row else None
        if version.name.upper() == "TIMESTAMP":
            if not isinstance(value, datetime):
                raise SqlError("INVALID_ARGUMENTS", "FOR TIMESTAMP AS OF needs a timestamp")
            return snapshot_of_instant(loaded, value)
        if not isinstance(value, int | str):
            raise SqlError("INVALID_ARGUMENTS", "FOR VERSION AS OF needs a snapshot id or a name")
        return snapshot_of_version(loaded, value)

    def _define(self, view: str, query: str) -> None:
        self._connection.execute(f'CREATE OR REPLACE TEMP VIEW "{view}" AS {query}')


def resolve(table: exp.Table, session: "EngineSession", catalog: str) -> Identifier:
    """Schema and name of a table, with the session's defaults, in lower case.

    Raises:
        SqlError: Another catalog, or no schema to default to.
    """
    named = (table.catalog or session.catalog or catalog).lower()
    if named == "system":
        raise unsupported("The catalog system")
    if named != catalog.lower():
        raise SqlError("CATALOG_NOT_FOUND", f"Catalog '{named}' not found")
    schema = (table.db or session.schema or "").lower()
    if not schema:
        raise SqlError(
            "SCHEMA_NOT_FOUND", "Schema must be specified when session schema is not set"
        )
    return schema, table.name.lower()


def _is_common(table: exp.Table) -> bool:
    if table.db:
        return False
    name = table.name.lower()
    return any(cte.alias.lower() == name for cte in visible_ctes(table))
