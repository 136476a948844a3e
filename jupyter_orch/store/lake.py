"""The log of tables' versions: what the catalog once said stays, marked when it has expired."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import TableHistory, TableInfo, TableVersion
from jupyter_orch.ports.tables import Removal
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.pages import decode, encode
from jupyter_orch.store.rows import instant, micros, to_json, version_from
from jupyter_orch.store.tables import lake_table, removal, table_version

_BATCH = 500  # rows of one statement


class SqlLake:
    """ports.TableStore."""

    _database: Database

    def table_heads(self) -> Mapping[str, str]:
        """The place of the metadata that each known table was last noted from."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(lake_table.c.name, lake_table.c.location))
            return {row.name: row.location for row in rows}

    def note_history(self, history: TableHistory, *, seen: str | None) -> bool:
        """Takes in what the catalog knows; what it no longer knows is expired from now on."""
        name = history.table
        with self._database.writing() as connection:
            last = connection.execute(
                sa.select(lake_table).where(lake_table.c.name == name).with_for_update()
            ).first()
            if (last.location if last else None) != seen:
                return False
            newest: int | None = None
            if last is not None and last.uuid != history.uuid:
                connection.execute(sa.delete(table_version).where(table_version.c.name == name))
            elif last is not None:
                newest = last.newest
            fresh = _fresh(connection, history, newest)
            first = 0 if newest is None else newest + 1
            rows = [_row(name, first + place, version) for place, version in enumerate(fresh)]
            if rows:
                connection.execute(sa.insert(table_version), rows)
                newest = rows[-1]["position"]
            _mark(connection, history)
            current = bool(history.versions) and history.versions[-1].current
            row = {
                "name": name,
                "uuid": history.uuid,
                "location": history.location,
                "newest": newest,
                "current": current and newest is not None,
            }
            self._database.upsert(connection, lake_table, "name", row)
            record(connection, "table", [name])
            return True

    def logged_versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions of a table, newest first."""
        statement = (
            sa.select(table_version, _IS_CURRENT)
            .join(lake_table, lake_table.c.name == table_version.c.name)
            .where(table_version.c.name == table)
            .order_by(table_version.c.position.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            (last,) = decode(cursor, 1)
            statement = statement.where(table_version.c.position < _position(last))
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        more = len(rows) > limit
        following = encode([str(rows[limit - 1].position)]) if more else None
        return Page(items=tuple(map(_version, rows[:limit])), next_cursor=following)

    def table_lines(self, tables: Collection[str]) -> Mapping[str, TableInfo]:
        """How these tables stand."""
        statement = (
            sa.select(
                table_version, _IS_CURRENT, lake_table.c.name.label("of"), lake_table.c.newest
            )
            .select_from(lake_table)
            .outerjoin(
                table_version,
                (table_version.c.name == lake_table.c.name)
                & (table_version.c.position == lake_table.c.newest),
            )
            .where(lake_table.c.name.in_(list(tables)))
        )
        with self._database.reading() as connection:
            return {row.of: _line(row) for row in connection.execute(statement)}

    def forget_tables(self, tables: Collection[str]) -> None:
        """Forgets tables that were dropped."""
        gone = list(tables)
        with self._database.writing() as connection:
            for table in (table_version, lake_table, removal):
                connection.execute(sa.delete(table).where(table.c.name.in_(gone)))
            record(connection, "table", gone)

    def crowded_tables(
        self, *, more_than: int, among: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Tables with more versions than that which have not expired; of these, or of all."""
        statement = (
            sa.select(table_version.c.name)
            .where(sa.text("NOT expired"))
            .group_by(table_version.c.name)
            .having(sa.func.count() > more_than)
        )
        if among is not None:
            statement = statement.where(table_version.c.name.in_(list(among)))
        with self._database.reading() as connection:
            return tuple(connection.execute(statement).scalars())

    def note_removal(self, table: str, snapshots: Sequence[int], files: Sequence[str]) -> Removal:
        """Remembers which files go once these snapshots are gone."""
        what = {"snapshots": list(snapshots), "files": list(files)}
        with self._database.writing() as connection:
            now = self._database.now(connection)
            row = {"name": table, "what": what, "made_at": now}
            made = sa.insert(removal).values(**row).returning(removal)
            return _removal(connection.execute(made).one())

    def removals(self) -> tuple[Removal, ...]:
        """Those that have not been finished, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(removal).order_by(removal.c.id))
            return tuple(map(_removal, rows))

    def forget_removal(self, removal_id: int) -> None:
        """Says that it is finished, or never will be."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(removal).where(removal.c.id == removal_id))


_IS_CURRENT = sa.and_(lake_table.c.current, table_version.c.position == lake_table.c.newest).label(
    "is_current"
)


def _fresh(
    connection: sa.Connection, history: TableHistory, newest: int | None
) -> Sequence[TableVersion]:
    """Those of the history that are not logged yet."""
    if newest is None:
        return history.versions
    stored = sa.select(table_version.c.committed_at, table_version.c.snapshot_id).where(
        table_version.c.name == history.table
    )
    row = connection.execute(stored.where(table_version.c.position == newest)).one()
    for place in range(len(history.versions) - 1, -1, -1):
        if _key(history.versions[place]) == tuple(row):
            return history.versions[place + 1 :]
    known = {tuple(each) for each in connection.execute(stored)}  # the newest one has expired
    return [version for version in history.versions if _key(version) not in known]


def _key(version: TableVersion) -> tuple[int, int]:
    return micros(version.committed_at), version.snapshot_id


def _row(name: str, position: int, version: TableVersion) -> dict[str, Any]:
    at, snapshot_id = _key(version)
    plain = replace(version, current=False, pinned=False, expired=False)
    return {
        "name": name,
        "position": position,
        "snapshot_id": snapshot_id,
        "committed_at": at,
        "version": to_json(plain),
        "pinned": version.pinned,
        "expired": version.expired,
    }


def _mark(connection: sa.Connection, history: TableHistory) -> None:
    """Which of the logged versions are pinned, and which have gone."""
    there = {version.snapshot_id for version in history.versions if not version.expired}
    pinned = {version.snapshot_id for version in history.versions if version.pinned}
    of_table = table_version.c.name == history.table
    kept = connection.execute(
        sa.select(table_version.c.snapshot_id, table_version.c.pinned).where(
            of_table, sa.text("NOT expired")
        )
    ).all()
    ids = {row.snapshot_id for row in kept}
    marked = {row.snapshot_id for row in kept if row.pinned}
    for snapshots, values in (
        (ids - there, {"expired": True, "pinned": False}),
        (pinned - marked, {"pinned": True}),
        ((marked - pinned) & there, {"pinned": False}),
    ):
        ordered = sorted(snapshots)
        for start in range(0, len(ordered), _BATCH):
            connection.execute(
                sa.update(table_version)
                .where(of_table, table_version.c.snapshot_id.in_(ordered[start : start + _BATCH]))
                .values(**values)
            )


def _version(row: sa.Row[Any]) -> TableVersion:
    found = version_from(row.version)
    return replace(found, current=bool(row.is_current), pinned=row.pinned, expired=row.expired)


def as_it_stands(connection: sa.Connection, version: TableVersion) -> TableVersion:
    """A version that a run noted, with what became of it, if the log knows it already."""
    row = connection.execute(
        sa.select(table_version, _IS_CURRENT)
        .join(lake_table, lake_table.c.name == table_version.c.name)
        .where(
            table_version.c.name == version.table,
            table_version.c.snapshot_id == version.snapshot_id,
        )
        .order_by(table_version.c.position.desc())
        .limit(1)
    ).first()
    if row is None:
        return version
    current = bool(row.is_current)
    return replace(version, current=current, pinned=row.pinned, expired=row.expired)


def _removal(row: sa.Row[Any]) -> Removal:
    return Removal(
        row.id,
        row.name,
        tuple(row.what["snapshots"]),
        tuple(row.what["files"]),
        instant(row.made_at),
    )


def _line(row: sa.Row[Any]) -> TableInfo:
    newest = _version(row) if row.version is not None else None
    return TableInfo(
        name=row.of,
        versions=0 if row.newest is None else row.newest + 1,
        total_rows=newest.total_rows if newest else 0,
        last_version=newest,
    )


def _position(text: str) -> int:
    return int(text) if text.isdecimal() else -1
