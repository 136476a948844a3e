"""Versions of a table: what `main` pointed at, and which run put it there."""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, SnapshotLogEntry

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import Provenance, TableVersion
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
    if snapshot is None:
        return None
    for entry in reversed(table.metadata.snapshot_log):
        if entry.snapshot_id == snapshot.snapshot_id:
            return describe(table, entry)
    values = {"snapshot-id": snapshot.snapshot_id, "timestamp-ms": snapshot.timestamp_ms}
    return describe(table, SnapshotLogEntry.model_validate(values))


def snapshot_of_run(table: Table, run_id: RunId, sequence: int = 1) -> Snapshot | None:
    """The snapshot that the run published, by its tag, else by what main's log remembers."""
    reference = table.metadata.refs.get(names.tag(run_id, sequence))
    if reference is not None:
        return table.metadata.snapshot_by_id(reference.snapshot_id)
    for entry in reversed(table.metadata.snapshot_log):
        snapshot = table.metadata.snapshot_by_id(entry.snapshot_id)
        if snapshot is None:
            continue
        known = _known(snapshot)
        if known.get("run-id") == run_id and known.get("sequence") == str(sequence):
            return snapshot
    return None


def page(table: Table, *, cursor: str | None, limit: int) -> Page[TableVersion]:
    """Versions, newest first; the cursor names the last one of the page before."""
    entries = list(reversed(table.metadata.snapshot_log))
    start = 0 if cursor is None else _after(entries, cursor)
    chosen = entries[start : start + limit]
    following = None
    if chosen and start + limit < len(entries):
        following = f"{chosen[-1].timestamp_ms}-{chosen[-1].snapshot_id}"
    return Page(items=tuple(describe(table, entry) for entry in chosen), next_cursor=following)


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
            f"{name} has no version {version}.",
            field="version",
            hint=f"jupyter orch versions {name} lists them.",
        )
    return snapshot


def describe(table: Table, entry: SnapshotLogEntry) -> TableVersion:
    """One entry of main's log in our words."""
    snapshot = table.metadata.snapshot_by_id(entry.snapshot_id)
    known = _known(snapshot)
    summary = _summary(snapshot)
    latest = table.metadata.snapshot_log[-1] if table.metadata.snapshot_log else None
    repeated = snapshot is not None and _seen_before(table, entry)
    return TableVersion(
        table=".".join(table.name()),
        snapshot_id=entry.snapshot_id,
        run_id=RunId(known["run-id"]) if known.get("run-id") else None,
        job_name=known.get("job") or None,
        notebook_sha256=known.get("notebook-sha256") or None,
        parameters=_parameters(known.get("parameters")),
        rows=_number(known.get("rows")) if known else _number(summary.get("added-records")),
        total_rows=_total(summary),
        operation="rollback" if repeated else known.get("operation") or _foreign(snapshot),
        user=known.get("user") or summary.get("trino_user") or None,
        committed_at=datetime.fromtimestamp(entry.timestamp_ms / 1000, UTC),
        current=latest == entry and table.metadata.current_snapshot_id == entry.snapshot_id,
        checks=check_results.from_text(known.get("checks")),
    )


def _seen_before(table: Table, entry: SnapshotLogEntry) -> bool:
    for earlier in table.metadata.snapshot_log:
        if earlier == entry:
            return False
        if earlier.snapshot_id == entry.snapshot_id:
            return True
    return False


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


def _known(snapshot: Snapshot | None) -> dict[str, str]:
    """Our own properties, without the prefix."""
    found = _summary(snapshot)
    return {
        name.removeprefix(_PREFIX): value
        for name, value in found.items()
        if name.startswith(_PREFIX)
    }


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


def _parameters(text: str | None) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        found = json.loads(text) if text else None
        return found if isinstance(found, dict) else None
    return None
