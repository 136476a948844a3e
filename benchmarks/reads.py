"""How long rows of a real Trino take to become a pandas frame: by its client, and by us.

A million rows of ten columns: whole numbers, dates, timestamps, fractions, truth values and texts.
Three ways take turns, and each is measured as often. The client's own is `cursor.fetchall()` put
into a frame, as notebooks do without this product. Ours are `jupyter_orch.query`, which has to find
out that the answer is large, and `jupyter_orch.read` of a plain table.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from kit import report
from trino_fixture import running_trino

import jupyter_orch as orch

TABLE = "bench.rows"
QUERY = f"SELECT * FROM {TABLE} WHERE part < 2"  # noqa: S608


def rows(count: int) -> pa.Table:
    """The table's rows."""
    chance = np.random.default_rng(1)
    numbers = np.arange(count)
    instant = np.datetime64("2013-01-01", "us")
    return pa.table(
        {
            "id": numbers,
            "day": np.datetime64("2013-01-01") + numbers % 365,
            "ts": instant + numbers.astype("timedelta64[s]"),
            "part": chance.random(count),
            "amount": chance.random(count) * 1000,
            "small": pa.array(chance.integers(0, 1000, count), pa.int32()),
            "yes": chance.integers(0, 2, count) > 0,
            "word": [f"word {number % 1000}" for number in range(count)],
            "carrier": [("AA", "DL", "UA")[number % 3] for number in range(count)],
            "note": [f"note number {number}" for number in range(count)],
        }
    )


def by_client() -> pd.DataFrame:
    """As without this product."""
    with orch.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(QUERY)
        found = cursor.fetchall()
        return pd.DataFrame(found, columns=[column[0] for column in cursor.description])


def timed(read: Callable[[], Any], count: int) -> float:
    """Seconds that it takes; all rows have to be there."""
    began = time.perf_counter()
    found = read()
    took = time.perf_counter() - began
    if len(found) != count:
        raise SystemExit(f"{len(found)} of {count} rows came")
    return took


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    ways: dict[str, Callable[[], Any]] = {
        "client": by_client,
        "query": lambda: orch.query(QUERY),
        "read": lambda: orch.read(TABLE),
    }
    with (
        TemporaryDirectory(prefix="orch-bench-") as folder,
        running_trino({"JUPYTER_ORCH__STATE__DIR": str(Path(folder))}) as server,
    ):
        os.environ.update(server.environ)
        with orch.output(TABLE) as out:
            out.write(rows(asked.rows))
        for _ in range(2):  # what the server compiles as it goes
            orch.query(QUERY, limit=asked.rows // 10)
            timed(ways["query"], asked.rows)
            timed(ways["read"], asked.rows)
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(asked.times):
            for name, read in ways.items():
                took[name].append(timed(read, asked.rows))
    median = {name: statistics.median(each) for name, each in took.items()}
    results = [
        {
            "way": name,
            "rows": asked.rows,
            "seconds": round(median[name], 2),
            "least": round(min(each), 2),
            "most": round(max(each), 2),
            "times_faster": round(median["client"] / median[name], 1),
        }
        for name, each in took.items()
    ]
    report("reads", results, "trino", "pyiceberg", "pyarrow", "pandas")


if __name__ == "__main__":
    main()
