"""Keyset pages: the cursor is the sort key of the last row that was given."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.errors import BadInput


def encode(key: Sequence[str]) -> str:
    """A cursor that people pass on and do not read."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> tuple[str, ...]:
    """The sort key in a cursor.

    Raises:
        BadInput: The cursor is not one of ours (field `cursor`).
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if (
        not isinstance(key, list)
        or len(key) != length
        or not all(isinstance(part, str) for part in key)
    ):
        raise not_ours()
    return tuple(key)


def not_ours() -> BadInput:
    """What is said of a cursor that no listing gave."""
    return BadInput("The cursor is not one that a listing gave.", field="cursor")


def page(
    connection: sa.Connection,
    statement: sa.Select[Any],
    key: Sequence[sa.Column[Any]],
    *,
    cursor: str | None,
    limit: int,
    newest_first: bool = False,
) -> tuple[list[sa.Row[Any]], str | None]:
    """The rows of one page, in the order of `key`, and the cursor of the following one."""
    columns = sa.tuple_(*key)
    if cursor is not None:
        last = sa.tuple_(*decode(cursor, len(key)))
        statement = statement.where(columns < last if newest_first else columns > last)
    order = [column.desc() if newest_first else column.asc() for column in key]
    rows = list(connection.execute(statement.order_by(*order).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, encode([getattr(rows[-1], column.name) for column in key])
