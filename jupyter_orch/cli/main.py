"""The command `jupyter-orch`, which `jupyter orch` finds."""

import click

from jupyter_orch._version import __version__
from jupyter_orch.cli.backfill import backfill, backfills
from jupyter_orch.cli.common import Group
from jupyter_orch.cli.diff import diff
from jupyter_orch.cli.doctor import doctor
from jupyter_orch.cli.failures import failures
from jupyter_orch.cli.jobs import delete, jobs, pause, resume, run, schedule, show
from jupyter_orch.cli.migrate import migrate
from jupyter_orch.cli.notify import notify_test
from jupyter_orch.cli.pins import pin, unpin
from jupyter_orch.cli.pools import pools
from jupyter_orch.cli.process import down, status, up
from jupyter_orch.cli.runs import cancel, follow_run, logs, rerun, runs
from jupyter_orch.cli.tables import rollback, tables, undo, versions


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jupyter orch")
def main() -> None:
    """Schedule notebooks, follow their runs, and keep versions of what they publish.

    Exit codes: 0 done, 1 failed, 2 bad input, 3 not found, 4 refused,
    5 service or warehouse unreachable.
    """


for _command in (
    up,
    down,
    status,
    doctor,
    schedule,
    jobs,
    show,
    pause,
    resume,
    delete,
    run,
    runs,
    follow_run,
    failures,
    logs,
    rerun,
    cancel,
    pin,
    unpin,
    backfill,
    backfills,
    notify_test,
    tables,
    versions,
    diff,
    rollback,
    undo,
    pools,
    migrate,
):
    main.add_command(_command)
