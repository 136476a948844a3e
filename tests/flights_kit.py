"""The flights sample, filled day by day by a real service."""

import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from service_kit import RunningService

from jupyter_orch.settings import load
from jupyter_orch.warehouse.catalog import open_catalog

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "sample_notebooks" / "flight_delays.ipynb"
TABLE = "analytics.flight_delays"
FIRST_DAY = date(2013, 1, 1)
_LOOK_SECONDS = 0.5


def prepare(service: RunningService) -> None:
    """Loads the flights, and saves the sample as a job that is due each day."""
    shutil.copy(NOTEBOOK, service.root)
    subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "load_flights.py")],
        env=service.environment,
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=600,
    )
    spec = {
        "name": "flight_delays",
        "notebook": str(service.root / NOTEBOOK.name),
        "parameters": {"day": "{{ interval_start }}", "origin": "JFK"},
        "triggers": [{"id": "daily", "kind": "cron", "cron": "0 0 * * *", "time_zone": "UTC"}],
    }
    with service.client() as client:
        client.create_job(spec)
        client.pause("flight_delays")


def fill(service: RunningService, days: int, *, concurrency: int, seconds: float) -> float:
    """Fills so many days, in runs of which so many go at a time; answers the seconds."""
    last = FIRST_DAY + timedelta(days=days)  # a day's run is due when the day is over
    began = time.monotonic()
    with service.client() as client:
        asked = client.create_backfill(
            "flight_delays",
            f"{FIRST_DAY + timedelta(days=1)}T00:00:00Z",
            f"{last}T00:00:00Z",
            concurrency=concurrency,
            only="all",
            confirm=True,
        )
        while (found := client.backfill(asked["id"]))["state"] == "running":
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"The backfill has not ended: {found}")
            time.sleep(_LOOK_SECONDS)
        if found["state"] != "succeeded":
            raise RuntimeError(f"The backfill ended as {found}: {_errors(client, asked['id'])}")
    return time.monotonic() - began


def take(service: RunningService) -> pa.Table:
    """All rows of the table in order; the table is gone afterwards."""
    catalog = open_catalog(load(environ=service.environment))
    try:
        rows = catalog.load_table(TABLE).scan().to_arrow()
        catalog.drop_table(TABLE)
    finally:
        catalog.close()
    order: list[tuple[str, Any]] = [("day", "ascending"), ("carrier", "ascending")]
    return rows.sort_by(order).replace_schema_metadata(None)


def _errors(client: Any, backfill: str) -> list[Any]:
    runs = client.runs(backfill=backfill)["items"]
    return [run["error"] for run in runs if run["state"] != "succeeded"][:3]
