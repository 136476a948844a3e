"""Statements that insert many rows which travel as one JSON value.

A parameter for each value of each row costs drivers far more than databases spend on taking one
value apart: psycopg looks for placeholders in a statement of megabytes.
"""

from functools import lru_cache

import sqlalchemy as sa


@lru_cache
def insert_or_leave(table: sa.Table, columns: tuple[str, ...], *, sqlite: bool) -> sa.TextClause:
    """Inserts `:rows`, a JSON array of objects with these columns; answers the ids of those added.

    Rows that some unique key has already are left alone.
    """
    rows = _SQLITE if sqlite else _POSTGRESQL
    taken = [_taken(table.c[name]) if sqlite else name for name in columns]
    return sa.text(
        f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(taken)}"  # noqa: S608
        f" FROM {rows.format(table=table.name)} ON CONFLICT DO NOTHING RETURNING id"
    )


#: `WHERE true` tells SQLite's parser that no join follows.
_SQLITE = "json_each(:rows) WHERE true"
_POSTGRESQL = "json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json))"


def _taken(column: sa.Column[object]) -> str:
    """One column out of SQLite's row; a JSON value stays as it is written, and null is NULL."""
    if isinstance(column.type, sa.JSON):
        return f"NULLIF(value -> '$.{column.name}', 'null')"
    return f"value ->> '$.{column.name}'"
