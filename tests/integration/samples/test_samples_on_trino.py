"""The same sample, the same table: on the embedded engine and on a real Trino."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import jupyter_orch
from jupyter_orch.domain.states import RunState
from tests.integration.execution.conftest import built_house

from .conftest import NOTEBOOKS

pytestmark = [pytest.mark.trino, pytest.mark.timeout(1800)]

LATE = {"day": "2013-02-14"}
SHORT = {
    "day": "2013-07-04",
    "origin": "EWR",
    "min_delay": 30,
    "carriers": ["UA", "EV", "B6"],
    "with_weather": False,
    "max_distance": 800,
}


@pytest.fixture(scope="module")
def sample_state(trino_server: Any) -> Path:
    """The folder and catalog that both engines work on."""
    return Path(trino_server.environ["JUPYTER_ORCH__STATE__DIR"])


@pytest.mark.parametrize(
    ("sample", "name", "parameters"),
    [
        ("flight_delays", "analytics.flight_delays", LATE),
        ("flight_delays", "analytics.flight_delays", SHORT),
        ("carrier_scorecard", "analytics.carrier_scorecard", {}),
    ],
    ids=["flight_delays", "flight_delays-short", "carrier_scorecard"],
)
def test_inv12_a_sample_gives_the_same_table_on_both_engines(
    *,
    trino_server: Any,
    flights: ModuleType,
    run_sample: Callable[..., str],
    table: Callable[[str], pa.Table],
    monkeypatch: pytest.MonkeyPatch,
    sample: str,
    name: str,
    parameters: dict[str, Any],
) -> None:
    """Rows, types, NULLs and order are equal, with no edit of the notebook."""
    if sample != "flight_delays":  # the others read what it publishes
        run_sample("flight_delays", **LATE)
    run_sample(sample, **parameters)
    embedded = table(name)
    for variable, value in trino_server.environ.items():
        monkeypatch.setenv(variable, value)
    run_sample(sample, **parameters)
    on_trino = table(name)
    assert on_trino.schema == embedded.schema
    assert on_trino.to_pylist() == embedded.to_pylist()
    assert embedded.num_rows > 1


def test_inv12_sql_gives_the_same_values_on_both_engines(
    trino_server: Any, flights: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a notebook shows is the same too, Python types included."""
    statement = """
        SELECT day, carrier, count(*) AS flights, sum(dep_delay) / count(dep_delay) AS mean_delay,
               CAST(avg(distance) AS decimal(9, 2)) AS distance, max(time_hour) AS latest,
               date_diff('day', DATE '2013-01-01', day) AS number, min(tailnum) AS tail,
               rank() OVER (PARTITION BY day ORDER BY count(*) DESC, carrier) AS place
        FROM nyc.flights
        WHERE day BETWEEN DATE '2013-03-01' AND DATE '2013-03-03' AND origin = ?
        GROUP BY day, carrier
        ORDER BY day, place
    """

    def rows() -> list[list[Any]]:
        with jupyter_orch.connect() as connection:
            return list(connection.cursor().execute(statement, ["LGA"]).fetchall())

    embedded = rows()
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__TRINO__URL", trino_server.url)
    assert os.environ["JUPYTER_ORCH__STATE__DIR"] in trino_server.environ.values()
    on_trino = rows()
    assert on_trino == embedded
    assert [[type(cell) for cell in row] for row in on_trino] == [
        [type(cell) for cell in row] for row in embedded
    ]


def test_inv12_a_run_of_a_team_gives_the_table_of_the_embedded_engine(
    *,
    team_trino: Any,
    flights: ModuleType,
    run_sample: Callable[..., str],
    table: Callable[[str], pa.Table],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A worker, Trino, PostgreSQL and S3 instead of one process and a folder: the same rows."""
    day = pc.field("day") == date.fromisoformat(LATE["day"])
    name = "analytics.flight_delays"
    run_sample("flight_delays", **LATE)
    embedded = table(name).filter(day)
    own = {**team_trino.environ, "JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}
    for variable, value in own.items():
        monkeypatch.setenv(variable, value)
    for source in flights.sources():
        flights.load(source, lambda rows: None)
    with built_house(tmp_path, own) as house:
        house.worker()
        sample = NOTEBOOKS / "flight_delays.ipynb"
        run = house.add(
            nbformat.read(sample, as_version=4), parameters=dict(LATE), notebook=str(sample)
        )
        assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    by_team = table(name)
    assert by_team.schema == embedded.schema
    assert by_team.to_pylist() == embedded.to_pylist()
    with jupyter_orch.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT count(*) FROM {name} FOR VERSION AS OF 'run-{run.id}'")
        assert cursor.fetchall() == [[embedded.num_rows]]
    assert embedded.num_rows > 1
