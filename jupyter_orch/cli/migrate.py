"""`jupyter orch migrate`: brings the database to this version, or says whether it has to be."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from jupyter_orch._version import __version__
from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, own_service, print_json
from jupyter_orch.settings import without_password

if TYPE_CHECKING:
    from jupyter_orch.store.schema import Step


@click.command(epilog="Example: jupyter orch migrate --check")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when it is behind.")
@json_option
def migrate(*, check: bool, as_json: bool) -> None:
    """Bring the database to the revision of this version.

    `jupyter orch up` does the same as it starts. Services of an earlier version go on beside it,
    and any number of processes may do it at once.
    """
    from jupyter_orch import wiring

    settings = own_service()
    standing = wiring.look_at_schema(settings)
    if not as_json:
        render.facts(
            (
                ("database", render.escape(without_password(settings.state_url))),
                ("its revision", standing.revision or "none yet"),
                ("this version", f"{__version__} with revision {standing.head}"),
            )
        )
    if not check:
        began = time.monotonic()
        done = wiring.migrate_schema(settings, _ignore if as_json else _print)
        standing = wiring.look_at_schema(settings)
        if not as_json and done.before != done.after:
            render.console().print(f"Done in {render.span(time.monotonic() - began)}.")
    if as_json:
        print_json({"version": __version__, **asdict(standing)})
    elif not standing.missing:
        render.console().print("The database is up to date.")
    else:
        for step in standing.missing:
            _print(step)
        render.console().print("The database is behind: `jupyter orch migrate` upgrades it.")
    if standing.missing:
        raise click.exceptions.Exit(1)


def _print(step: "Step") -> None:
    render.console().print(f"{step.revision}: {render.escape(step.what)}")


def _ignore(_step: "Step") -> None:
    """Programs read the result only."""
