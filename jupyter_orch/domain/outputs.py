"""Words of versioned tables: what a run asks for, what is staged, what was published."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jupyter_orch.domain.ids import RunId

OutputMode = Literal["append", "replace", "upsert"]
#: `add`: new columns, and wider types of those that are there.
Evolution = Literal["add"]
#: What becomes of an output when a check does not hold: it is not published, or only told of.
Severity = Literal["error", "warn"]


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What must hold for the staged rows before anybody may read them."""

    rows_min: int | None = None
    rows_max: int | None = None
    not_null: tuple[str, ...] = ()
    #: Columns that together name a row once.
    unique: tuple[str, ...] = ()
    #: By column, its values; dates and timestamps as ISO strings, decimals as text.
    accepted: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    #: By column, the least and the greatest value; None is no bound.
    between: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    #: By column of dates or timestamps, how old its newest value may be, in seconds.
    fresh: dict[str, float] = field(default_factory=dict)
    #: Queries that answer no rows; `{output}` stands for the rows of the output.
    sql: tuple[str, ...] = ()
    #: Least and greatest ratio of the rows to those of the version before; None is no bound.
    rows_change: tuple[float | None, float | None] | None = None
    #: By column, how much its share of nulls may grow against the version before (0.1: 10 %).
    nulls_change: dict[str, float] = field(default_factory=dict)
    severity: Severity = "error"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One thing that was looked at, and what was seen."""

    #: Such as `not_null carrier`.
    name: str
    severity: Severity
    passed: bool
    #: Such as `12 of 1,000 rows have no carrier`.
    seen: str


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
    #: Those that could not be said in `checks`: of another severity, or a second of one kind.
    more_checks: tuple[Checks, ...] = ()
    #: Columns and transforms, such as `day(ts)`, for a table that is made; absent: by the slice.
    partition_by: tuple[str, ...] | None = None
    #: Order of the rows within each data file, such as `ts DESC`.
    sort_by: tuple[str, ...] = ()
    #: How the frame may change the table's columns; absent: not at all.
    evolve: Evolution | None = None


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
    #: End of the run's data interval.
    interval_end: datetime | None = None


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
    #: What was checked.
    checks: tuple[CheckResult, ...] = ()
    #: As in the request.
    partition_by: tuple[str, ...] | None = None
    sort_by: tuple[str, ...] = ()
    #: Set when the table's columns change with these rows: then they wait as files, and the branch
    #: that fences the attempt holds no rows.
    evolve: Evolution | None = None
    fence_branch: str | None = None
    fence_snapshot_id: int | None = None


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
    #: What was checked before it was published.
    checks: tuple[CheckResult, ...] = ()
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


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows of a table that somebody wants to read; at most one of version, run and time."""

    table: str
    version: int | None = None
    #: The run that made the version.
    run: RunId | None = None
    #: The version that was current then.
    as_of: datetime | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
