"""Words of versioned tables: what a run asks for, what is staged, what was published."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jupyter_orch.domain.ids import RunId

OutputMode = Literal["append", "replace", "upsert"]


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What must hold for the staged rows before anybody may read them."""

    rows_min: int | None = None
    rows_max: int | None = None
    not_null: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OutputRequest:
    """What leaving an `output` block asks the worker to stage."""

    #: `schema.table` in the configured catalog.
    table: str
    mode: OutputMode
    #: Columns and their values: the part of the table that the run replaces; empty: all of it.
    #: Dates and timestamps as ISO strings.
    slice: dict[str, Any] = field(default_factory=dict)
    #: For mode `upsert`.
    keys: tuple[str, ...] = ()
    #: Parquet files under the attempt's staging folder, in the order of writing.
    files: tuple[str, ...]
    checks: Checks = field(default_factory=Checks)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who made a version; travels in the snapshot's properties."""

    run_id: RunId
    attempt: int
    job_name: str
    notebook: str
    notebook_sha256: str
    #: JSON text, secrets by reference only.
    parameters: str
    user: str
    logical_time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class StagedOutput:
    """One output that waits to be published. JSON-serialisable: it is the publish intent."""

    table: str
    mode: OutputMode
    slice: dict[str, Any]
    keys: tuple[str, ...]
    #: Run-owned branch of an existing table, or absent for a table that does not exist yet.
    branch: str | None
    #: Head of the branch.
    snapshot_id: int | None
    #: `main` when the branch was made.
    base_snapshot_id: int | None
    #: Folder of the staged Parquet files: what a table's first version, and a replay, is made of.
    files: tuple[str, ...]
    #: Rows that this output brings.
    rows: int
    #: 1 for the attempt's first output to this table, 2 for the second …: each is a version.
    sequence: int = 1


@dataclass(frozen=True, kw_only=True)
class TableVersion:
    """The snapshot that `main` reached by one (run, table)."""

    table: str
    snapshot_id: int
    #: Absent for a version that was not made by jupyter_orch.
    run_id: RunId | None
    job_name: str | None
    notebook_sha256: str | None
    parameters: dict[str, Any] | None
    #: Rows that the run wrote.
    rows: int | None
    #: Rows of the table at this version.
    total_rows: int | None
    #: `append`, `replace`, `upsert`, `rollback`, or the engine's own word for a foreign write.
    operation: str
    user: str | None
    committed_at: datetime
    #: Whether readers see this one now.
    current: bool
    #: The part of the table that a `replace` swapped; empty: all of it.
    slice: dict[str, Any] = field(default_factory=dict)
    #: By which an `upsert` told rows apart.
    keys: tuple[str, ...] = ()
    #: Why a person rolled back or undid.
    reason: str | None = None
    #: The version that a `rollback` made current again.
    rollback_to: int | None = None
    #: The run whose output an `undo` took back.
    undo_of: RunId | None = None
    #: Whether retention keeps it however old it gets.
    pinned: bool = False
    #: Whether its rows are gone, and only this line is left.
    expired: bool = False


@dataclass(frozen=True, kw_only=True)
class TableHistory:
    """What the catalog knows of a table at one moment."""

    table: str
    #: The table's own id: one that was dropped and made again is another one.
    uuid: str
    #: Where this state of it is written down; each commit has a place of its own.
    location: str
    #: Versions that `main` reached and that have not expired, oldest first.
    versions: tuple[TableVersion, ...]


@dataclass(frozen=True, kw_only=True)
class TableInfo:
    """A line of the list of tables."""

    name: str
    versions: int
    total_rows: int | None
    last_version: TableVersion | None
