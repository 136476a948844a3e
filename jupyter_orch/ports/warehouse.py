"""Tables and their versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    Selection,
    StagedOutput,
    TableInfo,
    TableVersion,
)


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

    def tables(self, *, cursor: str | None = None, limit: int = 50) -> Page[TableInfo]:
        """Tables by name; only those of the page are looked into."""
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

    def rollback(self, table: str, version: int, *, user: str) -> TableVersion:
        """Makes an old version current again; history is kept."""
        ...

    def cancel_query(self, query_id: str) -> None:
        """Stops a query; one that has ended is fine."""
        ...
