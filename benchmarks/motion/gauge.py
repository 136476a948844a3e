"""Sizes that must not grow: rows of every table, the files, this process's memory."""

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jupyter_orch.store.tables import job, metadata

#: Tables that keep a row of each job that ever ran: they grow until every job has run.
BEYOND = " beyond last"
LASTING = ("run", "attempt")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """One look."""

    day: float
    rows: dict[str, int]
    rss_mb: float
    file_mb: float


def sample(connection: sa.Connection, day: float, folder: Path) -> Sample:
    """All sizes now; `day` is the simulated time since the beginning."""
    rows = {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }
    shown = sa.select(sa.func.count()).where(job.c.last_run_id.is_not(None))
    kept = connection.execute(shown).scalar_one()
    for name in LASTING:
        rows[name + BEYOND] = rows[name] - kept
    files = sum(path.stat().st_size for path in folder.glob("state.db*"))
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    return Sample(
        day=round(day, 4),
        rows=rows,
        rss_mb=round(resident / 2**20, 1),
        file_mb=round(files / 2**20, 1),
    )


def slope(points: list[tuple[float, float]]) -> float:
    """By how much the second number grows while the first grows by one: least squares."""
    count = len(points)
    if count < 2:  # noqa: PLR2004
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
