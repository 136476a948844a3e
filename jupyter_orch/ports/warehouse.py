"""Tables and their versions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    Selection,
    StagedOutput,
    TableHistory,
    TableVersion,
)
from jupyter_orch.domain.versions import RollbackPlan, TableDiff, UndoPlan


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """Versions that a table loses, and what goes with them."""

    table: str
    #: `main` when it was planned; another one calls it off.
    seen: int | None
    snapshots: tuple[int, ...]
    tags: tuple[str, ...]
    #: Files that only these versions hold.
    files: tuple[str, ...]


class Warehouse(Protocol):
    """Versioned tables. Every catalog commit of the product goes through here."""

    def describe(self) -> Mapping[str, Any]:
        """What people may know: `engine` (embedded | trino), `url`, `location`. No secrets."""
        ...

    def ping(self) -> None:
        """Raises `Unavailable` with the reason when queries cannot run."""
        ...

    def check(self) -> None:
        """Tries, once, whether the catalog keeps what publishing stands on.

        Raises:
            Refused: It does not, and what it lacks.
            Unavailable: It does not answer.
        """
        ...

    def staging_folder(self, run_id: RunId, attempt: int) -> Path:
        """Where an attempt's kernel puts data files; made, private to the user."""
        ...

    def stage(self, request: OutputRequest, provenance: Provenance) -> StagedOutput:
        """Writes to where readers do not look, and checks.

        Raises:
            BadInput: Table name, schema, slice or mode do not fit (field `table`, `slice` …).
            CheckFailed: A check does not hold.
        """
        ...

    def publish(self, staged: StagedOutput, provenance: Provenance) -> TableVersion:
        """Makes it visible in one commit with tag `run-<id>`; safe to repeat.

        Looks for the run's id first, so that an answer that got lost never publishes twice.
        """
        ...

    def discard(self, run_id: RunId, attempt: int) -> None:
        """Drops branches, staging tables and files of an attempt; safe to repeat."""
        ...

    def heads(self, tables: Sequence[str] = ()) -> Mapping[str, str]:
        """By name where the current state of each table is written down; it moves with each commit.

        Of these tables, or of all; one that is not there is left out. Reads no table.
        """
        ...

    def history(self, table: str) -> TableHistory:
        """What the catalog knows of a table's versions.

        Raises:
            NotFound: There is no such table (field `table`).
        """
        ...

    def export(self, wanted: Selection, file: Path) -> int:
        """Writes the rows as an Arrow file; answers how many there are.

        Raises:
            NotFound: No such table or version.
        """
        ...

    def versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions that `main` reached, newest first."""
        ...

    def preview(self, table: str, *, version: int | None, limit: int = 20) -> Mapping[str, Any]:
        """`{"columns": [{"name", "type"}], "rows": [[…]]}` with JSON values."""
        ...

    def diff(
        self,
        table: str,
        before: int,
        after: int,
        *,
        keys: Sequence[str] = (),
        gone: Callable[[], bool] = lambda: False,
    ) -> TableDiff:
        """What changed from one version to another, found out by the engine.

        `gone` is asked now and then whether nobody waits any more; queries are cancelled then.

        Raises:
            NotFound: There is no such version, or it has expired.
            BadInput: The keys do not tell rows apart (field `keys`).
        """
        ...

    def plan_rollback(self, table: str, version: int) -> RollbackPlan:
        """What a roll back would do."""
        ...

    def rollback(
        self,
        table: str,
        version: int,
        *,
        user: str,
        expected: int | None = None,
        reason: str | None = None,
    ) -> TableVersion:
        """Makes an old version current again, as a new version; history is kept.

        Raises:
            StaleWrite: `expected` is given, and readers see another version than that.
            NotFound: There is no such version, or it has expired.
        """
        ...

    def plan_undo(self, run_id: RunId, published: Sequence[TableVersion]) -> UndoPlan:
        """What undoing a run would do to all that it published."""
        ...

    def undo(
        self,
        run_id: RunId,
        published: Sequence[TableVersion],
        *,
        user: str,
        expected: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> tuple[TableVersion, ...]:
        """Takes back what the run published, one new version for each; safe to repeat.

        Raises:
            StaleWrite: `expected` is given, and is not the tag of the plan any more.
            Refused: Later versions wrote the same rows, and `force` is not given; or rows cannot be
                told apart. No table was changed.
        """
        ...

    def pin(self, table: str, version: int, *, pinned: bool = True) -> TableVersion:
        """Keeps a version from retention, or lets it go; saying it twice is harmless."""
        ...

    def plan_expiry(self, table: str, *, keep: int, superseded_before: datetime) -> Expiry | None:
        """Which versions may go beyond the newest ones; those seen since then stay."""
        ...

    def expire(self, expiry: Expiry) -> bool:
        """Takes them away, files apart; False when the table changed since it was planned."""
        ...

    def delete_files(self, table: str, paths: Sequence[str]) -> None:
        """Deletes files that no version holds; those that are gone are fine."""
        ...

    def delete_orphans(self, table: str, *, older_than: datetime) -> int:
        """Deletes some files of a table that are older than that and that no commit names.

        Answers how many, 0 when there are no more. Only in folders inside the warehouse that hold
        this table alone.

        Raises:
            NotFound: There is no such table (field `table`).
            Refused: Not everything could be looked at; nothing was deleted.
        """
        ...

    def leftovers(self, *, untouched_since: datetime) -> tuple[tuple[RunId, int], ...]:
        """Attempts that staged something and have not been heard of since."""
        ...

    def cancel_query(self, query_id: str) -> None:
        """Stops a query; one that has ended is fine."""
        ...
