"""Reading tables and their versions from a notebook."""

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import Selection, TableVersion
from jupyter_orch.domain.versions import TableDiff
from jupyter_orch.kernel import by_worker, limits
from jupyter_orch.settings import load

if TYPE_CHECKING:
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

_SHOWN = ("snapshot_id", "committed_at", "operation", "rows", "total_rows", "job_name", "run_id")
_PAGE = 500


def read(
    table: str,
    *,
    version: int | None = None,
    run: str | None = None,
    as_of: datetime | str | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    arrow: bool = False,
) -> Any:
    """A table, or an old version of it, as a pandas DataFrame.

    Whole numbers and booleans keep their type beside missing values (`Int64`, `boolean`);
    decimals and dates are Python objects.

    Args:
        table: `schema.table`; without a schema, in the default one.
        version: A version's number, as `table(name).versions()` shows it.
        run: The run that made the version.
        as_of: The version that was current then; a time without a zone is UTC.
        columns: Only these.
        limit: At most so many rows. Without it, more than `warehouse.frame_rows` are refused.
        arrow: Answer an Arrow table instead.

    Raises:
        NotFound: No such table or version.
        BadInput: Arguments that do not fit together, or too many rows (field `limit`).
    """
    if sum(value is not None for value in (version, run, as_of)) > 1:
        raise BadInput("Give one of version, run and as_of.", field="version")
    wanted = Selection(
        table=table,
        version=version,
        run=RunId(run) if run is not None else None,
        as_of=_moment(as_of) if as_of is not None else None,
        columns=tuple(columns) if columns is not None else None,
        limit=limit,
    )
    settings = load()
    most = limits.guard(limit, settings)
    worker = by_worker.channel(settings)
    if worker is None:
        found = _read(wanted, most)
    else:
        found = by_worker.read(worker, wanted if most is None else replace(wanted, limit=most + 1))
    limits.check(found.num_rows, most, f"{table} has")
    return found if arrow else to_pandas(found)


def table(name: str) -> "TableHandle":
    """A table by its name, whether or not it exists yet."""
    return TableHandle(name)


class TableHandle:
    """A table's versions and rows; made by `table`."""

    def __init__(self, name: str) -> None:
        from jupyter_orch.warehouse.names import identify

        self.name = ".".join(identify(name, load().warehouse))

    def versions(self, limit: int = 50) -> "Versions":
        """The newest versions, newest first."""
        worker = by_worker.channel(load())
        if worker is not None:
            return Versions(by_worker.versions(worker, self.name, limit))
        warehouse = _open()
        try:
            return Versions(_newest(warehouse, self.name, limit))
        finally:
            warehouse.close()

    def preview(self, *, version: int | None = None, limit: int = 20) -> Any:
        """The first rows, as a pandas DataFrame."""
        return read(self.name, version=version, limit=limit)

    def diff(self, before: int, after: int, *, keys: Sequence[str] = ()) -> "Diff":
        """What changed from one version to another; interrupt the cell to give it up.

        Args:
            before: The one version.
            after: The other one.
            keys: Columns that tell rows apart; without, those of an upsert or of a check
                `unique`, else whole rows.

        Raises:
            NotFound: There is no such version, or it has expired.
            BadInput: The keys do not tell rows apart.
        """
        worker = by_worker.channel(load())
        if worker is not None:
            return Diff(by_worker.diff(worker, self.name, before, after, keys))
        warehouse = _open()
        try:
            return Diff(warehouse.diff(self.name, before, after, keys=keys))
        finally:
            warehouse.close()

    def rollback(self, version: int, *, reason: str | None = None) -> TableVersion:
        """Makes an old version current again, as a new version; history is kept.

        Raises:
            NotFound: There is no such version, or it has expired.
            Refused: It is the current one.
        """
        worker = by_worker.channel(load())
        if worker is not None:
            return by_worker.rollback(worker, self.name, version, reason)
        warehouse = _open()
        try:
            user = getpass.getuser()
            return warehouse.rollback(self.name, version, user=user, reason=reason)
        finally:
            warehouse.close()

    def undo(self, run: str, *, force: bool = False, reason: str | None = None) -> "Versions":
        """Takes back what a run published to this table, and nothing else; safe to repeat.

        Args:
            run: Its id.
            force: Also where later versions wrote the same rows: those go as well.
            reason: A sentence that stays with the new version.

        Raises:
            NotFound: The run published nothing here.
            Refused: Later versions stand in the way, or rows cannot be told apart.
        """
        worker = by_worker.channel(load())
        if worker is not None:
            return Versions(by_worker.undo(worker, self.name, run, force=force, reason=reason))
        warehouse = _open()
        try:
            history = warehouse.history(self.name).versions
            published = [version for version in history if version.run_id == run]
            user = getpass.getuser()
            return Versions(
                warehouse.undo(RunId(run), published, user=user, force=force, reason=reason)
            )
        finally:
            warehouse.close()

    def pin(self, version: int, *, pinned: bool = True) -> TableVersion:
        """Keeps a version however old it gets, or with `pinned=False` lets it go."""
        worker = by_worker.channel(load())
        if worker is not None:
            return by_worker.pin(worker, self.name, version, pinned=pinned)
        warehouse = _open()
        try:
            return warehouse.pin(self.name, version, pinned=pinned)
        finally:
            warehouse.close()

    def __repr__(self) -> str:
        return f"<table {self.name}>"


class Versions(Sequence[TableVersion]):
    """Versions of a table, shown as a table."""

    def __init__(self, items: Sequence[TableVersion]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def to_frame(self) -> Any:
        """The versions as a pandas DataFrame."""
        import pandas as pd

        names = [field.name for field in fields(TableVersion)]
        return pd.DataFrame(
            [[getattr(item, name) for name in names] for item in self._items], columns=names
        )

    def __repr__(self) -> str:
        return "\n".join("  ".join(line) for line in self._lines()) or "no versions"

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        cells = "".join(f"<th>{escape(text)}</th>" for text in head)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in line)}</tr>" for line in lines
        )
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"

    def _lines(self) -> list[list[str]]:
        lines = [["version", "published", "operation", "rows", "total", "job", "run", "checks"]]
        for item in self._items:
            values = [getattr(item, name) for name in _SHOWN]
            values[1] = item.committed_at.strftime("%Y-%m-%d %H:%M:%S")
            failed = sum(not check.passed for check in item.checks)
            held = f"✓ {len(item.checks)}" if item.checks else ""
            values.append(f"⚠ {failed} of {len(item.checks)}" if failed else held)
            lines.append(["" if value is None else str(value) for value in values])
            if item.current:
                lines[-1][0] += " (current)"
            if item.expired:  # its rows are gone
                lines[-1][0] += " (expired)"
        return lines


def _read(wanted: Selection, most: int | None) -> Any:
    warehouse = _open()
    try:
        loaded = warehouse.load(wanted.table)
        from jupyter_orch.warehouse.reading import rows, scan

        found = scan(loaded, wanted)
        limits.check(rows(found) or 0, most, f"{wanted.table} has")
        return found.to_arrow()
    finally:
        warehouse.close()


class Diff:
    """What changed between two versions, shown as sentences and a table of rows.

    Every field of `jupyter_orch.domain.versions.TableDiff` is an attribute.
    """

    def __init__(self, found: TableDiff) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    def to_frame(self) -> Any:
        """The sample as a pandas DataFrame: a line for each side of a row."""
        import pandas as pd

        lines = [
            [row.change, side, row.times, *values]
            for row in self._found.sample
            for side, values in (("before", row.before), ("after", row.after))
            if values is not None
        ]
        return pd.DataFrame(lines, columns=["change", "side", "times", *self._found.compared])

    def __repr__(self) -> str:
        return "\n".join(self._words())

    def _repr_html_(self) -> str:
        words = "".join(f"<p>{escape(line)}</p>" for line in self._words())
        return words + (self.to_frame().to_html(escape=True) if self._found.sample else "")

    def _words(self) -> list[str]:
        found = self._found
        by = f" by {', '.join(found.keys)}" if found.keys else ""
        changes = f"{found.added} added, {found.removed} removed, {found.changed} changed"
        return [
            *(
                f"Column {column.name}: {column.change}"
                f" ({' → '.join(kind for kind in (column.before, column.after) if kind)})."
                for column in found.schema
            ),
            f"Rows {found.rows_before} → {found.rows_after}: {changes}{by}.",
        ]


def _open() -> "IcebergWarehouse":
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

    return IcebergWarehouse(load())


def _newest(warehouse: "IcebergWarehouse", name: str, limit: int) -> list[TableVersion]:
    return [item for page in _pages(warehouse, name, limit) for item in page][:limit]


def _pages(
    warehouse: "IcebergWarehouse", name: str, limit: int
) -> Iterator[tuple[TableVersion, ...]]:
    cursor: str | None = None
    for _ in range(0, limit, _PAGE):
        page = warehouse.versions(name, cursor=cursor, limit=min(limit, _PAGE))
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _moment(value: datetime | str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise BadInput(f"{value!r} is not a time.", field="as_of", hint="Write ISO text.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_pandas(found: Any) -> Any:
    """An Arrow table as a DataFrame whose types do not depend on its values."""
    import pandas as pd
    import pyarrow as pa

    exact = {
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return found.to_pandas(types_mapper=exact.get)
