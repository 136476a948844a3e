"""Checks of what an output brings, before anybody may read it."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from jupyter_orch.domain.errors import BadInput, CheckFailed
from jupyter_orch.domain.outputs import Checks
from jupyter_orch.warehouse.staging import StagedFiles


def run(checks: Checks, files: StagedFiles, table: str) -> None:
    """Tests every check and names all that fail.

    Raises:
        BadInput: A check names a column that is not there (field `checks`).
        CheckFailed: With the counts.
    """
    if files.schema is not None:
        _check_columns(checks, files.columns(), table)
    failures = [*_rows(checks, files.rows)]
    if files.rows:
        failures += [*_nulls(checks.not_null, files), *_repeated(checks.unique, files)]
    if failures:
        raise CheckFailed(
            f"{table} was not published: {'; '.join(failures)}.",
            field="checks",
            hint="The version before it is still the current one.",
        )


def _check_columns(checks: Checks, columns: Sequence[str], table: str) -> None:
    unknown = [name for name in (*checks.not_null, *checks.unique) if name not in columns]
    if unknown:
        raise BadInput(
            f"A check of {table} names {unknown[0]!r}, which is not a column.",
            field="checks",
            hint=f"The columns are {', '.join(columns)}.",
        )


def _rows(checks: Checks, rows: int) -> Iterator[str]:
    if checks.rows_min is not None and rows < checks.rows_min:
        yield f"{rows} rows came, at least {checks.rows_min} are wanted"
    if checks.rows_max is not None and rows > checks.rows_max:
        yield f"{rows} rows came, at most {checks.rows_max} are wanted"


def _nulls(columns: Sequence[str], files: StagedFiles) -> Iterator[str]:
    if not columns:
        return
    counts = dict.fromkeys(columns, 0)
    for piece in files.pieces(list(counts)):
        for name in counts:
            counts[name] += piece.column(name).null_count
    for name, count in counts.items():
        if count:
            yield f"{count} of {files.rows} rows have no {name}"


def _repeated(columns: Sequence[str], files: StagedFiles) -> Iterator[str]:
    if not columns:
        return
    count, example = repeated(columns, files.pieces(list(columns)))
    if count:
        shown = ", ".join(f"{name} = {value}" for name, value in example.items())
        yield f"{count} values of {', '.join(columns)} come more than once, such as {shown}"


def repeated(columns: Sequence[str], pieces: Iterator[pa.Table]) -> tuple[int, dict[str, object]]:
    """How many values of the columns together come more than once, and one of them."""
    whole = pa.concat_tables(pieces, promote_options="permissive")
    groups = whole.group_by(list(columns)).aggregate([([], "count_all")])
    many = groups.filter(pc.greater(groups.column("count_all"), 1))
    if not many.num_rows:
        return 0, {}
    example: dict[str, object] = many.slice(0, 1).select(list(columns)).to_pylist()[0]
    return many.num_rows, example
