"""A warehouse in a folder of its own, and short ways to write to it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from team_fixture import Team
from trino_fixture import TrinoServer

from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId, new_id
from jupyter_orch.domain.model import Actor
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    StagedOutput,
    TableInfo,
    TableVersion,
)
from jupyter_orch.service.table_log import TableLog
from jupyter_orch.service.tables import Tables
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.memory import MemoryStore
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

ADA = Actor(user="ada", team=DEFAULT_TEAM)
#: For tests that look into the folder, or of what only the engine can do that reads it.
folder_only = pytest.mark.parametrize("settings", ["folder"], indirect=True)


class Lake:
    """A warehouse as a worker uses it: each call is a run of its own, unless told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.warehouse = IcebergWarehouse(settings)

    def provenance(self, run: str | None = None, attempt: int = 1) -> Provenance:
        """Who writes."""
        return Provenance(
            run_id=RunId(run or new_id()),
            attempt=attempt,
            job_name="flights",
            notebook="flights.ipynb",
            notebook_sha256="ab" * 32,
            parameters='{"day": "2013-01-01"}',
            user="ada",
        )

    def stage(
        self, table: str, data: pa.Table, provenance: Provenance | None = None, **request: Any
    ) -> tuple[StagedOutput, Provenance]:
        """Stages rows as a kernel would: by a Parquet file in the attempt's folder."""
        who = provenance or self.provenance()
        folder = self.warehouse.staging_folder(who.run_id, who.attempt)
        file = folder / f"{new_id()}.parquet"
        pq.write_table(data, file)
        wanted = OutputRequest(
            **{"mode": "replace", "table": table, "files": (file.name,)} | request
        )
        return self.warehouse.stage(wanted, who), who

    def write(self, table: str, data: pa.Table, **request: Any) -> TableVersion:
        """Stages and publishes."""
        staged, who = self.stage(table, data, **request)
        return self.warehouse.publish(staged, who)

    def rows(self, table: str, version: int | None = None) -> list[dict[str, Any]]:
        """What readers see, in order."""
        found = self.warehouse.load(table).scan(snapshot_id=version).to_arrow().to_pylist()
        return sorted(found, key=str)

    def values(self, table: str, version: int | None = None) -> list[int]:
        """The column `n` of what readers see."""
        return sorted(row["n"] for row in self.rows(table, version))


def listed(lake: Lake, store: SqlStore | MemoryStore | None = None) -> dict[str, TableInfo]:
    """The list of tables, as the service shows it."""
    kept = store or MemoryStore()
    tables = Tables(kept, kept, lake.warehouse, TableLog(kept, lake.warehouse))
    return {info.name: info for info in tables.list(ADA).items}


def days(day: str, *numbers: int) -> pa.Table:
    """Rows of one day with these numbers."""
    return pa.table(
        {
            "day": pa.array([dt.date.fromisoformat(day)] * len(numbers), pa.date32()),
            "n": pa.array(numbers, pa.int64()),
            "text": pa.array([f"row {number}" for number in numbers], pa.string()),
        }
    )


@pytest.fixture(params=["folder", "team"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings whose state is this test's own, in both worlds.

    A folder with a catalog in SQLite, and a bucket in S3 with a catalog in PostgreSQL.
    """
    if request.param == "team":
        team: Team = request.getfixturevalue("team")
        return team.settings(tmp_path / "state")
    return load({"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}, tmp_path / "none.toml")


@pytest.fixture(params=["folder", "team"])
def trino_server(request: pytest.FixtureRequest) -> TrinoServer:
    """A Trino in each of these worlds."""
    name = {"folder": "trino_on_folder", "team": "team_trino"}[request.param]
    found: TrinoServer = request.getfixturevalue(name)
    return found


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    """An empty warehouse."""
    made = Lake(settings)
    yield made
    made.warehouse.close()
