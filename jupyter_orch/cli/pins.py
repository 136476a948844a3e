"""Commands that keep runs, and versions of tables, from retention."""

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import open_client

_WHAT = click.argument("what", metavar="RUN|TABLE")
_VERSION = click.argument("version", type=int, required=False)


@click.command(epilog="Example: jupyter orch pin 01j9zq6y3v8m5r2k7t4w1x0abc")
@_WHAT
@_VERSION
def pin(what: str, version: int | None) -> None:
    """Keep RUN and its files, or VERSION of TABLE, however old it gets."""
    with open_client() as client:
        if version is None:
            kept = client.pin(what)["id"]
        else:
            found = client.pin_version(what, version)
            kept = f"Version {version} of {found['table']}"
    render.console().print(f"{render.escape(kept)} is kept.")


@click.command(epilog="Example: jupyter orch unpin 01j9zq6y3v8m5r2k7t4w1x0abc")
@_WHAT
@_VERSION
def unpin(what: str, version: int | None) -> None:
    """Let RUN, or VERSION of TABLE, go when it is old, as others do."""
    with open_client() as client:
        if version is None:
            going = client.unpin(what)["id"]
        else:
            found = client.unpin_version(what, version)
            going = f"Version {version} of {found['table']}"
    render.console().print(f"{render.escape(going)} goes when it is old.")
