"""Checks that need an engine: queries over the staged rows, and keys of more rows than fit a piece.

They run on the embedded engine, under its memory limit and statement timeout, with whatever engine
the notebook itself works: the rows are still files of the attempt, which only this host sees.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyiceberg.schema import Schema
from sqlglot import exp

from jupyter_orch.domain.errors import BadInput, OrchError
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import staging
from jupyter_orch.warehouse.engine import EngineSession, Statement, shared_engine
from jupyter_orch.warehouse.scan import quote
from jupyter_orch.warehouse.translate.errors import SqlError
from jupyter_orch.warehouse.translate.parse import parse

#: What stands for the rows of the output in a query.
PLACEHOLDER = "{output}"
_OUTPUT = "__output"
_PIECES = "__pieces"
_REPEATED = "__repeated"
#: So many rows of an answer are counted; it is wrong with one already.
_COUNTED = 100_000
_SHOWN = 200  # characters


def name(sql: str) -> str:
    """The query in a line."""
    text = "sql " + " ".join(sql.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def run(
    settings: Settings, queries: Sequence[str], files: staging.StagedFiles, schema: Schema
) -> Iterator[tuple[str, bool, str]]:
    """For each query its name, whether it answered no rows, and what it answered.

    Raises:
        BadInput: A query cannot be run (field `checks`).
    """
    for sql in queries:
        _check(sql)
    with _statement(settings) as statement:
        try:
            _fill(statement, _OUTPUT, files.conformed(schema), staging.arrow_schema(schema))
        except SqlError as error:
            raise _refused(queries[0], error) from error
        for sql in queries:
            statement.sql = sql.replace(PLACEHOLDER, quote(_OUTPUT))
            try:
                count, example = _answer(statement)
            except SqlError as error:
                raise _refused(sql, error) from error
            if not count:
                yield name(sql), True, "the query answers no rows"
                continue
            rows = f"{count:,} rows" if count < _COUNTED else f"at least {_COUNTED:,} rows"
            rows = "1 row" if count == 1 else rows
            yield name(sql), False, f"the query answers {rows}, such as {example}"


def repeated(
    settings: Settings, columns: Sequence[str], pieces: Iterator[pa.Table], kinds: pa.Schema
) -> tuple[int, dict[str, Any]]:
    """How many values of the columns together come more than once, and one of them."""
    chosen = ", ".join(map(quote, columns))
    with _statement(settings) as statement:
        try:
            _fill(statement, _OUTPUT, pieces, kinds)
            with statement.limited():
                statement.connection.execute(
                    f"CREATE TEMP TABLE {_REPEATED} AS SELECT {chosen} FROM {_OUTPUT} "  # noqa: S608
                    "GROUP BY ALL HAVING count(*) > 1"
                )
                counted = statement.connection.execute(f"SELECT count(*) FROM {_REPEATED}")  # noqa: S608
                count = int((counted.fetchone() or (0,))[0])
                one = statement.connection.execute(f"SELECT * FROM {_REPEATED} LIMIT 1").fetchone()  # noqa: S608
        except SqlError as error:
            raise BadInput(
                f"Whether {', '.join(columns)} name a row once cannot be told: {error.message}.",
                field="checks",
            ) from error
    return count, dict(zip(columns, one, strict=True)) if one else {}


@contextmanager
def _statement(settings: Settings) -> Iterator[Statement]:
    warehouse = settings.warehouse
    session = EngineSession(user="checks", catalog=warehouse.catalog, schema=warehouse.schema)
    statement = shared_engine(settings).open("", session)
    statement.given.add(_OUTPUT)
    try:
        yield statement
    finally:
        for table in (_OUTPUT, _REPEATED):
            statement.connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        statement.close()


def _fill(statement: Statement, table: str, pieces: Iterator[pa.Table], kinds: pa.Schema) -> None:
    """A table of the connection's own with the rows, which the engine puts on disk as it needs."""
    refused: list[OrchError] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for piece in pieces:
                yield from piece.to_batches()
        except OrchError as error:  # the engine would make words of its own of it
            refused.append(error)
            raise

    statement.connection.register(_PIECES, pa.RecordBatchReader.from_batches(kinds, batches()))
    try:
        with statement.limited():
            statement.connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {_PIECES}")  # noqa: S608
    except SqlError:
        if refused:
            raise refused[0] from None
        raise
    finally:
        statement.connection.unregister(_PIECES)


def _check(sql: str) -> None:
    if PLACEHOLDER not in sql:
        raise BadInput(
            f"The check {name(sql)!r} does not look at the rows of this output.",
            field="checks",
            hint=f"Write {PLACEHOLDER} where the name of the table would stand.",
        )
    try:
        tree = parse(sql.replace(PLACEHOLDER, quote(_OUTPUT)))
    except SqlError as error:
        raise _refused(sql, error) from error
    if not isinstance(tree, exp.Query):
        raise BadInput(
            f"The check {name(sql)!r} is not a query.",
            field="checks",
            hint="Write a SELECT that finds the rows that must not be.",
        )


def _answer(statement: Statement) -> tuple[int, str]:
    answer = statement.run()
    names = [column for column, _ in answer.columns]
    count, example = 0, ""
    while count < _COUNTED and (page := answer.fetch()):
        if not count:
            pairs = zip(names, page[0], strict=True)
            example = ", ".join(f"{column} = {value}" for column, value in pairs)[:_SHOWN]
        count += len(page)
    return min(count, _COUNTED), example


def _refused(sql: str, error: SqlError) -> BadInput:
    return BadInput(
        f"The check {name(sql)!r} cannot be run: {error.message.rstrip('.')}.",
        field="checks",
        hint="Checks are Trino's SQL, as the embedded engine knows it.",
    )
