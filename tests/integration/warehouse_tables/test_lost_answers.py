"""Answers of Trino, of the catalog and of S3 get lost or late, and requests come twice.

Whatever is lost: an output is published once, or stays open until the same publish succeeds.
"""

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from lossy_proxy import Faults, lossy
from team_fixture import Team
from trino.exceptions import Error as TrinoError
from trino_fixture import TrinoServer

from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.domain.outputs import Provenance, StagedOutput
from jupyter_orch.warehouse import fetch, publish
from jupyter_orch.warehouse.connect import open_connection

from .conftest import Lake

pytestmark = [pytest.mark.trino, pytest.mark.slow]

#: Outputs of each mode that are written through the proxies; `make table-chaos` sets more.
ROUNDS = int(os.environ.get("TABLE_FAULT_ROUNDS", "1"))
#: Repeats the same faults, as far as the servers' answers come in the same pieces.
SEED = int(os.environ.get("TABLE_SEED") or random.randrange(10**6))  # noqa: S311
SHARE = 0.04  # of the answers, of each server: some hundred come for one output
MODES: dict[str, dict[str, Any]] = {
    "append": {"mode": "append"},
    "slice": {"mode": "replace", "slice": {"part": 1}},
    "upsert": {"mode": "upsert", "keys": ("id",)},
    "new": {"mode": "replace"},
}
ROWS = "SELECT CAST(nationkey AS integer) % 3 AS id, {number} AS n, 1 AS part FROM {table}"
NATIONS = "tpch.tiny.nation WHERE nationkey < 3"
_TRIES = 60


@dataclass
class Cheated:
    """A warehouse behind proxies, the same without them, and what befell."""

    lake: Lake
    direct: Lake
    faults: dict[str, Faults]

    def attempt(self, table: str, who: Provenance, number: int, how: dict[str, Any]) -> Any:
        """Queries and stages, as the cell of a notebook does; None when it failed."""
        try:
            connection = open_connection(self.lake.settings)
            try:
                sql = ROWS.format(number=number, table=NATIONS)
                rows = pa.concat_tables(fetch.tables(self.lake.settings, connection, sql))
            finally:
                connection.close()
            return self.lake.stage(table, rows, who, **how)[0]
        except (OrchError, TrinoError):
            return None

    def publish(self, staged: StagedOutput, who: Provenance) -> int:
        """The version, once it is there; until then it stays open."""
        for _ in range(_TRIES):
            try:
                return self.lake.warehouse.publish(staged, who).snapshot_id
            except Unavailable:
                continue
        pytest.fail("it was never published")

    def discard(self, who: Provenance) -> None:
        """As often as it takes."""
        for _ in range(_TRIES):
            try:
                return self.lake.warehouse.discard(who.run_id, who.attempt)
            except Unavailable:
                continue
        pytest.fail("it was never discarded")

    def write(self, table: str, number: int, how: dict[str, Any]) -> Provenance:
        """A run: attempts until one has staged, and its publish; who made the version."""
        run = self.lake.provenance().run_id
        for attempt in range(1, _TRIES):
            who = self.lake.provenance(run, attempt)
            staged = self.attempt(table, who, number, how)
            if staged is not None:
                self.publish(staged, who)
                return who
            self.discard(who)
        pytest.fail("it was never staged")


@pytest.fixture
def cheated(
    team: Team,
    trino_on_folder: TrinoServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> Iterator[Cheated]:
    """Proxies before all three servers."""
    monkeypatch.setattr(publish, "_LONGEST_WAIT", 0.2)
    faults = {name: Faults(f"{SEED} {mode} {name}", SHARE) for name in ("s3", "catalog", "trino")}
    direct = Lake(team.settings(tmp_path / "direct"))
    chosen = direct.settings.warehouse
    with ExitStack() as open_:
        s3 = open_.enter_context(lossy("http", team.s3.port, faults["s3"]))
        catalog = open_.enter_context(lossy("tcp", team.postgres.port, faults["catalog"]))
        trino = open_.enter_context(lossy("http", trino_on_folder.port, faults["trino"]))
        more = {
            "WAREHOUSE__CATALOG": chosen.catalog,
            "WAREHOUSE__LOCATION": chosen.location,
            "WAREHOUSE__S3__ENDPOINT": f"http://127.0.0.1:{s3}",
            "WAREHOUSE__CATALOG_URI": f"postgresql://team@127.0.0.1:{catalog}/lake",
            "WAREHOUSE__TRINO__URL": f"http://127.0.0.1:{trino}",
        }
        lake = Lake(team.settings(tmp_path / "state", **more))
        yield Cheated(lake, direct, faults)
        lake.warehouse.close()
        direct.warehouse.close()


@pytest.mark.timeout(300 + 60 * ROUNDS)
@pytest.mark.parametrize("mode", MODES)
def test_inv5_whatever_answer_is_lost_an_output_is_published_once(
    cheated: Cheated, team: Team, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run has one version, the rows are those of an undisturbed run, and nothing is left."""
    made: dict[str, list[str]] = {}
    if mode != "new":
        made[f"faults.{mode}"] = [_undisturbed(cheated.direct, f"faults.{mode}", MODES[mode])]
    for number in range(ROUNDS):
        table = f"faults.{mode}" + (str(number) if mode == "new" else "")
        made.setdefault(table, []).append(cheated.write(table, number, MODES[mode]).run_id)
    for table, runs in made.items():
        versions = cheated.direct.warehouse.versions(table).items
        assert [version.run_id for version in reversed(versions)] == runs
        rows = [(row["id"], row["n"]) for row in cheated.direct.rows(table)]
        kept = (
            range(-1, ROUNDS)
            if mode == "append"
            else [int(table[10:]) if mode == "new" else number]
        )
        assert sorted(rows) == sorted((key, number) for key in range(3) for number in kept)
        refs = cheated.direct.warehouse.load(table).refs()
        assert set(refs) == {"main", *(f"run-{run}" for run in runs)}
    location = cheated.direct.settings.warehouse.location
    assert [name for name in team.s3.files(location) if name.startswith(".staging/")] == []
    told = {name: dict(faults.done) for name, faults in cheated.faults.items()}
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps({'seed': SEED, 'mode': mode, **told})}\n")


def _undisturbed(lake: Lake, table: str, how: dict[str, Any]) -> str:
    """The table's first version; who made it."""
    rows = {"id": range(3), "n": [-1] * 3, "part": [1] * 3}
    types = [("id", pa.int32()), ("n", pa.int32()), ("part", pa.int32())]
    return lake.write(table, pa.table(rows, schema=pa.schema(types)), **how).run_id or ""
