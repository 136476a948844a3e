"""Many new rows at once, each the fastest way that its database has.

SQLite takes prepared rows; to hand it one JSON value would make it look every column up by name.
For PostgreSQL all rows travel as one JSON value: a parameter for each value of each row costs the
driver far more than the server spends on taking one value apart.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

Rows = Sequence[Mapping[str, Any]]


def insert_or_leave(connection: sa.Connection, table: sa.Table, rows: Rows) -> list[str]:
    """Inserts rows, all of the same columns, unless a unique key has them; the ids of those added.

    Their ids must be new: nobody else has ever used them.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        return _row_by_row(connection, table, columns, rows)
    statement = _of_one_value(table, columns)
    return list(connection.execute(statement, {"rows": _written(rows)}).scalars())


def _row_by_row(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], rows: Rows
) -> list[str]:
    statement, nested = _of_rows(table, columns)
    in_order = itemgetter(*columns)
    values = [
        in_order({**row, **{name: _written(row[name]) for name in nested if row[name] is not None}})
        for row in rows
    ]
    added = connection.exec_driver_sql(statement, values).rowcount
    ids = [row["id"] for row in rows]
    if added == len(ids):
        return ids
    there = sa.select(table.c.id).where(table.c.id.in_(ids))
    return list(connection.execute(there).scalars())


def _written(value: Any) -> str:
    """Unescaped, so that what is no text is refused by the driver and not stored broken."""
    return json.dumps(value, ensure_ascii=False)


@lru_cache
def _of_rows(table: sa.Table, columns: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """The statement, and which columns hold JSON."""
    nested = frozenset(name for name in columns if isinstance(table.c[name].type, sa.JSON))
    marks = ", ".join("?" * len(columns))
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608
        nested,
    )


@lru_cache
def _of_one_value(table: sa.Table, columns: tuple[str, ...]) -> sa.TextClause:
    names = ", ".join(columns)
    return sa.text(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM"  # noqa: S608
        f" json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json))"
        " ON CONFLICT DO NOTHING RETURNING id"
    )
