"""Which old versions a table may lose, and which files go with them.

A version that is taken away leaves its line in our database. What it alone held is found exactly,
without reading every version that stays: a version holds no file but those of the version before it
and new ones, unless it was made by going back. So it is enough to look at those without a
predecessor that stays, and at those that went back.
"""

from collections.abc import Iterable
from datetime import datetime

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot

from jupyter_orch.ports import Expiry
from jupyter_orch.warehouse import names
from jupyter_orch.warehouse.versions import Log, known

#: Versions that go at once, at most: each commit reads and writes all that is known of the table.
MOST = 500
#: Operations of ours whose files are the earlier version's and new ones.
_PLAIN = frozenset({"append", "replace", "upsert", "undo", "update", "delete", "merge"})


def plan(table: Table, *, keep: int, superseded_before: datetime) -> Expiry | None:
    """What goes: versions beyond the newest `keep` that nobody pinned, tagged or branched from.

    Args:
        table: As it was loaded.
        keep: How many stay.
        superseded_before: Those that readers of `main` saw since stay as well: they may still read.

    Returns:
        None when there is nothing that goes.
    """
    log = Log(table)
    going = _going(log, keep, int(superseded_before.timestamp() * 1000))
    if not going:
        return None
    gone = {snapshot.snapshot_id for snapshot in going}
    tags = tuple(
        name for name, reference in table.metadata.refs.items() if reference.snapshot_id in gone
    )
    return Expiry(
        table=log.name,
        seen=table.metadata.current_snapshot_id,
        snapshots=tuple(sorted(gone)),
        tags=tags,
        files=tuple(sorted(_files(table, going, gone))),
    )


def _going(log: Log, keep: int, superseded_before_ms: int) -> list[Snapshot]:
    last = {entry.snapshot_id: place for place, entry in enumerate(log.entries)}
    oldest_first = sorted(last, key=last.__getitem__)
    held = {
        reference.snapshot_id
        for name, reference in log.table.metadata.refs.items()
        if reference.snapshot_ref_type != SnapshotRefType.TAG or not name.startswith(names.RUN)
    }
    going = []
    for snapshot_id in oldest_first[: -max(1, keep)]:
        snapshot = log.snapshots.get(snapshot_id)
        superseded = log.entries[last[snapshot_id] + 1].timestamp_ms
        if snapshot is not None and snapshot_id not in held and superseded < superseded_before_ms:
            going.append(snapshot)
    return going[:MOST]


def _files(table: Table, going: Iterable[Snapshot], gone: set[int]) -> set[str]:
    """Paths of what only these versions hold: lists, manifests, and data."""
    kept = [each for each in table.metadata.snapshots if each.snapshot_id not in gone]
    present = {each.snapshot_id for each in kept}
    roots = [each for each in kept if each.parent_snapshot_id not in present or _went_back(each)]
    stay = _manifests(table, roots)
    leave = {
        path: manifest for path, manifest in _manifests(table, going).items() if path not in stay
    }
    data = _data(table, leave.values())
    if data:
        data -= _data(table, stay.values())
    lists = {snapshot.manifest_list for snapshot in going}
    return data | set(leave) | lists


def _went_back(snapshot: Snapshot) -> bool:
    """Whether it may hold files that the version before it did not have, and that are old."""
    operation = known(snapshot).get("operation")
    if operation is not None:
        return operation not in _PLAIN
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    return "trino_query_id" not in summary


def _manifests(table: Table, snapshots: Iterable[Snapshot]) -> dict[str, ManifestFile]:
    return {
        manifest.manifest_path: manifest
        for snapshot in snapshots
        for manifest in snapshot.manifests(table.io)
    }


def _data(table: Table, manifests: Iterable[ManifestFile]) -> set[str]:
    return {
        entry.data_file.file_path
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io)
    }
