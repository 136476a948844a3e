"""What the ten-thousandth version of a table costs beside the hundredth, and how fast they list.

Runs publish to one table as a worker does: rows are staged on a branch, and published in a second
commit. Between the two measurements versions are made by one commit each, which only saves time.
Retention does its chore all along. Then pages of the list of versions are asked for as the REST API
asks, from the newest to the oldest; where fewer versions were made, copies of their lines make the
list as long as it is told to be.
"""

import argparse
import datetime as dt
import statistics
import sys
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from kit import report

from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId, new_id
from jupyter_orch.domain.model import Actor
from jupyter_orch.domain.outputs import OutputRequest, Provenance
from jupyter_orch.service.table_log import TableLog
from jupyter_orch.service.table_retention import TableRetention
from jupyter_orch.service.tables import Tables
from jupyter_orch.settings import load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import lake_table, table_version
from jupyter_orch.warehouse import names, publish, snapshots, versions
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
from jupyter_orch.warehouse.slices import Slice

TABLE = "analytics.daily"
DAYS = 365  # that are replaced in turn
FEW = 100  # versions at the first measurement
CHORE_EVERY = 50  # versions
PAGE = 50  # versions of a page


class Bench:
    """A warehouse and a database in a folder."""

    def __init__(self, folder: Path, *, keep: int, mode: str) -> None:
        environ = {"JUPYTER_ORCH__STATE__DIR": str(folder)}
        self.warehouse = IcebergWarehouse(load(environ, folder / "none.toml"))
        self.store = SqlStore(f"sqlite:///{folder / 'state.db'}")
        self.log = TableLog(self.store, self.warehouse)
        self.chore = TableRetention(
            self.store, self.warehouse, self.log, keep=keep, safe_age=dt.timedelta(seconds=-1)
        )
        self.mode = mode
        self.made = 0
        self.chores: list[float] = []

    def rows(self) -> tuple[pa.Table, dict[str, Any]]:
        """The rows of the next version, and the slice that they replace."""
        day = dt.date(2013, 1, 1) + dt.timedelta(days=self.made % DAYS)
        number = pa.array([self.made], pa.int64())
        part = {"day": day.isoformat()} if self.mode == "replace" else {}
        return pa.table({"day": pa.array([day], pa.date32()), "n": number}), part

    def publish(self) -> float:
        """One version, as a run makes it; answers the seconds."""
        data, part = self.rows()
        who = _provenance()
        file = self.warehouse.staging_folder(who.run_id, 1) / "rows.parquet"
        pq.write_table(data, file)
        wanted: Any = self.mode
        request = OutputRequest(table=TABLE, mode=wanted, slice=part, files=(file.name,))
        began = time.perf_counter()
        self.warehouse.publish(self.warehouse.stage(request, who), who)
        self.made += 1
        return time.perf_counter() - began

    def fill(self) -> None:
        """One version by a single commit."""
        data, part = self.rows()
        who = _provenance()
        table = self.warehouse.load(TABLE)
        wanted: Any = self.mode
        write_id = uuid.uuid4()
        change = snapshots.Change(
            mode=wanted,
            part=Slice.bind(part, table.schema()),
            keys=(),
            key_rows=None,
            files=snapshots.write(table, [data], write_id),
            rows=1,
        )
        noted = versions.properties(who, operation=self.mode, sequence=1)
        updates, head = snapshots.build(table, change, noted)
        publish.move_main(table, updates, head, tag=names.tag(who.run_id, 1))
        self.made += 1

    def tend(self) -> None:
        """Retention's chore."""
        began = time.perf_counter()
        self.chore.do()
        self.chores.append(time.perf_counter() - began)

    def until(self, count: int) -> None:
        """Makes versions until there are so many."""
        while self.made < count:
            self.fill()
            if not self.made % CHORE_EVERY:
                self.tend()


def measure(bench: Bench, samples: int) -> float:
    """The median of so many publications, in milliseconds."""
    return 1000 * statistics.median(bench.publish() for _ in range(samples))


def lengthen(bench: Bench, count: int) -> None:
    """Puts copies of lines before the oldest one, until the log has so many."""
    database = bench.store._database  # noqa: SLF001 - lines that no catalog ever had
    with database.writing() as connection:
        lines = connection.execute(sa.select(table_version)).mappings().all()
        if len(lines) >= count:
            return
        for column in (table_version.c.position, lake_table.c.newest):
            connection.execute(sa.update(column.table).values({column: column + count}))
        for start in range(0, count - len(lines), len(lines)):
            part = lines[: min(len(lines), count - len(lines) - start)]
            copies = [
                {**line, "position": count - 1 - start - place, "expired": True}
                for place, line in enumerate(part)
            ]
            connection.execute(sa.insert(table_version), copies)


def listing(bench: Bench) -> dict[str, float]:
    """Milliseconds of a page of versions, over all pages, three times."""
    tables = Tables(bench.store, bench.store, bench.warehouse, bench.log)
    actor = Actor(user="ada", team=DEFAULT_TEAM)
    took: list[float] = []
    listed = 0
    for _ in range(3):
        cursor, listed = None, 0
        while True:
            began = time.perf_counter()
            page = tables.versions(actor, TABLE, cursor=cursor, limit=PAGE)
            took.append(1000 * (time.perf_counter() - began))
            listed += len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
    return {
        "listed": listed,
        "page_p50_ms": round(statistics.median(took), 2),
        "page_p95_ms": round(statistics.quantiles(took, n=20)[-1], 2),
    }


def _provenance() -> Provenance:
    return Provenance(
        run_id=RunId(new_id()),
        attempt=1,
        job_name="daily",
        notebook="daily.ipynb",
        notebook_sha256="ab" * 32,
        parameters='{"day": "2013-01-01"}',
        user="ada",
    )


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--listed", type=int, default=10_000)
    parser.add_argument("--keep", type=int, default=500)
    parser.add_argument("--mode", choices=("replace", "append"), default="replace")
    parser.add_argument("--samples", type=int, default=20)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), keep=asked.keep, mode=asked.mode)
        for _ in range(3):
            bench.publish()  # imports, the first pages of files
        bench.until(FEW)
        few = measure(bench, asked.samples)
        print(f"{FEW} versions: {few:.1f} ms", file=sys.stderr)  # the rest may take half an hour
        bench.until(asked.versions)
        bench.tend()
        many = measure(bench, asked.samples)
        print(f"{asked.versions} versions: {many:.1f} ms", file=sys.stderr)
        bench.tend()
        lengthen(bench, asked.listed)
        found = {
            "mode": asked.mode,
            "versions": asked.versions,
            "kept": asked.keep,
            "publish_at_100_ms": round(few, 1),
            "publish_at_the_end_ms": round(many, 1),
            "ratio": round(many / few, 2),
            "chore_median_s": round(statistics.median(bench.chores), 3),
            "chore_most_s": round(max(bench.chores), 3),
            **listing(bench),
        }
        report("versions", [found])


if __name__ == "__main__":
    main()
