"""The one place where tables change: a list of updates, and what must hold for them to apply.

Correctness rests on the requirements of each commit; the lock only saves retries. Before anything
is tried again the run's id is looked for, so that a commit whose answer was lost is not repeated.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TypeVar

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import (
    AssertCreate,
    AssertRefSnapshotId,
    AssertTableUUID,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetSnapshotRefUpdate,
    TableRequirement,
    TableUpdate,
)
from pyiceberg.utils.properties import property_as_bool
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import OrchError, Refused, Unavailable
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import trouble
from jupyter_orch.warehouse.locks import committing
from jupyter_orch.warehouse.names import Identifier

#: A commit that lost its race is built anew this many times before the run gives up.
TRIES = 30
_FIRST_WAIT = 0.02  # seconds, doubled each time, with full jitter
_LONGEST_WAIT = 2.0  # seconds

#: What a lost race, a lost answer or a busy catalog looks like.
_WORTH_ANOTHER_TRY = (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    SQLAlchemyError,
    TableAlreadyExistsError,
    ValidationException,
    OSError,
    Unavailable,
)

#: pyiceberg's word for a snapshot that was built while another one was committed.
_OVERTAKEN = "sequence number"

_DELETES_OLD = TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED

_log = logging.getLogger(__name__)
T = TypeVar("T")


def settled(settings: Settings, identifier: Identifier, attempt: Callable[[], T]) -> T:
    """Calls `attempt`, which loads the table, looks for its own result and commits, until it lands.

    Raises:
        Refused: Others were always quicker.
        Unavailable: The catalog did not answer; whether it landed is for the next call to see.
    """
    name = ".".join(identifier)
    with committing(settings, name) as going_on:
        for tried in range(1, TRIES + 1):
            going_on()
            try:
                return attempt()
            except (*_WORTH_ANOTHER_TRY, ValueError) as error:
                if isinstance(error, ValueError) and _OVERTAKEN not in str(error):
                    raise
                if trouble.lasting(error):
                    raise _gave_up(settings, name, error) from error
                _log.warning(
                    "warehouse.commit_retried",
                    extra={"table": name, "tried": tried, "error": str(error)},
                )
                if tried == TRIES:
                    raise _gave_up(settings, name, error) from error
                time.sleep(random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**tried)))  # noqa: S311
    raise AssertionError


def load(catalog: Catalog, identifier: Identifier) -> Table | None:
    """The table as it stands now, or None when there is none."""
    try:
        return catalog.load_table(identifier)
    except NoSuchTableError:
        return None


def list_tables(catalog: Catalog) -> list[Identifier]:
    """Every table, by name."""
    found = [name for space in catalog.list_namespaces() for name in catalog.list_tables(space)]
    return sorted((schema, table) for schema, table in found)


def make_branch(table: Table, updates: Sequence[TableUpdate], head: int, branch: str) -> None:
    """Adds a snapshot that only `branch` points to."""
    requirements: list[TableRequirement] = [_same(table)]
    if table.metadata.snapshots:
        # A table without snapshots knows no branch; pyiceberg refuses even to ask.
        requirements.append(_at(branch, None))
    _commit(table, requirements, [*updates, _set(branch, head, SnapshotRefType.BRANCH)])


def move_main(
    table: Table,
    updates: Sequence[TableUpdate],
    head: int,
    *,
    tag: str | None = None,
    branch: str | None = None,
    staged: int | None = None,
    requirements: Sequence[TableRequirement] = (),
) -> None:
    """Makes `head` what readers see, in one commit with its tag and the end of its branch.

    It requires main as seen and, when a branch is given, that this branch still is at `staged`:
    an attempt whose branch was dropped is refused here, however late it comes.
    """
    required = [
        *requirements,
        _same(table),
        _at(MAIN_BRANCH, table.metadata.current_snapshot_id),
    ]
    changes = [*updates, _set(MAIN_BRANCH, head, SnapshotRefType.BRANCH)]
    if tag is not None:
        if table.metadata.snapshots:
            required.append(_at(tag, None))
        changes.append(_set(tag, head, SnapshotRefType.TAG))
    if branch is not None and staged is not None:
        required.append(_at(branch, staged))
        changes.append(_without(branch))
        if staged != head:
            changes.append(_forget(staged))
    _commit(table, required, changes)


def create(table: Table, updates: Sequence[TableUpdate], head: int, *, tag: str) -> None:
    """Makes a staged table with its first rows and their tag, in one commit."""
    changes = [
        *updates,
        _set(MAIN_BRANCH, head, SnapshotRefType.BRANCH),
        _set(tag, head, SnapshotRefType.TAG),
    ]
    _commit(table, [AssertCreate()], changes)


def drop_branch(table: Table, branch: str) -> Snapshot | None:
    """Removes a branch with its own snapshot, which is answered; None when there is no branch."""
    reference = table.metadata.refs.get(branch)
    if reference is None:
        return None
    head = table.metadata.snapshot_by_id(reference.snapshot_id)
    others = [ref for name, ref in table.metadata.refs.items() if name != branch]
    changes: list[TableUpdate] = [_without(branch)]
    if all(ref.snapshot_id != reference.snapshot_id for ref in others):
        changes.append(_forget(reference.snapshot_id))
    else:
        head = None
    requirement = _at(branch, reference.snapshot_id)
    _commit(table, [_same(table), requirement], changes)
    return head


def forget(
    table: Table, snapshots: Sequence[int], tags: Sequence[str], pins: Sequence[str]
) -> None:
    """Takes versions away with their tags, unless main moved or one of these pins is there."""
    requirements = [
        _same(table),
        _at(MAIN_BRANCH, table.metadata.current_snapshot_id),
        *(_at(pin, None) for pin in pins),
    ]
    values = {"snapshot-ids": list(snapshots)}
    changes = [*map(_without, tags), RemoveSnapshotsUpdate.model_validate(values)]
    _commit(table, requirements, changes)


def set_tag(table: Table, tag: str, snapshot_id: int | None) -> None:
    """Puts a tag onto a version that is there, or takes it away."""
    if snapshot_id is None:
        _commit(table, [_same(table)], [_without(tag)])
    else:
        _commit(table, [_same(table)], [_set(tag, snapshot_id, SnapshotRefType.TAG)])


def delete_files(table: Table, paths: Sequence[str]) -> None:
    """Deletes files; one that is gone is fine, and one that resists is left."""
    for path in paths:
        try:
            table.io.delete(path)
        except FileNotFoundError:
            continue
        except OSError:
            _log.warning("warehouse.file_left", extra={"path": path})


def remove_files(table: Table, snapshot: Snapshot) -> None:
    """Deletes what only a dropped snapshot held: its manifests and the files it added."""
    paths = []
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id != snapshot.snapshot_id:
            continue
        paths += [
            entry.data_file.file_path
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == snapshot.snapshot_id
        ]
        paths.append(manifest.manifest_path)
    delete_files(table, (*paths, snapshot.manifest_list))


def _gave_up(settings: Settings, name: str, error: Exception) -> OrchError:
    if isinstance(error, OrchError):
        return error
    if isinstance(error, SQLAlchemyError | OSError):
        return trouble.unavailable(error, settings.warehouse)
    return Refused(
        f"{name} could not be changed: {_line(error)}.",
        field="table",
        hint="Somebody else keeps changing the table; run it again later.",
    )


def _commit(
    table: Table, requirements: Sequence[TableRequirement], updates: Sequence[TableUpdate]
) -> None:
    answer = table.catalog.commit_table(table, tuple(requirements), tuple(updates))
    # pyiceberg does this for its own transactions alone
    if property_as_bool(answer.metadata.properties, _DELETES_OLD, default=False):
        left = {entry.metadata_file for entry in answer.metadata.metadata_log}
        before = (entry.metadata_file for entry in table.metadata.metadata_log)
        delete_files(table, [file for file in before if file not in left])


def _same(table: Table) -> TableRequirement:
    found: uuid.UUID = table.metadata.table_uuid
    return AssertTableUUID(uuid=found)


def _set(name: str, snapshot_id: int, kind: SnapshotRefType) -> TableUpdate:
    values = {"ref-name": name, "type": kind, "snapshot-id": snapshot_id}
    return SetSnapshotRefUpdate.model_validate(values)


def _at(name: str, snapshot_id: int | None) -> TableRequirement:
    """The branch or tag stands there, or is not there at all."""
    return AssertRefSnapshotId.model_validate({"ref": name, "snapshot-id": snapshot_id})


def _without(name: str) -> TableUpdate:
    return RemoveSnapshotRefUpdate.model_validate({"ref-name": name})


def _forget(snapshot_id: int) -> TableUpdate:
    return RemoveSnapshotsUpdate.model_validate({"snapshot-ids": [snapshot_id]})


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
