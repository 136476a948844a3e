"""Every sample does what it says, on real flights."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import pyarrow as pa

import jupyter_orch

Run = Callable[..., str]
Table = Callable[[str], pa.Table]


def _query(statement: str) -> list[list[Any]]:
    with jupyter_orch.connect() as connection:
        return list(connection.cursor().execute(statement).fetchall())


def test_the_loader_keeps_every_row_and_every_unknown(flights: ModuleType) -> None:
    """Rows are those of the source, what was not known is NULL, days and instants are typed."""
    for source in flights.sources():
        assert flights.count(source.table) == len(source.frame)
    assert _query("SELECT count(*), count(dep_delay), count(tailnum) FROM nyc.flights") == [
        [336_776, 336_776 - 8_255, 336_776 - 2_512]
    ]
    first = _query(
        "SELECT day, time_hour FROM nyc.flights ORDER BY time_hour, carrier, flight LIMIT 1"
    )[0]
    assert first[0] == date(2013, 1, 1)
    assert isinstance(first[1], datetime)
    assert first[1].utcoffset() is not None


def test_a_second_load_writes_nothing(flights: ModuleType) -> None:
    """What is there already is left alone."""
    assert [flights.load(source, lambda rows: None) for source in flights.sources()] == [False] * 5


def test_hello(flights: ModuleType, run_sample: Run) -> None:
    """The smallest sample greets whom it is told to."""
    assert run_sample("hello", name="Ada", times=2) == "Hello, Ada!\nHello, Ada!\n"


def test_flight_delays_replaces_its_day_alone(
    flights: ModuleType, run_sample: Run, table: Table
) -> None:
    """Another day adds its rows, the same day again changes nothing."""
    run_sample("flight_delays", day="2013-02-13")
    alone = table("analytics.flight_delays")
    run_sample("flight_delays", day="2013-02-14")
    run_sample("flight_delays", day="2013-02-14")
    both = table("analytics.flight_delays")
    days = both.column("day").to_pylist()
    assert set(days) == {date(2013, 2, 13), date(2013, 2, 14)}
    assert days.count(date(2013, 2, 13)) == alone.num_rows
    assert len(set(zip(days, both.column("carrier").to_pylist(), strict=True))) == both.num_rows


def test_flight_delays_has_the_numbers_of_the_source(
    flights: ModuleType, run_sample: Run, table: Table
) -> None:
    """What the table says is what pandas finds in the raw data."""
    run_sample("flight_delays", day="2013-02-14", origin="LGA", min_delay=30, carriers=["DL", "B6"])
    rows = {
        row["carrier"]: row
        for row in table("analytics.flight_delays").to_pylist()
        if row["day"] == date(2013, 2, 14)
    }
    source = next(one for one in flights.sources() if one.table == "nyc.flights")
    raw = source.rows().to_pandas()
    raw = raw[(raw["day"] == date(2013, 2, 14)) & (raw["origin"] == "LGA")]
    assert set(rows) == {"DL", "B6"}
    for carrier, row in rows.items():
        own = raw[raw["carrier"] == carrier]
        late = int((own["dep_delay"] >= 30).sum())
        departed = int(own["dep_delay"].notna().sum())
        assert (row["flights"], row["departed"], row["late"]) == (len(own), departed, late)
        exact = Decimal(100 * late) / departed
        assert abs(row["late_percent"] - exact) <= Decimal("0.01")
        assert row["worst_delay"] == own["dep_delay"].max()


def test_carrier_scorecard_draws_and_publishes(
    flights: ModuleType, run_sample: Run, table: Table
) -> None:
    """The card shows a picture and makes a table of one row per airline."""
    run_sample("flight_delays", day="2013-02-14")
    shown = run_sample("carrier_scorecard", first_day="2013-02-01", last_day="2013-02-28")
    assert "image/png" in shown
    card = table("analytics.carrier_scorecard")
    assert card.num_rows == len(set(card.column("carrier").to_pylist())) > 1
    assert card.schema.field("late_percent").type == pa.decimal128(5, 2)
