"""Which kind of statement it is, and who answers it."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from jupyter_orch.warehouse import metadata, statements
from jupyter_orch.warehouse.engine import PAGE_ROWS, Answer
from jupyter_orch.warehouse.signatures import Signature, signature
from jupyter_orch.warehouse.tables import Tables, resolve
from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.parse import bind, parse, values
from jupyter_orch.warehouse.translate.translator import ANONYMOUS, translate

if TYPE_CHECKING:
    from jupyter_orch.warehouse.engine import Statement

_VARCHAR: Signature = {"rawType": "varchar", "arguments": [{"kind": "LONG", "value": 2147483647}]}
_MONTHS = ("MONTH", "YEAR", "QUARTER")
_NAME = r'("(?:[^"]|"")+"|[\w]+)'
_TEXT = r"'((?:[^']|'')*)'"


def answer(statement: "Statement") -> Answer:
    """Runs the statement up to its first rows.

    Raises:
        SqlError: It cannot be run, or failed.
    """
    sql = statement.sql.strip().rstrip(";").strip()
    for pattern, command in _COMMANDS:
        found = pattern.fullmatch(sql)
        if found:
            return command(statement, *found.groups())
    return _tree(statement, parse(sql))


def query(statement: "Statement", tree: Node) -> Answer:
    """A query's rows, page by page."""
    tables = Tables(statement)
    tables.bind(tree)
    months = any(item.text("unit").upper() in _MONTHS for item in tree.find_all(exp.Interval))
    sql = translate(tree, statement.connection)
    tables.materialize()
    statement.check()
    result = statement.connection.execute(sql)
    columns = tuple(
        (f"_col{place}" if name.startswith(ANONYMOUS) else name, signature(kind))
        for place, (name, kind, *_) in enumerate(result.description or ())
    )
    if months and any(of["rawType"].startswith("interval") for _, of in columns):
        raise unsupported("An interval of months as a result")
    return Answer(columns=columns, fetch=lambda: result.fetchmany(PAGE_ROWS))


def _tree(statement: "Statement", tree: Node) -> Answer:
    if isinstance(tree, exp.Query | exp.Values):
        return query(statement, tree)
    if isinstance(tree, exp.Use):
        return _use(statement, tree)
    if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table):
        return _columns(statement, tree.this)
    return statements.run(statement, tree)


def _use(statement: "Statement", tree: exp.Use) -> Answer:
    target = tree.this
    catalog, schema = (target.db or None), target.name.lower()
    if catalog is not None and catalog.lower() != statement.engine.catalog.name.lower():
        raise SqlError("CATALOG_NOT_FOUND", f"Catalog '{catalog}' not found")
    metadata.tables(statement.engine.catalog, schema)
    return Answer(update_type="USE", set_catalog=catalog, set_schema=schema)


# ------------------------------------------------------------------ SHOW, DESCRIBE, EXPLAIN


def _rows(names: Iterable[str], rows: list[tuple[Any, ...]]) -> Answer:
    pages = [rows]
    return Answer(
        columns=tuple((name, _VARCHAR) for name in names),
        fetch=lambda: pages.pop() if pages else [],
    )


def _like(rows: list[str], pattern: str | None) -> list[tuple[Any, ...]]:
    if pattern is not None:
        text = pattern.replace("''", "'")
        wild = {"%": ".*", "_": "."}
        matcher = re.compile("".join(wild.get(c) or re.escape(c) for c in text), re.DOTALL)
        rows = [row for row in rows if matcher.fullmatch(row)]
    return [(row,) for row in rows]


def _show_catalogs(statement: "Statement", like: str | None) -> Answer:
    return _rows(["Catalog"], _like([statement.engine.catalog.name], like))


def _show_schemas(statement: "Statement", catalog: str | None, like: str | None) -> Answer:
    _own(statement, catalog)
    return _rows(["Schema"], _like(metadata.schemas(statement.engine.catalog), like))


def _show_tables(
    statement: "Statement", catalog: str | None, schema: str | None, like: str | None
) -> Answer:
    _own(statement, catalog.rstrip(".") if catalog else None)
    chosen = _bare(schema) if schema else (statement.session.schema or "")
    return _rows(["Table"], _like(metadata.tables(statement.engine.catalog, chosen.lower()), like))


def _own(statement: "Statement", catalog: str | None) -> None:
    name = statement.engine.catalog.name
    if catalog is not None and _bare(catalog).lower() != name.lower():
        raise SqlError("CATALOG_NOT_FOUND", f"Catalog '{_bare(catalog)}' not found")


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _show_columns(statement: "Statement", table: str) -> Answer:
    return _columns(statement, exp.to_table(table, dialect="trino"))


def _columns(statement: "Statement", table: exp.Table) -> Answer:
    tables = Tables(statement)
    identifier = resolve(table, statement.session, statement.engine.catalog.name)
    return _rows(
        ["Column", "Type", "Extra", "Comment"],
        [tuple(row) for row in metadata.columns(tables.snapshots, identifier)],
    )


def _show_create(statement: "Statement", table: str) -> Answer:
    tables = Tables(statement)
    identifier = tables.identifier(exp.to_table(table, dialect="trino"))
    columns = metadata.columns(tables.snapshots, identifier)
    body = ",\n".join(f"   {name} {kind}" for name, kind, *_ in columns)
    name = ".".join((statement.engine.catalog.name, *identifier))
    text = f"CREATE TABLE {name} (\n{body}\n)\nWITH (\n   format = 'PARQUET'\n)"
    return _rows(["Create Table"], [(text,)])


def _explain(statement: "Statement", inner: str) -> Answer:
    tree = parse(inner)
    if not isinstance(tree, exp.Query):
        raise unsupported("EXPLAIN of a statement that changes tables")
    tables = Tables(statement)
    tables.bind(tree)
    sql = translate(tree, statement.connection)
    tables.materialize()
    plan = statement.connection.execute(f"EXPLAIN {sql}").fetchall()
    return _rows(["Query Plan"], [("\n".join(str(row[-1]) for row in plan),)])


# ------------------------------------------------------------------ prepared statements, session


def _execute_immediate(statement: "Statement", text: str, using: str | None) -> Answer:
    return _bound(statement, text.replace("''", "'"), using)


def _execute(statement: "Statement", name: str, using: str | None) -> Answer:
    text = statement.session.prepared.get(_bare(name))
    if text is None:
        raise SqlError("NOT_FOUND", f"Prepared statement not found: {_bare(name)}")
    return _bound(statement, text, using)


def _bound(statement: "Statement", text: str, using: str | None) -> Answer:
    if not using:
        statement.sql = text
        return answer(statement)
    tree = parse(text)
    bind(tree, values(using))
    return _tree(statement, tree)


def _prepare(_: "Statement", name: str, text: str) -> Answer:
    parse(text)
    return Answer(update_type="PREPARE", prepared=(_bare(name), text))


def _deallocate(_: "Statement", name: str) -> Answer:
    return Answer(update_type="DEALLOCATE", deallocated=_bare(name))


def _set_session(_: "Statement", name: str, value: str) -> Answer:
    """Session properties tune a cluster; here they are kept and mean nothing."""
    return Answer(update_type="SET SESSION", set_property=(name, value.strip().strip("'")))


def _reset_session(_: "Statement", name: str) -> Answer:
    return Answer(update_type="RESET SESSION", clear_property=name)


def _transaction(_: "Statement", word: str) -> Answer:
    raise unsupported(f"{word.upper().split()[0]} (a transaction over several statements)")


_FROM_SCHEMA = rf"(?:\s+(?:from|in)\s+({_NAME}\s*\.\s*)?{_NAME})?"
_LIKE = rf"(?:\s+like\s+{_TEXT})?"
_USING = r"(?:\s+using\s+(.+))?"


def _show_tables_of(
    statement: "Statement",
    _: str | None,
    catalog: str | None,
    schema: str | None,
    like: str | None,
) -> Answer:
    return _show_tables(statement, catalog, schema, like)


_COMMANDS: tuple[tuple[re.Pattern[str], Callable[..., Answer]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), command)
    for pattern, command in (
        (rf"show\s+catalogs{_LIKE}", _show_catalogs),
        (rf"show\s+schemas(?:\s+(?:from|in)\s+{_NAME})?{_LIKE}", _show_schemas),
        (rf"show\s+tables{_FROM_SCHEMA}{_LIKE}", _show_tables_of),
        (r"show\s+columns\s+(?:from|in)\s+(\S+)", _show_columns),
        (r"show\s+create\s+table\s+(\S+)", _show_create),
        (r"explain\s+(?!analyze\b)(.+)", _explain),
        (rf"execute\s+immediate\s+{_TEXT}{_USING}", _execute_immediate),
        (rf"execute\s+{_NAME}{_USING}", _execute),
        (rf"prepare\s+{_NAME}\s+from\s+(.+)", _prepare),
        (rf"deallocate\s+prepare\s+{_NAME}", _deallocate),
        (r"set\s+session\s+([\w.]+)\s*=\s*(.+)", _set_session),
        (r"reset\s+session\s+([\w.]+)", _reset_session),
        (r"(start\s+transaction.*|commit|rollback)", _transaction),
    )
)
