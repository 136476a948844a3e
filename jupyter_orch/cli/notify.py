"""Being told: an option of `schedule`, and a test message."""

from collections.abc import Iterable
from typing import Any

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import F, open_client

_CHANNEL = "channel:"


def notify_option(command: F) -> F:
    """Adds `--notify`."""
    return click.option(
        "--notify",
        "told",
        multiple=True,
        metavar="EMAIL|channel:NAME",
        help="Whom to tell when a run fails, recovers or is late; may be given several times.",
    )(command)


def notifications_of(targets: Iterable[str]) -> list[dict[str, Any]]:
    """The part of a job's spec that tells all of these of everything."""
    named = list(targets)
    if not named:
        return []
    return [
        {
            "email": [each for each in named if not each.startswith(_CHANNEL)],
            "channels": [each[len(_CHANNEL) :] for each in named if each.startswith(_CHANNEL)],
        }
    ]


@click.command("notify-test", epilog="Example: jupyter orch notify-test channel:ops")
@click.argument("target", metavar="EMAIL|channel:NAME")
def notify_test(target: str) -> None:
    """Send a test message to an e-mail address or a channel."""
    with open_client() as client:
        client.test_channel(target)
    render.console().print(f"Sent a test message to {render.escape(target)}.")
