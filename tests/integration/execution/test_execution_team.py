"""A run on a team's warehouse: its kernel reads and writes, and knows no way to do so itself."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_fixture import SECRET_KEY
from team_fixture import PASSWORD, Team
from trino_fixture import TrinoServer

from jupyter_orch.domain.model import Policies
from jupyter_orch.domain.states import RunState
from jupyter_orch.warehouse import scratch
from jupyter_orch.warehouse.connect import open_connection

from .conftest import House, built_house, notebook, text_of

WRITE = """
import jupyter_orch as orch, pandas as pd
for day in (1, 2):
    with orch.output("analytics.by_team", mode="append") as out:
        out.write(pd.DataFrame({"day": [day, day], "n": [10 * day, None], "word": ["é", None]}))
"""
READ = """
import jupyter_orch as orch
table = orch.table("analytics.by_team")
old = table.versions()[-1].snapshot_id
print(len(table.versions()), len(orch.read("analytics.by_team")), table.preview(limit=1).shape)
print(sorted(orch.read("analytics.by_team", columns=["day"], version=old)["day"].tolist()))
orch.read("analytics.by_team", run=table.versions()[0].run_id, arrow=True).validate(full=True)
print(orch.read("analytics.by_team", arrow=True).schema.types)
for wrong in ({"version": 7}, {"columns": ["nope"]}):
    try:
        orch.read("analytics.by_team", **wrong)
    except Exception as error:
        print(type(error).__name__, error)
print(table.rollback(old).operation, len(orch.read("analytics.by_team")))
"""
SPY = """
import os, json, pathlib
here = pathlib.Path(os.environ["TMPDIR"]).parent
print(json.dumps({**os.environ, "files": sorted(path.name for path in here.iterdir())}))
"""


LARGE = """
import jupyter_orch as orch
from jupyter_orch.warehouse import fetch, scratch_way
fetch._PRICE = -1e9  # at once
rows, ways = scratch_way.ScratchWay.rows, []
scratch_way.ScratchWay.rows = lambda way: (ways.append("files"), rows(way))[1]
numbers = "UNNEST(sequence(1, 5000)) AS u(n)"
found = orch.query(f"SELECT n, n * 2 AS twice FROM {numbers} ORDER BY n DESC")
print(ways, len(found), found["twice"].iloc[0], int(found["n"].sum()))
session = orch.connect().cursor().execute("SHOW SESSION").fetchall()
print([row[1] for row in session if row[0] == "query_max_run_time"])
"""

KILLED = """
import os, pathlib, jupyter_orch as orch
from jupyter_orch.warehouse import fetch, scratch_way
fetch._PRICE = -1e9
def killed(way, name):
    pathlib.Path(mark).write_text(name)
    os.kill(os.getpid(), 9)
scratch_way.ScratchWay._read = killed
orch.query("SELECT n FROM UNNEST(sequence(1, 50)) AS u(n)")
"""
ACT = """
import jupyter_orch as orch
table = orch.table("analytics.acted")
new, old = table.versions()
found = table.diff(old.snapshot_id, new.snapshot_id)
print(found, found.keys)
print(table.pin(old.snapshot_id).pinned, table.pin(old.snapshot_id, pinned=False).pinned)
for wrong in (lambda: table.diff(1, 2), lambda: table.undo("nope"), lambda: table.pin(7)):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
(undone,) = table.undo(new.run_id, reason="wrong file")
print(undone.operation, undone.reason, undone.user == old.user, len(orch.read("analytics.acted")))
"""
MAKE = """
import jupyter_orch as orch, pandas as pd
with orch.output("analytics.acted", mode="append") as out:
    out.write(pd.DataFrame({"n": [base, base + 1]}))
"""


@pytest.fixture
def team_house(team: Team, tmp_path: Path) -> Iterator[House]:
    """A worker's house on the team's servers."""
    with built_house(tmp_path, team.environ(tmp_path / "state")) as built:
        yield built


def test_inv10_a_run_reads_and_writes_its_teams_tables_without_a_password(
    team_house: House, team: Team
) -> None:
    """Kernels get neither address nor key: the worker opens the tables for them."""
    house = team_house
    house.worker()
    made = house.add(notebook(WRITE))
    assert house.wait(made).state is RunState.SUCCEEDED, house.log(made)
    run = house.add(notebook(READ, SPY))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    cells = house.executed(run).cells
    said = "".join(output.text for output in cells[0].outputs).splitlines()
    assert said[:2] == ["2 4 (1, 3)", "[1, 1]"]
    direct = house.warehouse.load("analytics.by_team").scan().to_arrow()
    assert said[2] == str(direct.schema.types)
    assert said[3].startswith("NotFound")
    assert "has no version 7" in said[3]
    assert said[4].startswith("BadInput")
    assert said[5] == "rollback 2"
    seen = json.loads("".join(output.text for output in cells[1].outputs))
    assert not [path for path in seen.pop("files") if path.endswith(".arrow")]
    assert seen["JUPYTER_ORCH__WAREHOUSE__CATALOG_URI"] == "worker:"
    known = json.dumps(seen)
    for secret in (PASSWORD, SECRET_KEY, str(team.folder), str(team.s3.port), team.catalog_uri):
        assert secret not in known


def test_a_run_without_a_trino_is_told_why_it_cannot_query(team_house: House) -> None:
    """The embedded engine would need the passwords."""
    house = team_house
    house.worker()
    run = house.add(notebook("import jupyter_orch; jupyter_orch.connect()"))
    done = house.wait(run)
    assert done.state is RunState.FAILED
    assert done.error is not None
    assert "without a Trino" in done.error.message


def test_a_run_compares_undoes_and_pins_by_its_worker(team_house: House) -> None:
    """The same words, answers and refusals as where the catalog is at hand."""
    house = team_house
    house.worker()
    for base in (1, 11):
        run = house.add(notebook(f"base = {base}", MAKE))
        assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    run = house.add(notebook(ACT))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    said = text_of(house.executed(run)).splitlines()
    assert said[0] == "Rows 2 → 4: 2 added, 0 removed, 0 changed. ()"
    assert said[1] == "True False"
    assert [line.partition(" ")[0] for line in said[2:5]] == ["NotFound"] * 3
    assert said[5] == "undo wrong file True 2"


@pytest.mark.trino
@pytest.mark.parametrize("world", ["trino_on_folder", "team_trino"])
def test_inv7_a_large_answer_reaches_a_run_as_files_and_leaves_none(
    request: pytest.FixtureRequest, tmp_path: Path, world: str
) -> None:
    """A team's kernel gets it by its worker; what a killed one leaves goes with the attempt."""
    server: TrinoServer = request.getfixturevalue(world)
    shared = server.settings.warehouse
    environ = {
        "JUPYTER_ORCH__WAREHOUSE__LOCATION": shared.location.removeprefix("file://"),
        "JUPYTER_ORCH__WAREHOUSE__CATALOG_URI": shared.catalog_uri,
        **server.environ,
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state"),
    }
    with built_house(tmp_path, environ) as house:
        house.worker()
        run = house.add(notebook(LARGE), policies=Policies(timeout_seconds=500.0))
        assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
        said = text_of(house.executed(run)).splitlines()
        assert said[0] == "['files'] 5000 10000 12502500"
        (limit,) = ast.literal_eval(said[1])
        assert 0 < int(limit.removesuffix("s")) <= 500  # no query outlives its run
        catalog = house.warehouse._lake.catalog
        assert scratch.tables(catalog) == []
        mark = tmp_path / "there"
        run = house.add(notebook(f"mark = {str(mark)!r}", KILLED))
        assert house.wait(run).state is RunState.FAILED
        assert mark.read_text().startswith(f"run_{run.id}__1__")
        assert scratch.tables(catalog) == []


@pytest.mark.trino
def test_inv12_what_a_run_publishes_is_read_by_trino(
    team_trino: TrinoServer, tmp_path: Path
) -> None:
    """One setting, the address of a Trino: `out.sql` runs there, and so do all who read."""
    state = {"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}
    with built_house(tmp_path, {**team_trino.environ, **state}) as house:
        house.worker()
        source = (
            "import jupyter_orch as orch\n"
            "with orch.output('analytics.nations', slice={'regionkey': 1}) as out:\n"
            "    out.sql('SELECT nationkey, name, regionkey FROM tpch.tiny.nation"
            " WHERE regionkey = 1')\n"
            "print(out.rows)"
        )
        run = house.add(notebook(source))
        assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
        assert text_of(house.executed(run)).strip() == "5"
        connection = open_connection(house.settings)
        statement = (
            f"SELECT count(*), min(name) FROM analytics.nations FOR VERSION AS OF 'run-{run.id}'"
        )
        assert connection.cursor().execute(statement).fetchall() == [[5, "ARGENTINA"]]
        connection.close()
