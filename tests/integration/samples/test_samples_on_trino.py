"""The same sample, the same table: on the embedded engine and on a real Trino."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

import jupyter_orch

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
