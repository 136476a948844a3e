"""Brings a database to the schema of this code, or refuses to touch a newer one."""

import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jupyter_orch._version import __version__
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.store.engine import Database
from jupyter_orch.store.postgres import sort_by_bytes
from jupyter_orch.store.tables import schema_info

_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What became of a schema: revisions before and after; None before the first one."""

    before: str | None
    after: str


def migrate(database: Database) -> Migration:
    """Runs the migrations that are missing; one process at a time, all of them or none.

    Raises:
        Unavailable: The database was made for newer code.
    """
    with database.writing() as connection:
        database.lock_schema(connection)
        if sa.inspect(connection).has_table(schema_info.name):
            _check_code(connection)
        done = _upgrade(connection)
        if done.before != done.after and not database.sqlite:
            sort_by_bytes(connection)
        return done


def _check_code(connection: sa.Connection) -> None:
    needed = connection.execute(sa.select(schema_info.c.min_code)).scalar_one()
    if _numbers(needed) > _numbers(__version__):
        raise Unavailable(
            f"The database needs jupyter_orch {needed} or newer; this is {__version__}.",
            hint=f"pip install --upgrade 'jupyter-orch>={needed}'",
        )


def _upgrade(connection: sa.Connection) -> Migration:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    head = str(scripts.get_current_head())
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        # A newer, compatible code has been here: it has expanded the schema, and left it usable.
        return Migration(before=current, after=current)
    if current != head:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return Migration(before=current, after=head)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
