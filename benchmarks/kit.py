"""What benchmarks share: databases to work on, and the circumstances that stand beside figures."""

import json
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import sqlalchemy as sa
from postgres_fixture import running_postgres

from jupyter_orch.domain.model import Job
from jupyter_orch.store.rows import micros, to_json
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import job, job_version, trigger

#: What a server of its own would have at least; the rest is as Debian ships it.
POSTGRES_SETTINGS = ("shared_buffers=512MB",)


def load() -> float:
    """Processes that wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 1)


def report(benchmark: str, results: Sequence[Mapping[str, Any]], *packages: str) -> None:
    """Prints one JSON line, and the results as a table for people.

    Args:
        benchmark: Its name.
        results: Figures by name, one line of the table each.
        packages: Whose versions matter, beside the usual ones.
    """
    print(json.dumps({"benchmark": benchmark, **circumstances(*packages), "results": results}))
    names = list(dict.fromkeys(name for each in results for name in each))
    print(" | ".join(names))
    for each in results:
        print(" | ".join(str(each.get(name, "")) for name in names))


def circumstances(*packages: str) -> dict[str, Any]:
    """Machine, load and versions; those of more packages on request."""
    names = ("jupyter-orch", "SQLAlchemy", "psycopg", *packages)
    return {
        "cores": os.cpu_count(),
        "load": load(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in names},
    }


@contextmanager
def new_databases(kinds: Sequence[str], *settings: str) -> Iterator[dict[str, str]]:
    """URLs of empty databases by kind, `sqlite` or `postgresql`; gone afterwards.

    Args:
        kinds: Which.
        settings: Of PostgreSQL, beside the usual ones.
    """
    with tempfile.TemporaryDirectory(prefix="orch-bench-") as folder:
        urls = {"sqlite": f"sqlite:///{folder}/state.db"}
        if "postgresql" not in kinds:
            yield urls
            return
        with running_postgres(*POSTGRES_SETTINGS, *settings) as server:
            urls["postgresql"] = server.new_database()
            yield {kind: urls[kind] for kind in kinds}


def add_jobs(store: SqlStore, jobs: Sequence[Job], *, due: datetime | None) -> None:
    """Stores jobs whose triggers are all due at one instant, far faster than one by one."""
    same = [{"team_id": each.team, "created_by": each.created_by} for each in jobs]
    made = [micros(each.created_at) for each in jobs]
    rows = [
        {
            **shared,
            "id": each.id,
            "name": each.spec.name,
            "name_key": each.spec.name.casefold(),
            "notebook": each.spec.notebook,
            "version": each.version,
            "paused": each.paused,
            "created_at": at,
            "updated_at": at,
        }
        for each, shared, at in zip(jobs, same, made, strict=True)
    ]
    versions = [
        {
            **shared,
            "job_id": each.id,
            "version": each.version,
            "spec": to_json(each.spec),
            "notebook_sha256": each.notebook_sha256,
            "created_at": at,
        }
        for each, shared, at in zip(jobs, same, made, strict=True)
    ]
    triggers = [
        {
            "job_id": each.id,
            "id": spec.id,
            "team_id": each.team,
            "next_due": None if due is None else micros(due),
        }
        for each in jobs
        for spec in each.spec.triggers
    ]
    with store._database.writing() as connection:  # noqa: SLF001
        connection.execute(sa.insert(job), rows)
        connection.execute(sa.insert(job_version), versions)
        if triggers:
            connection.execute(sa.insert(trigger), triggers)
