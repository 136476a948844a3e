"""Brings a database to the schema of this code, or refuses to touch a newer one."""

import logging
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_orch._version import __version__
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.store.engine import Database, is_missing, open_database
from jupyter_orch.store.postgres import (
    MIGRATION_SECONDS,
    build_indices,
    is_in_the_way,
    sort_by_bytes,
)
from jupyter_orch.store.tables import metadata, schema_info

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)
_GIVE_WAY_SECONDS = 0.5
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One migration."""

    revision: str
    #: What it is for, on one line.
    what: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a database stands to this code."""

    #: None before the first migration. One that this code does not know was made by newer code,
    #: beside which this code may go on.
    revision: str | None
    #: The revision of this code.
    head: str
    #: What leads from one to the other, in order.
    missing: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What became of a schema: revisions before and after; None before the first one."""

    before: str | None
    after: str


def look(url: str) -> Standing:
    """How the database at a URL stands to this code; changes and makes nothing.

    Raises:
        BadInput: The URL cannot be used.
        Unavailable: The database cannot be opened, or needs newer code.
    """
    if is_missing(url):
        return _standing(None)
    with closing(open_database(url)) as database, database.reading() as connection:
        return _standing(_revision(connection))


def migrate(database: Database, told: Callable[[Step], None] = lambda _step: None) -> Migration:
    """Runs the migrations that are missing; one process at a time, all of them or none.

    Gives way to others who are at work on the same tables, and starts anew.

    Args:
        database: What is migrated.
        told: Called before each step.

    Raises:
        Unavailable: The database cannot be used, or needs newer code.
    """
    deadline = time.monotonic() + MIGRATION_SECONDS
    while True:
        try:
            done = _migrate(database, told)
            break
        except Unavailable as error:
            if not is_in_the_way(error.__cause__) or time.monotonic() > deadline:
                raise
            log.warning("schema.gave_way error=%s", error)
            time.sleep(_GIVE_WAY_SECONDS)
    if not database.sqlite:
        build_indices(database.engine, metadata)
    return done


def _migrate(database: Database, told: Callable[[Step], None]) -> Migration:
    with database.writing() as connection:
        database.lock_schema(connection)
        standing = _standing(_revision(connection))
        if standing.missing:
            _upgrade(connection, standing, told)
            if not database.sqlite:
                sort_by_bytes(connection)
    if not standing.missing:
        # Also when newer, compatible code has been here: it has expanded the schema, no more.
        revision = standing.revision or standing.head
        return Migration(before=revision, after=revision)
    log.info("schema.migrated before=%s after=%s", standing.revision, standing.head)
    return Migration(before=standing.revision, after=standing.head)


def _revision(connection: sa.Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    if sa.inspect(connection).has_table(schema_info.name):
        _check_code(connection)
    return MigrationContext.configure(connection).get_current_revision()


def _check_code(connection: sa.Connection) -> None:
    needed = connection.execute(sa.select(schema_info.c.min_code)).scalar_one()
    if _numbers(needed) > _numbers(__version__):
        raise Unavailable(
            f"The database needs jupyter_orch {needed} or newer; this is {__version__}.",
            hint=f"pip install --upgrade 'jupyter-orch>={needed}'",
        )


def _standing(revision: str | None) -> Standing:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    steps = [
        Step(revision=script.revision, what=script.doc.splitlines()[0].rstrip("."))
        for script in reversed(list(scripts.walk_revisions()))
    ]
    known = [step.revision for step in steps]
    if revision is not None:
        steps = steps[known.index(revision) + 1 :] if revision in known else []
    return Standing(revision=revision, head=known[-1], missing=tuple(steps))


def _upgrade(connection: sa.Connection, standing: Standing, told: Callable[[Step], None]) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    for step in standing.missing:
        told(step)
        command.upgrade(config, step.revision)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
