"""The rows of a query as Arrow, by the shorter of two ways.

A client decodes one row after the other, which is the shorter way for few of them. Of a large
answer a real Trino makes a scratch table, whose files are read as they are. Nobody knows beforehand
how large an answer is. So the client begins, and gives up once it has spent as much on decoding as
it costs to run the query anew: no query runs more than twice, and none takes much more than twice
as long as by the better way. All rows come from one execution: what was decoded is thrown away.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import frames, results
from jupyter_orch.warehouse.scratch_way import NoWay, ScratchWay, plan, progress

if TYPE_CHECKING:
    import trino.dbapi

_PIECE_ROWS = 10_000
#: Seconds that making, reading and dropping a table cost beside the query.
_PRICE = 0.5
#: Rows that are kept back as long as it is open which way is taken.
_MOST_HELD = 500_000

#: Some rows by column: Arrow's arrays, lists where Arrow has no type.
Piece = list[Any]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """The columns of a query, and its rows in pieces, which are read once."""

    names: tuple[str, ...]
    #: In Trino's words.
    types: tuple[str, ...]
    #: None where Arrow has no such type.
    kinds: tuple[pa.DataType | None, ...]
    pieces: Iterator[Piece]


def fetch(
    settings: Settings,
    connection: "trino.dbapi.Connection",
    statement: str,
    parameters: Sequence[Any] | None = None,
    *,
    most: int | None = None,
    in_order: bool = True,
    tell: Tell = lambda _: None,
) -> Answer | None:
    """Runs a statement; None when it answers no rows, as one that makes a table.

    Args:
        settings: Say where tables are, and which engine answers.
        connection: Leads there; it must stay open until the pieces are read.
        statement: One statement.
        parameters: Values of its `?`.
        most: Rows that are read at most.
        in_order: Whether the order of the rows matters, and memory for all of them is there.
        tell: Is told how far it is, as often as there is something to tell.

    Raises:
        trino.exceptions.Error: The engine refuses the statement.
    """
    values = list(parameters) if parameters else None
    cursor = connection.cursor(stats_callback=lambda stats: tell(progress("The query runs", stats)))
    began = time.monotonic()
    cursor.execute(statement, values)
    took = time.monotonic() - began
    described = cursor.description or []
    if not described:
        cursor.fetchall()
        return None
    names = tuple(str(column[0]) for column in described)
    types = tuple(str(column[1]) for column in described)
    kinds = tuple(map(results.known_type, types))

    def decode() -> Generator[Piece, None, None]:
        return _decoded(cursor, types, kinds, most, tell)

    def anew() -> Generator[Piece, None, None]:
        cursor.execute(statement, values)
        return decode()

    large = plan(statement, names, types, most=most, in_order=in_order)
    decoded = decode()
    pieces: Iterator[Piece] = decoded
    if large is not None and settings.warehouse.trino.url:
        other = ScratchWay(settings, connection, large, values, tell)
        pieces = _shorter(decoded, other, anew, took)
    return Answer(names, types, kinds, pieces)


def tables(
    settings: Settings,
    connection: "trino.dbapi.Connection",
    statement: str,
    parameters: Sequence[Any] | None = None,
) -> Iterator[pa.Table]:
    """The rows of a query in pieces, in any order; the first is empty and tells the columns.

    Raises:
        BadInput: A column's type or name has no place in a table, or there are no columns.
    """
    answer = fetch(settings, connection, statement, parameters, in_order=False)
    if answer is None:
        frames.check_names([])
        return
    columns = schema(answer)
    yield columns.empty_table()
    for piece in answer.pieces:
        yield pa.table(piece, schema=columns)


def schema(answer: Answer) -> pa.Schema:
    """The columns as a table has them.

    Raises:
        BadInput: A column has no name of its own, or a type that tables do not have.
    """
    frames.check_names(list(answer.names))
    pairs = zip(answer.names, answer.types, strict=True)
    return pa.schema([(name, results.arrow_type(kind, name)) for name, kind in pairs])


def _decoded(
    cursor: Any,
    types: Sequence[str],
    kinds: Sequence[pa.DataType | None],
    most: int | None,
    tell: Tell,
) -> Generator[Piece, None, None]:
    """By the client."""
    read = 0
    try:
        while most is None or read < most:
            wanted = _PIECE_ROWS if most is None else min(_PIECE_ROWS, most - read)
            rows = cursor.fetchmany(wanted)
            if not rows:
                return
            read += len(rows)
            tell(f"{read:,} rows are read")
            columns = zip(zip(*rows, strict=True), types, kinds, strict=True)
            yield [results.column(cells, text, kind) for cells, text, kind in columns]
    finally:
        cursor.close()


def _shorter(
    decoded: Generator[Piece, None, None],
    other: ScratchWay,
    anew: Callable[[], Generator[Piece, None, None]],
    took: float,
) -> Iterator[Piece]:
    """By the client, until a scratch table is the shorter way."""
    held: list[Piece] = []
    rows = 0
    began = time.process_time()  # the engine's own time would be spent once more
    for piece in decoded:
        held.append(piece)
        rows += len(piece[0])
        if rows >= _MOST_HELD:
            break
        if time.process_time() - began < took + _PRICE:
            continue
        try:
            other.check()
            decoded.close()  # before the other begins: some may have one query at a time only
            held.clear()
            yield from other.rows()
        except NoWay:
            decoded = decoded if held else anew()
            break
        else:
            return
    yield from chain(held, decoded)
