"""Fills the log of versions: many tables, and one that was published again and again."""

from datetime import datetime, timedelta

from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import TableHistory, TableVersion
from jupyter_orch.store.sql import SqlStore

TABLES, FEW, MANY = 1000, 20, 10_000
KEPT = 500  # versions of a table that have not expired
BUSIEST = "analytics.daily"


def name(number: int) -> str:
    """Of one of the `TABLES` others."""
    return f"analytics.table_{number:04}"


def fill_lake(store: SqlStore, began: datetime) -> None:
    """Stores the versions of all tables."""
    for number in range(TABLES):
        store.note_history(_history(name(number), FEW, began), seen=None)
    store.note_history(_history(BUSIEST, MANY, began), seen=None)


def _history(table: str, count: int, began: datetime) -> TableHistory:
    return TableHistory(
        table=table,
        uuid=new_id(),
        location=f"s3://lake/{table}/metadata/{count:05}.metadata.json",
        versions=tuple(
            TableVersion(
                table=table,
                snapshot_id=2**62 + number,
                run_id=RunId(new_id()),
                job_name="report",
                notebook_sha256="ab" * 32,
                parameters={"origin": "JFK"},
                rows=1000,
                total_rows=1000 * number,
                operation="append",
                user="ann",
                committed_at=began + timedelta(minutes=number),
                current=number == count - 1,
                expired=number < count - KEPT,
            )
            for number in range(count)
        ),
    )
