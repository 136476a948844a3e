"""Commands about failures of many runs."""

from datetime import UTC, datetime, timedelta

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, page_options, print_json
from jupyter_orch.cli.triggers import seconds_of
from jupyter_orch.domain.text import plain

_LONGEST = 100  # characters of an error


@click.command(epilog="Example: jupyter orch failures --since 1d")
@click.option(
    "--since",
    default="7d",
    show_default=True,
    help="How far back: a number and s, m, h or d.",
)
@page_options
@json_option
def failures(*, since: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """List failures, equal ones as one, the latest first."""
    back = timedelta(seconds=seconds_of(since, field="since"))
    with open_client() as client:
        page = client.failures(_before(back).isoformat(), limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    render.grid(
        ("LAST", "TIMES", "JOBS", "ERROR", "LAST RUN", "FINGERPRINT"),
        (
            (
                render.moment(item["last_at"]),
                item["count"],
                _jobs(item["jobs"], item["job_count"]),
                _error(item["name"], item["message"], item["cell_index"]),
                item["last_run_id"],
                item["fingerprint"],
            )
            for item in page["items"]
        ),
        nothing="Nothing has failed.",
    )
    render.more(page)


def _before(back: timedelta) -> datetime:
    try:
        return datetime.now(UTC) - back
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _jobs(names: list[str], count: int) -> str:
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return render.escape(", ".join(names) + more) or "-"


def _error(name: str, message: str, cell_index: int | None) -> str:
    cell = "" if cell_index is None else f"cell {cell_index + 1}: "
    said = " ".join(plain(f"{cell}{name}: {message}" if message else f"{cell}{name}").split())
    return render.escape(said if len(said) <= _LONGEST else said[:_LONGEST] + "…")
