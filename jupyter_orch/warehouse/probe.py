"""Whether a catalog keeps what publishing stands on, tried on a table of its own and read back.

Some catalogs take a commit with a tag or a branch and keep only the rest. Nobody would notice until
a version is asked for by its run, so that it is looked at before anything is published.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH

from jupyter_orch.domain.errors import OrchError, Refused
from jupyter_orch.settings import WarehouseSettings
from jupyter_orch.warehouse import publish
from jupyter_orch.warehouse.names import PROBE_SCHEMA, Identifier
from jupyter_orch.warehouse.trouble import told

#: Whoever has not ended so long after its beginning was killed; clocks of hosts differ by less.
_ABANDONED_SECONDS = 600
_NAME = re.compile("probe_([0-9]{1,12})_[0-9a-f]{32}(_renamed)?")
_NOTE = "orch.probe"
_TRIES = 10
_ROWS = pa.table({"n": pa.array([1], pa.int64())})


@dataclass(frozen=True, kw_only=True)
class Capability:
    """One thing that publishing needs of a catalog."""

    name: str
    #: What is wrong; absent when it does it.
    problem: str | None = None


class _Lacking(Exception):
    """The catalog does not do it; the message says what it does instead."""


def probe(catalog: Catalog, warehouse: WarehouseSettings) -> tuple[Capability, ...]:
    """Tries each capability once; nothing of it is left.

    Raises:
        Unavailable: Catalog or bucket do not answer.
    """
    with told(warehouse), _scratch(catalog, warehouse) as scratch:
        return tuple(
            Capability(name=name, problem=_tried(catalog.name, scratch, step))
            for name, step in _STEPS.items()
        )


def require(catalog: Catalog, warehouse: WarehouseSettings) -> None:
    """Refuses a catalog that lacks a capability.

    Raises:
        Refused: Field `warehouse.catalog_uri`; the words name catalog and capability.
        Unavailable: Catalog or bucket do not answer.
    """
    for found in probe(catalog, warehouse):
        if found.problem is not None:
            raise Refused(
                found.problem,
                field="warehouse.catalog_uri",
                hint="Use a catalog in PostgreSQL or SQLite; jupyter orch doctor shows the rest.",
            )


class _Scratch:
    """The table that is tried on."""

    def __init__(self, catalog: Catalog, location: str) -> None:
        self.catalog = catalog
        name = f"probe_{int(time.time())}_{uuid.uuid4().hex}"
        self.identifier: Identifier = (PROBE_SCHEMA, name)
        self.place = f"{location}/{PROBE_SCHEMA}/{name}"

    def load(self) -> Table:
        """The table as the catalog tells it now."""
        return self.catalog.load_table(self.identifier)


@contextmanager
def _scratch(catalog: Catalog, warehouse: WarehouseSettings) -> Iterator[_Scratch]:
    scratch = _Scratch(catalog, warehouse.location)
    try:
        _remove_abandoned(catalog)
        yield scratch
    finally:
        with suppress(Exception):  # what was tried says more than what cannot be removed
            if catalog.table_exists(scratch.identifier):
                catalog.purge_table(scratch.identifier)
            catalog.drop_namespace(PROBE_SCHEMA)  # refused while somebody else tries


def _remove_abandoned(catalog: Catalog) -> None:
    """Removes the tables of processes that were killed while they tried."""
    with suppress(Exception):  # others may do the same; what is wrong the steps say better
        for _, name in catalog.list_tables(PROBE_SCHEMA):
            began = _NAME.fullmatch(name)
            if began and time.time() - int(began[1]) > _ABANDONED_SECONDS:
                catalog.purge_table((PROBE_SCHEMA, name))


def _tried(name: str, scratch: _Scratch, step: Callable[[_Scratch], None]) -> str | None:
    try:
        step(scratch)
    except _Lacking as error:
        return f"The catalog {name} {error}."
    except (NotImplementedError, ValueError, OrchError, LookupError) as error:
        return f"The catalog {name} fails at this: {str(error) or type(error).__name__}."
    return None


def _make(scratch: _Scratch) -> None:
    for tried in range(_TRIES):
        scratch.catalog.create_namespace_if_not_exists(PROBE_SCHEMA)
        try:
            scratch.catalog.create_table(scratch.identifier, _ROWS.schema, location=scratch.place)
            break
        except NoSuchNamespaceError:  # somebody else has ended trying, and took it away
            if tried == _TRIES - 1:
                raise
    if not scratch.catalog.table_exists(scratch.identifier):
        raise _Lacking("accepts tables and forgets them")


def _append(scratch: _Scratch) -> None:
    scratch.load().append(_ROWS, snapshot_properties={_NOTE: "kept"})
    table = scratch.load()
    snapshot = table.current_snapshot()
    if snapshot is None or table.scan().to_arrow().num_rows != _ROWS.num_rows:
        raise _Lacking("accepts rows and forgets them")
    if snapshot.summary is None or snapshot.summary.additional_properties.get(_NOTE) != "kept":
        raise _Lacking("accepts what a version says about its run and forgets it")


def _tag(scratch: _Scratch) -> None:
    table = scratch.load()
    table.manage_snapshots().create_tag(_head(table), "probe-tag").commit()
    if "probe-tag" not in scratch.load().refs():
        raise _Lacking("accepts tags and forgets them, so that no version is found by its run")


def _branch(scratch: _Scratch) -> None:
    table = scratch.load()
    table.manage_snapshots().create_branch(_head(table), "probe-branch").commit()
    if "probe-branch" not in scratch.load().refs():
        raise _Lacking("accepts branches and forgets them, so that nothing can be staged")


def _guard(scratch: _Scratch) -> None:
    """A commit that requires main as it was is refused once main has moved."""
    stale = scratch.load()
    scratch.load().append(_ROWS)
    moved = _head(scratch.load())
    with suppress(CommitFailedException):
        publish.move_main(stale, (), _head(stale), tag="probe-late")
    if _head(scratch.load()) != moved:
        raise _Lacking("lets a late writer undo what another one has published")


def _rename(scratch: _Scratch) -> None:
    new: Identifier = (PROBE_SCHEMA, f"{scratch.identifier[1]}_renamed")
    scratch.catalog.rename_table(scratch.identifier, new)
    old, scratch.identifier = scratch.identifier, new
    if scratch.catalog.table_exists(old) or scratch.load().refs().get(MAIN_BRANCH) is None:
        raise _Lacking("does not carry a table over when it is renamed")


def _drop(scratch: _Scratch) -> None:
    scratch.catalog.purge_table(scratch.identifier)
    if scratch.catalog.table_exists(scratch.identifier):
        raise _Lacking("does not drop tables")


def _head(table: Table) -> int:
    snapshot = table.current_snapshot()
    if snapshot is None:
        raise _Lacking("holds no version of a table that was written to")
    return snapshot.snapshot_id


_STEPS: dict[str, Callable[[_Scratch], None]] = {
    "tables": _make,
    "rows with notes": _append,
    "tags": _tag,
    "branches": _branch,
    "refusal of late commits": _guard,
    "renaming": _rename,
    "dropping": _drop,
}
