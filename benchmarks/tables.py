"""What writing to a table costs: beside the usual ways, beside bare pyiceberg, and in a crowd.

Ratios of things measured in one run, in turns. Tables lie in S3 with a catalog in PostgreSQL, as a
team has them; a real Trino reads and writes the same.

- `rows`: a frame by `output().write` until readers see it, beside `pandas.to_sql` and
  `executemany` on Trino. Those two are so slow that they get fewer rows; rows per second count.
- `publish`: an output beside a bare overwrite of the same rows by pyiceberg; the commits of each.
- `crowd`: many appends at one instant, beside plain pyiceberg with its own retries, repeated until
  they land.
- `backfill`: days of the flights sample by a service of its own, sixteen at a time and one by one.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kit
import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from flights_kit import fill, prepare, take
from publish_load import SHARED_DAY, Load, row, run, write
from service_kit import RunningService
from team_fixture import Team, running_team
from trino_fixture import running_trino

from jupyter_orch import output
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

_LONGEST = 3600.0  # seconds of a backfill
_CHUNK = 1000  # rows of a statement of `to_sql`


def frame(rows: int) -> pd.DataFrame:
    """Ten columns, as a table of flights has them."""
    chance = np.random.default_rng(7)
    numbers = np.arange(rows)
    return pd.DataFrame(
        {
            "n": numbers,
            "day": [date(2013, 1, 1) + timedelta(days=int(each) % 28) for each in numbers],
            "at": pd.Timestamp("2013-01-01") + pd.to_timedelta(numbers, unit="s"),
            "delay": chance.normal(size=rows),
            "share": chance.random(rows),
            "flight": chance.integers(0, 9999, rows),
            "late": chance.integers(0, 2, rows).astype(bool),
            "carrier": chance.choice(["AA", "B6", "DL"], rows),
            "origin": chance.choice(["EWR", "JFK", "LGA"], rows),
            "text": [f"row {each}" for each in numbers],
        }
    )


def measure_rows(url: str, count: int, bounded: int, few: int) -> list[dict[str, Any]]:
    """Rows per second until they are visible."""
    data = frame(count)
    with output("bench.frames", mode="replace") as out:
        out.write(data)  # makes the table, and loads what is loaded once

    def ours() -> None:
        with output("bench.frames", mode="replace") as out:
            out.write(data)

    address = url.removeprefix("http://")
    engine = sa.create_engine(f"trino://bench@{address}/{_settings().warehouse.catalog}/bench")

    def to_sql() -> None:
        data.head(bounded).to_sql(
            "by_to_sql", engine, if_exists="append", index=False, method="multi", chunksize=_CHUNK
        )

    def executemany() -> None:
        connection = open_connection(_settings())
        statement = "INSERT INTO bench.by_executemany VALUES (?, ?)"
        values = [(number, f"row {number}") for number in range(few)]
        connection.cursor().executemany(statement, values)
        connection.close()

    connection = open_connection(_settings())
    made = "CREATE TABLE bench.by_executemany (n bigint, text varchar)"
    connection.cursor().execute(made).fetchall()
    connection.close()
    data.head(1).to_sql("by_to_sql", engine, index=False, method="multi")
    rates = {
        name: statistics.median(rows / _seconds(way) for _ in range(times))
        for name, way, rows, times in (
            ("output().write", ours, count, 3),
            ("pandas.to_sql", to_sql, bounded, 2),
            ("executemany", executemany, few, 2),
        )
    }
    mine = rates["output().write"]
    measured = {"output().write": count, "pandas.to_sql": bounded, "executemany": few}
    return [
        {
            "measure": f"rows by {name}",
            "rows": measured[name],
            "rows_per_second": round(rate, 1),
            "ours_over_it": round(mine / rate, 1),
            "load": kit.load(),
        }
        for name, rate in rates.items()
    ]


def measure_publish(settings: Settings, rows: int, times: int) -> dict[str, Any]:
    """The same rows by both in turns, on tables of their own; the median of each, and commits."""
    data = pa.Table.from_pandas(frame(rows), preserve_index=False)
    warehouse = IcebergWarehouse(settings)
    catalog = open_catalog(settings)
    name = f"bench.published_{rows}"
    write(warehouse, name, data, mode="replace")
    bare = catalog.create_table(f"bench.bare_{rows}", warehouse.load(name).schema())
    bare.append(data)

    worker: list[float] = []

    def ours() -> None:
        worker.append(write(warehouse, name, data, mode="replace"))

    def theirs() -> None:
        catalog.load_table(f"bench.bare_{rows}").overwrite(data)

    before = _commits(catalog, name), _commits(catalog, f"bench.bare_{rows}")
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(times)]
    after = _commits(catalog, name), _commits(catalog, f"bench.bare_{rows}")
    warehouse.close()
    catalog.close()
    mine, others = (statistics.median(each) for each in zip(*pairs, strict=True))
    return {
        "measure": "publish over a bare overwrite",
        "rows": rows,
        "ours_s": round(mine, 3),
        "theirs_s": round(others, 3),
        "ours_over_it": round(statistics.median(a / b for a, b in pairs), 2),
        "worker_over_it": round(
            statistics.median(a / b for a, (_, b) in zip(worker, pairs, strict=True)), 2
        ),
        "commits": (after[0] - before[0]) / times,
        "their_commits": (after[1] - before[1]) / times,
        "load": kit.load(),
    }


def measure_crowd(settings: Settings, writers: int) -> dict[str, Any]:
    """So many appends at once by both; every row must be there once."""
    warehouse = IcebergWarehouse(settings)
    took = {}
    for way in ("outputs", "plain"):
        name = f"bench.crowd_{way}"
        write(warehouse, name, row(0, SHARED_DAY))
        load = Load(settings, name, range(1, 1 + writers), 8, way, only_append=True)
        took[way] = run(load).seconds
        found = sorted(warehouse.load(name).scan().to_arrow().column("n").to_pylist())
        if found != list(range(1 + writers)):
            raise SystemExit(f"{way}: rows were lost or doubled: {found}")
    warehouse.close()
    return {
        "measure": "appends at one instant",
        "rows": writers,
        "ours_s": round(took["outputs"], 1),
        "theirs_s": round(took["plain"], 1),
        "ours_over_it": round(took["outputs"] / took["plain"], 2),
        "load": kit.load(),
    }


def measure_backfill(days: int) -> dict[str, Any]:
    """A backfill sixteen at a time beside one at a time; both tables must be equal."""
    with TemporaryDirectory(prefix="o") as name:
        folder = Path(name)
        (folder / "notebooks").mkdir()
        service = RunningService(folder / "state", folder / "notebooks", WORKER__SLOTS="16")
        service.start()
        try:
            prepare(service)
            beside = fill(service, days, concurrency=16, seconds=_LONGEST)
            first = take(service)
            alone = fill(service, days, concurrency=1, seconds=_LONGEST)
            if not first.equals(take(service)):
                raise SystemExit("The tables of the two backfills differ.")
        finally:
            service.stop()
    return {
        "measure": f"backfill of {days} days, 16 at a time over 1",
        "rows": first.num_rows,
        "ours_s": round(beside, 1),
        "theirs_s": round(alone, 1),
        "ours_over_it": round(beside / alone, 2),
        "load": kit.load(),
    }


def _settings() -> Settings:
    from jupyter_orch.settings import load

    return load()


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _commits(catalog: Any, name: str) -> int:
    """How many commits a table has had, by the number of its metadata file."""
    file = str(catalog.load_table(name).metadata_location).rpartition("/")[2]
    return int(file.partition("-")[0])


@contextmanager
def _team(folder: Path, *, trino: bool) -> Iterator[tuple[Team, dict[str, str]]]:
    with running_team(folder) as team, ExitStack() as stack:
        own = team.environ(folder / "state", "lake")
        if trino:
            own = dict(stack.enter_context(running_trino(own)).environ)
        yield team, own


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["rows", "publish", "crowd", "backfill"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    asked = parser.parse_args()
    results: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="orch-bench-")))
        if {"rows", "publish", "crowd"} & set(asked.only):
            team, environ = stack.enter_context(_team(folder, trino="rows" in asked.only))
            os.environ |= environ
            if "rows" in asked.only:
                url = environ["JUPYTER_ORCH__WAREHOUSE__TRINO__URL"]
                results += measure_rows(url, asked.rows, 5_000, 10)
            if "publish" in asked.only:
                results.append(measure_publish(_settings(), 1_000, 15))
                results.append(measure_publish(_settings(), asked.rows, 5))
            if "crowd" in asked.only:
                results.append(measure_crowd(team.settings(folder / "crowd"), asked.writers))
        if "backfill" in asked.only:
            for name in [each for each in os.environ if each.startswith("JUPYTER_ORCH__")]:
                del os.environ[name]
            results.append(measure_backfill(asked.days))
    kit.report("tables", results, "pyiceberg", "pyarrow", "trino", "pandas")


if __name__ == "__main__":
    sys.exit(main())
