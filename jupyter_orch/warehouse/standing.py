"""What one run published, seen from a table as it stands now: what undoing it would take back.

The rows come from the version before the run. For `replace` it is the slice as it was, for
`upsert` the keys' rows as they were; of an `append` exactly its files go.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Operation, Snapshot

from jupyter_orch.domain.errors import BadInput, Refused
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.versions import UndoPart
from jupyter_orch.warehouse import snapshots
from jupyter_orch.warehouse.slices import Slice
from jupyter_orch.warehouse.versions import Log, known

#: Later versions that are named; the first of them is enough to refuse.
_MOST_LATER = 20


@dataclass
class Standing:
    """One published version, seen from the table as it stands now.

    Args:
        table: As it was loaded.
        version: What the run published.
        trusting: Do not look for later versions: the next one is the same run's, and goes first.
    """

    table: Table
    version: TableVersion
    trusting: bool = False

    @cached_property
    def log(self) -> Log:
        """What `main` pointed at, all along."""
        return Log(self.table)

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """The version itself; absent when it has expired."""
        return self.log.snapshots.get(self.version.snapshot_id)

    @cached_property
    def noted(self) -> dict[str, str]:
        """What it says of itself."""
        return known(self.snapshot)

    @cached_property
    def after(self) -> list[Snapshot | None]:
        """What `main` pointed at since, oldest first."""
        ids = [entry.snapshot_id for entry in self.log.entries]
        if self.version.snapshot_id not in ids:
            return []
        place = ids.index(self.version.snapshot_id)
        return [self.log.snapshots.get(each) for each in ids[place + 1 :]]

    @cached_property
    def done(self) -> int | None:
        """The version that undid it, unless somebody rolled that back."""
        found: int | None = None
        between = {self.version.snapshot_id}  # going back to one of these brings its rows back
        for snapshot in self.after:
            if snapshot is None:
                continue
            noted = known(snapshot)
            if noted.get("undo-version") == str(self.version.snapshot_id):
                found = snapshot.snapshot_id
            elif found is None:
                between.add(snapshot.snapshot_id)
            elif (int(noted.get("rollback-to") or 0) or snapshot.snapshot_id) in between:
                found = None
        return found

    @cached_property
    def before(self) -> Snapshot | None:
        """The version before the run's; None when the run made the table's first rows."""
        parent = self.snapshot.parent_snapshot_id if self.snapshot else None
        return None if parent is None else self.log.snapshots.get(parent)

    @cached_property
    def problem(self) -> str | None:
        """Why it cannot be undone."""
        mode = self.noted.get("operation")
        if self.snapshot is None:
            return "This version has expired."
        if self.noted.get("run-id") != self.version.run_id or mode not in _DOES:
            return "This version was not made by the run."
        return self._append_problem() if mode == "append" else self._rows_problem(self.snapshot)

    def _rows_problem(self, made: Snapshot) -> str | None:
        if self.before is None and made.sequence_number not in (None, 1):
            return "The version before it has expired, and its rows with it."
        if self.noted.get("operation") == "upsert" and not self.version_keys:
            return "The version does not say which keys it was made by."
        try:
            _ = self.change
        except BadInput as error:
            return f"Its columns have changed since: {error.message}"
        return None

    def _append_problem(self) -> str | None:
        there = {task.file.file_path for task in self.appended}
        if there == self._files:
            return None
        if not there:
            return "None of its files is left: later versions replaced them."
        return (
            "Its rows cannot be told from others any more: a later version wrote some of them"
            " together with rows of its own."
        )

    @cached_property
    def appended(self) -> list[FileScanTask]:
        """Files of an `append` that readers see now."""
        if self.table.metadata.current_snapshot_id is None:
            return []
        tasks = self.table.scan().plan_files()
        return [task for task in tasks if task.file.file_path in self._files]

    @property
    def _made(self) -> Snapshot:
        if self.snapshot is None:
            raise Refused("This version has expired.", field="run")
        return self.snapshot

    @cached_property
    def _files(self) -> frozenset[str]:
        """Paths of the files that the version wrote."""
        return frozenset(file.file_path for file in snapshots.written(self.table, self._made))

    @cached_property
    def _slice(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.noted.get("slice") or "{}")
        return values

    @cached_property
    def version_keys(self) -> tuple[str, ...]:
        """The columns that an `upsert` told rows apart by."""
        return tuple(json.loads(self.noted.get("keys") or "[]"))

    @cached_property
    def change(self) -> snapshots.Change:
        """The rows that the version was about, without anything to put there."""
        schema = self.table.schema()
        keys = self.version_keys
        unknown = [name for name in keys if name not in schema.column_names]
        if unknown:
            raise BadInput(f"The key {unknown[0]!r} is not a column.", field="keys")
        key_rows = None
        if keys:
            rows = [piece.select(list(keys)) for piece in self._new_rows()]
            key_rows = snapshots.distinct(keys, rows) if rows else None
        return snapshots.Change(
            mode="upsert" if keys else "replace",
            part=Slice.bind(self._slice, schema),
            keys=keys,
            key_rows=key_rows,
            files=(),
            rows=0,
        )

    def _new_rows(self) -> Iterator[pa.Table]:
        for task in self.table.scan(snapshot_id=self._made.snapshot_id).plan_files():
            if task.file.file_path in self._files:
                yield snapshots.read(self.table, task)

    @cached_property
    def later(self) -> tuple[TableVersion, ...]:
        """Versions after it that wrote the same rows, newest first."""
        if self.noted.get("operation") == "append" or self.trusting:
            return ()
        found = []
        earlier = self.snapshot
        for snapshot in self.after:
            if snapshot is not None and earlier is not None and self._wrote(earlier, snapshot):
                found.append(self.log.version_of(snapshot))
            earlier = snapshot
        return tuple(reversed(found))[:_MOST_LATER]

    def _wrote(self, earlier: Snapshot, later: Snapshot) -> bool:
        """Whether a version changed rows that this one is about; when in doubt, it did."""
        noted = known(later)
        mode = noted.get("operation")
        if mode is None and later.summary and later.summary.operation == Operation.REPLACE:
            return False  # the same rows in other files
        if mode == "replace" and self.change.part.values:
            part = json.loads(noted.get("slice") or "{}")
            if any(name in part and part[name] != value for name, value in self._slice.items()):
                return False
            if part:
                return True
        return any(self._hits(task) for task in self._differing(earlier, later))

    def _differing(self, earlier: Snapshot, later: Snapshot) -> Iterator[FileScanTask]:
        """Files near our rows that only one of two versions has."""
        old, new = (
            {
                (task.file.file_path, *sorted(each.file_path for each in task.delete_files)): task
                for task in self._tasks(snapshot)
            }
            for snapshot in (earlier, later)
        )
        return (both[key] for both in (old, new) for key in both if (key in old) != (key in new))

    def _tasks(self, snapshot: Snapshot) -> list[FileScanTask]:
        if self.change.mode == "upsert" and self.change.key_rows is None:
            return []
        scan = self.table.scan(
            row_filter=snapshots.reach(self.change), snapshot_id=snapshot.snapshot_id
        )
        return list(scan.plan_files())

    def _hits(self, task: FileScanTask) -> bool:
        return any(piece.num_rows for piece in self._pieces([task]))

    def _pieces(self, tasks: Sequence[FileScanTask]) -> Iterator[pa.Table]:
        for task in tasks:
            rows = snapshots.read(self.table, task)
            if not snapshots.wholly(task, self.change):
                rows = rows.filter(snapshots.hits(rows, self.change))
            if rows.num_rows:
                yield rows

    def _count(self, snapshot: Snapshot | None) -> int:
        if snapshot is None:
            return 0
        return sum(
            snapshots.live_rows(self.table, task)
            if snapshots.wholly(task, self.change)
            else sum(piece.num_rows for piece in self._pieces([task]))
            for task in self._tasks(snapshot)
        )

    def part(self) -> UndoPart:
        """What undoing would do, in words."""
        if self.done is not None or self.problem is not None:
            return blocked(self.version, self.problem, done=self.done)
        mode: Any = self.noted["operation"]
        if mode == "append":
            removed = sum(snapshots.live_rows(self.table, task) for task in self.appended)
            restored = 0
        else:
            removed = self._count(self.table.metadata.current_snapshot())
            restored = self._count(self.before)
        where = ", ".join(f"{name} = {value}" for name, value in self._slice.items())
        what = where or "the whole table"
        keys = ", ".join(self.version_keys)
        return UndoPart(
            table=self.version.table,
            version=self.version.snapshot_id,
            mode=mode,
            slice=self._slice,
            keys=self.version_keys,
            does=_DOES[mode].format(
                removed=_counted(removed), restored=_counted(restored), what=what, keys=keys
            ),
            removed=removed,
            restored=restored,
            later=self.later,
            problem=None,
            done=None,
        )

    def build(self, noted: dict[str, str]) -> tuple[Any, int]:
        """Updates for a version without the run's rows, and the id of its snapshot."""
        if self.noted.get("operation") == "append":
            return snapshots.remove(self.table, self.appended, {**noted, "orch.rows": "0"})
        pieces = self._pieces(self._tasks(self.before)) if self.before is not None else iter(())
        files = snapshots.write(self.table, pieces, uuid.uuid4())
        count = sum(file.record_count for file in files)
        change = replace(self.change, files=files, rows=count)
        return snapshots.build(self.table, change, {**noted, "orch.rows": str(count)})


_DOES = {
    "append": "Removes the {removed} that it added.",
    "replace": "Puts the {restored} of {what} back in place of the {removed} there are now.",
    "upsert": "Puts the {restored} that its keys ({keys}) had before back in place of {removed}.",
}


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def blocked(version: TableVersion, problem: str | None, *, done: int | None = None) -> UndoPart:
    """A part with nothing to do: it is done, or cannot be."""
    return UndoPart(
        table=version.table,
        version=version.snapshot_id,
        mode=None,
        slice={},
        keys=(),
        does="It is undone already." if done is not None else "Nothing.",
        removed=0,
        restored=0,
        later=(),
        problem=None if done is not None else problem,
        done=done,
    )
