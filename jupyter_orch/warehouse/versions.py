"""Versions of a table: what `main` pointed at, and which run put it there."""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, SnapshotLogEntry

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import Provenance, TableHistory, TableVersion
from jupyter_orch.warehouse import check_results, names
from jupyter_orch.warehouse.snapshots import TOTAL_ROWS

_PREFIX = "orch."
#: What was checked, as JSON.
CHECKS = "orch.checks"
#: Longer parameters stay with the run; a snapshot's properties are read with every query.
_MAX_PARAMETERS = 8192  # characters


def properties(provenance: Provenance, *, operation: str, sequence: int) -> dict[str, str]:
    """Who made a version, as properties of its snapshot."""
    values = {
        "run-id": provenance.run_id,
        "attempt": str(provenance.attempt),
        "sequence": str(sequence),
        "operation": operation,
        "job": provenance.job_name,
        "notebook": provenance.notebook,
        "notebook-sha256": provenance.notebook_sha256,
        "user": provenance.user,
    }
    if len(provenance.parameters) <= _MAX_PARAMETERS:
        values["parameters"] = provenance.parameters
    if provenance.logical_time is not None:
        values["logical-time"] = provenance.logical_time.isoformat()
    return {_PREFIX + name: value for name, value in values.items()}


def find(table: Table, run_id: RunId, sequence: int) -> TableVersion | None:
    """What this run published here, whether or not readers still see it."""
    snapshot = snapshot_of_run(table, run_id, sequence)
    return None if snapshot is None else Log(table).version_of(snapshot)


def snapshot_of_run(table: Table, run_id: RunId, sequence: int = 1) -> Snapshot | None:
    """The snapshot that the run published, by its tag, else by what main's log remembers."""
    reference = table.metadata.refs.get(names.tag(run_id, sequence))
    if reference is not None:
        return table.metadata.snapshot_by_id(reference.snapshot_id)
    wanted = {f"{_PREFIX}run-id": run_id, f"{_PREFIX}sequence": str(sequence)}.items()
    log = Log(table)
    for entry in reversed(log.entries):
        snapshot = log.snapshots.get(entry.snapshot_id)
        if snapshot is not None and wanted <= _summary(snapshot).items():
            return snapshot
    return None


def page(table: Table, *, cursor: str | None, limit: int) -> Page[TableVersion]:
    """Versions, newest first; the cursor names the last one of the page before."""
    log = Log(table)
    entries = list(reversed(log.entries))
    start = 0 if cursor is None else _after(entries, cursor)
    chosen = entries[start : start + limit]
    following = None
    if chosen and start + limit < len(entries):
        following = f"{chosen[-1].timestamp_ms}-{chosen[-1].snapshot_id}"
    return Page(items=tuple(map(log.describe, chosen)), next_cursor=following)


def history(table: Table) -> TableHistory:
    """Everything that is known of a table's versions now."""
    log = Log(table)
    return TableHistory(
        table=".".join(table.name()),
        uuid=str(table.metadata.table_uuid),
        location=table.metadata_location,
        versions=tuple(log.describe(entry) for entry in log.entries),
    )


def snapshot_at(table: Table, version: int, name: str) -> Snapshot:
    """The snapshot of a version.

    Raises:
        NotFound: `main` never was there, or the version expired (field `version`).
    """
    snapshot = table.metadata.snapshot_by_id(version)
    if snapshot is None or not any(
        entry.snapshot_id == version for entry in table.metadata.snapshot_log
    ):
        raise NotFound(
            f"{name} has no version {version}, or it has expired.",
            field="version",
            hint=f"jupyter orch versions {name} lists them.",
        )
    return snapshot


class Log:
    """What `main` pointed at, one entry after the other, read once from a table's metadata."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = ".".join(table.name())
        #: Oldest first.
        self.entries: list[SnapshotLogEntry] = table.metadata.snapshot_log
        self.snapshots = {each.snapshot_id: each for each in table.metadata.snapshots}

    @cached_property
    def _first(self) -> dict[int, SnapshotLogEntry]:
        """Where each snapshot came first: a second time it was rolled back to."""
        return {entry.snapshot_id: entry for entry in reversed(self.entries)}

    @cached_property
    def _pinned(self) -> frozenset[int]:
        return frozenset(
            reference.snapshot_id
            for name, reference in self.table.metadata.refs.items()
            if name.startswith(names.PIN)
        )

    def version_of(self, snapshot: Snapshot) -> TableVersion:
        """The version that a snapshot is, even if `main` never was there."""
        for entry in reversed(self.entries):
            if entry.snapshot_id == snapshot.snapshot_id:
                return self.describe(entry)
        values = {"snapshot-id": snapshot.snapshot_id, "timestamp-ms": snapshot.timestamp_ms}
        return self.describe(SnapshotLogEntry.model_validate(values))

    def describe(self, entry: SnapshotLogEntry) -> TableVersion:
        """One entry in our words."""
        snapshot = self.snapshots.get(entry.snapshot_id)
        noted = known(snapshot)
        summary = _summary(snapshot)
        first = self._first.get(entry.snapshot_id)
        repeated = snapshot is not None and first is not None and first is not entry
        is_last = bool(self.entries) and self.entries[-1] == entry
        return TableVersion(
            table=self.name,
            snapshot_id=entry.snapshot_id,
            run_id=RunId(noted["run-id"]) if noted.get("run-id") else None,
            job_name=noted.get("job") or None,
            notebook_sha256=noted.get("notebook-sha256") or None,
            parameters=_mapping(noted.get("parameters")),
            rows=_number(noted.get("rows")) if noted else _number(summary.get("added-records")),
            total_rows=_total(summary),
            operation="rollback" if repeated else noted.get("operation") or _foreign(snapshot),
            user=noted.get("user") or summary.get("trino_user") or None,
            committed_at=datetime.fromtimestamp(entry.timestamp_ms / 1000, UTC),
            checks=check_results.from_text(noted.get("checks")),
            current=is_last and self.table.metadata.current_snapshot_id == entry.snapshot_id,
            slice=_mapping(noted.get("slice")) or {},
            keys=_words(noted.get("keys")),
            reason=noted.get("reason") or None,
            rollback_to=entry.snapshot_id if repeated else _number(noted.get("rollback-to")),
            undo_of=RunId(noted["undo-of"]) if noted.get("undo-of") else None,
            pinned=entry.snapshot_id in self._pinned,
            expired=snapshot is None,
        )


def known(snapshot: Snapshot | None) -> dict[str, str]:
    """Our own properties of a snapshot, without the prefix."""
    found = _summary(snapshot)
    return {
        name.removeprefix(_PREFIX): value
        for name, value in found.items()
        if name.startswith(_PREFIX)
    }


def total_rows(snapshot: Snapshot) -> int | None:
    """Rows of the table at this snapshot, where its summary tells them."""
    return _total(_summary(snapshot))


def _after(entries: list[SnapshotLogEntry], cursor: str) -> int:
    time, _, snapshot = cursor.partition("-")
    if not (time.isdigit() and snapshot.isdigit()):
        raise BadInput(f"{cursor!r} is not a cursor of this list.", field="cursor")
    for index, entry in enumerate(entries):
        if entry.timestamp_ms == int(time) and entry.snapshot_id == int(snapshot):
            return index + 1
    return sum(1 for entry in entries if entry.timestamp_ms >= int(time))


def _summary(snapshot: Snapshot | None) -> Mapping[str, str]:
    if snapshot is None or snapshot.summary is None:
        return {}
    return snapshot.summary.additional_properties


def _foreign(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "expired"
    return snapshot.summary.operation.value if snapshot.summary else "unknown"


def _total(summary: Mapping[str, str]) -> int | None:
    if TOTAL_ROWS in summary:
        return _number(summary[TOTAL_ROWS])
    records = _number(summary.get("total-records"))
    if records is None or _number(summary.get("total-equality-deletes")):
        return None
    return records - (_number(summary.get("total-position-deletes")) or 0)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _mapping(text: str | None) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        found = json.loads(text) if text else None
        return found if isinstance(found, dict) else None
    return None


def _words(text: str | None) -> tuple[str, ...]:
    with contextlib.suppress(ValueError):
        found = json.loads(text) if text else []
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return tuple(found)
    return ()
