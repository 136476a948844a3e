"""Checks of what an output brings, before anybody may read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from jupyter_orch.domain.errors import BadInput, CheckFailed, listed
from jupyter_orch.domain.outputs import CheckResult, Checks, OutputMode, Severity
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import baseline, check_results, staging
from jupyter_orch.warehouse.check_rows import (
    Accepted,
    Between,
    Fresh,
    NotNull,
    NullsChange,
    RowCheck,
    shown,
)
from jupyter_orch.warehouse.slices import Slice

_MOST_TEXT = 300  # characters of one result


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The rows that are looked at, and where they would go."""

    settings: Settings
    files: staging.StagedFiles
    #: The columns as they will be in the table.
    schema: Schema
    name: str
    #: As it stands; None when it does not exist yet.
    table: Table | None
    part: Slice
    mode: OutputMode
    #: What freshness is measured against.
    reference: datetime


def run(wanted: Sequence[Checks], subject: Subject) -> tuple[CheckResult, ...]:
    """Tests every check, whatever became of the others.

    Raises:
        BadInput: A check cannot be tested: a column that is not there, bad SQL (field `checks`).
        CheckFailed: Checks of severity `error` do not hold: all of them, with the counts.
    """
    for checks in wanted:
        _check_columns(checks, subject)
    found = tuple(
        CheckResult(name=_cut(name), severity=severity, passed=passed, seen=_cut(seen))
        for severity, name, passed, seen in _all(wanted, subject)
    )
    failures = [item.seen for item in found if not item.passed and item.severity == "error"]
    if failures:
        error = CheckFailed(
            f"{subject.name} was not published: {listed(failures, mark='; ')}.",
            field="checks",
            hint="The version before it is still the current one.",
        )
        error.results = found
        raise error
    return found


def repeated(
    settings: Settings, columns: Sequence[str], files: staging.StagedFiles, schema: Schema
) -> tuple[int, dict[str, Any]]:
    """How many values of the columns together come more than once, and one of them."""
    pieces = files.conformed(schema, columns)
    if files.rows > staging.PIECE_ROWS or _nested(schema, columns):
        from jupyter_orch.warehouse import check_sql

        kinds = staging.arrow_schema(schema)
        chosen = pa.schema([kinds.field(name) for name in columns])
        return check_sql.repeated(settings, columns, pieces, chosen)
    whole = pa.concat_tables(pieces)
    groups = whole.group_by(list(columns)).aggregate([([], "count_all")])
    many = groups.filter(pc.greater(groups.column("count_all"), 1))
    if not many.num_rows:
        return 0, {}
    example: dict[str, object] = many.slice(0, 1).select(list(columns)).to_pylist()[0]
    return many.num_rows, example


_Seen = tuple[Severity, str, bool, str]


def _all(wanted: Sequence[Checks], subject: Subject) -> Iterator[_Seen]:
    for checks in wanted:
        for name, passed, seen in _counts(checks, subject):
            yield checks.severity, name, passed, seen
    row_checks = [
        (checks.severity, check) for checks in wanted for check in _row_checks(checks, subject)
    ]
    _look([check for _, check in row_checks], subject)
    for severity, check in row_checks:
        passed, seen = check.outcome(subject.files.rows)
        yield severity, check.name, passed, seen
    for checks in wanted:
        if checks.unique:
            name, passed, seen = _unique(checks.unique, subject)
            yield checks.severity, name, passed, seen
        if checks.sql:
            from jupyter_orch.warehouse import check_sql

            args = (subject.settings, checks.sql, subject.files, subject.schema)
            for name, passed, seen in check_sql.run(*args):
                yield checks.severity, name, passed, seen


def _counts(checks: Checks, subject: Subject) -> Iterator[tuple[str, bool, str]]:
    rows = subject.files.rows
    came = "1 row came" if rows == 1 else f"{rows:,} rows came"
    if (least := checks.rows_min) is not None:
        said = f"{came}, at least {least:,} are wanted"
        yield "rows_min", rows >= least, said if rows < least else came
    if (most := checks.rows_max) is not None:
        said = f"{came}, at most {most:,} are wanted"
        yield "rows_max", rows <= most, said if rows > most else came
    if checks.rows_change is not None:
        before = (
            baseline.rows(subject.table, subject.part, subject.mode)
            if subject.table is not None
            else None
        )
        if not before:
            yield "rows_change", True, f"{came}, there are none before to compare with"
            return
        low, high = checks.rows_change
        ratio = rows / before
        holds = (low is None or ratio >= low) and (high is None or ratio <= high)
        said = f"{came}, {ratio:.2f} times the {before:,} of the version before"
        bounds = [f"at least {low:g}"] if low is not None else []
        bounds += [f"at most {high:g}"] if high is not None else []
        wanted = f"; {' and '.join(bounds)} times are wanted"
        yield "rows_change", holds, said if holds else said + wanted


def _row_checks(checks: Checks, subject: Subject) -> Iterator[RowCheck]:
    schema = subject.schema
    for column in dict.fromkeys(checks.not_null):
        yield NotNull(column)
    for column, values in checks.accepted.items():
        yield Accepted.of(column, values, schema)
    for column, (low, high) in checks.between.items():
        yield Between.of(column, low, high, schema)
    for column, seconds in checks.fresh.items():
        yield Fresh.of(column, seconds, subject.reference, schema)
    if checks.nulls_change:
        columns = tuple(checks.nulls_change)
        before = (
            baseline.nulls(subject.table, subject.part, subject.mode, columns)
            if subject.table is not None
            else None
        )
        for column, growth in checks.nulls_change.items():
            yield NullsChange(column, growth, (before or {}).get(column))


def _look(checks: Sequence[RowCheck], subject: Subject) -> None:
    """Shows all rows to all checks, in one pass over the columns that they need."""
    columns = tuple(dict.fromkeys(check.column for check in checks))
    if not columns:
        return
    for piece in subject.files.conformed(subject.schema, columns):
        if piece.num_rows:
            for check in checks:
                check.see(piece.column(check.column))


def _unique(columns: Sequence[str], subject: Subject) -> tuple[str, bool, str]:
    together = ", ".join(columns)
    name = check_results.unique(columns)
    count, example = (
        repeated(subject.settings, columns, subject.files, subject.schema)
        if subject.files.rows
        else (0, {})
    )
    if not count:
        return name, True, f"each {together} comes once"
    one = ", ".join(f"{column} = {shown(value)}" for column, value in example.items())
    return name, False, f"{count:,} values of {together} come more than once, such as {one}"


def _check_columns(checks: Checks, subject: Subject) -> None:
    known = [field.name for field in subject.schema.fields]
    named = (
        *checks.not_null,
        *checks.unique,
        *checks.accepted,
        *checks.between,
        *checks.fresh,
        *checks.nulls_change,
    )
    for name in named:
        if name not in known:
            raise BadInput(
                f"A check of {subject.name} names {name!r}, which is not a column.",
                field="checks",
                hint=f"The columns are {listed(known)}.",
            )


def _nested(schema: Schema, columns: Sequence[str]) -> bool:
    return any(
        not field.field_type.is_primitive for field in schema.fields if field.name in columns
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
