"""Databases of an earlier version, on each kind of database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from postgres_fixture import PostgresServer
from store_kit import NOW, add_job, claim, run_of, spec_of

from jupyter_orch.cli.main import main
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import RunState
from jupyter_orch.store import schema
from jupyter_orch.store.engine import Database, open_database
from jupyter_orch.store.postgres import sort_by_bytes
from jupyter_orch.store.schema import look, migrate
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import metadata, schema_info

FIRST = "0001"
PATIENCE = 120  # seconds


class Said(NamedTuple):
    """What a command ended with and wrote."""

    code: int | str | None
    out: str
    err: str


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path):
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    made = server.new_database()
    yield made
    server.drop(made)


def set_back(url: str) -> None:
    """Makes the database as the first version of the code left it."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with closing(open_database(url)) as database, database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        if not database.sqlite:
            sort_by_bytes(connection)


@pytest.fixture
def say(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[..., Said]:
    """Runs `jupyter orch …` on this database."""
    monkeypatch.setenv("JUPYTER_ORCH__STATE__URL", url)
    monkeypatch.setenv("JUPYTER_ORCH__STATE__DIR", str(tmp_path / "state"))

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return Said(ended.value.code, *capsys.readouterr())

    return run


def is_as_expected(database: Database) -> bool:
    """Whether the tables are those of this code."""
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata) == []


def test_a_database_that_is_behind_is_looked_at_without_a_change(url: str, say) -> None:
    """`--check` answers by its exit code: 1 as long as something is missing."""
    assert say("migrate", "--check").code == 1
    assert look(url).revision is None
    set_back(url)
    said = say("migrate", "--check")
    assert said.code == 1
    assert f"its revision  {FIRST}\n" in said.out
    assert "jupyter orch migrate" in said.out
    standing = look(url)
    assert (standing.revision, standing.missing[-1].revision) == (FIRST, standing.head)


def test_it_is_upgraded_by_the_command(url: str, say) -> None:
    """Each step is told, everything is kept, and a second time there is nothing to do."""
    set_back(url)
    with closing(open_database(url)) as database:
        with database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO change (kind, key) VALUES ('job', 'kept')")
        steps = [f"{step.revision}: {step.what}" for step in look(url).missing]
        said = say("migrate")
        assert said.code == 0
        assert [line for line in said.out.splitlines() if line in steps] == steps
        assert is_as_expected(database)
        with database.reading() as connection:
            kept = connection.exec_driver_sql("SELECT key FROM change").scalars().all()
        assert kept == ["kept"]
    again = say("migrate")
    assert (again.code, steps[0] in again.out) == (0, False)
    assert say("migrate", "--check").code == 0


def test_failures_from_before_the_upgrade_are_counted_by_it(url: str) -> None:
    """As they would have been when their runs ended."""
    with closing(SqlStore(url)) as store:
        jobs = [add_job(store, spec_of()), None, add_job(store, spec_of()), None]
        for name in ("KeyError", "KeyError", "IndexError"):
            for job in jobs:
                new = store.add_run(run_of(job))
                claim(store)
                error = RunError(name=name, message="no")
                assert store.finish("w", new.id, 1, state=RunState.FAILED, error=error)
        counted = store.failures(DEFAULT_TEAM, since=NOW - timedelta(days=9999)).items
        with store._database.writing() as connection:
            connection.exec_driver_sql("DROP TABLE failure")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
        migrate(store._database)
        assert is_as_expected(store._database)
        assert store.failures(DEFAULT_TEAM, since=NOW - timedelta(days=9999)).items == counted
        assert [each.count for each in counted] == [4, 8]


def test_processes_that_upgrade_at_once_wait_for_each_other(url: str) -> None:
    """One of them does it, the others find it done, and all succeed."""
    set_back(url)
    command = [sys.executable, "-m", "jupyter_orch.cli", "migrate"]
    environment = {**os.environ, "JUPYTER_ORCH__STATE__URL": url}
    crowd = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=PATIENCE)[0] for process in crowd]
    assert [process.returncode for process in crowd] == [0] * len(crowd)
    assert sum("Done in" in each for each in said) == 1
    with closing(open_database(url)) as database:
        assert is_as_expected(database)


def test_an_upgrade_gives_way_to_a_service_at_work_and_comes_back(
    postgresql_server: PostgresServer,
) -> None:
    """Tables are locked in another order than by others; what would wait for ever starts anew."""
    url = postgresql_server.new_database()
    set_back(url)
    tries: list[str] = []

    def told(step: schema.Step) -> None:
        tries.append(step.revision)

    with (
        closing(open_database(url)) as database,
        psycopg.connect(url) as service,
        ThreadPoolExecutor(1) as pool,
    ):
        service.execute("SET deadlock_timeout = '60s'")
        service.execute("LOCK TABLE job IN ROW EXCLUSIVE MODE")
        upgrade = pool.submit(migrate, database, told)
        while not tries:
            time.sleep(0.01)
        time.sleep(0.3)  # by now it has locked the table of the runs
        service.execute("SELECT count(*) FROM run")
        service.commit()
        assert upgrade.result(PATIENCE).before == FIRST
        assert tries.count(tries[0]) > 1
        assert is_as_expected(database)
    postgresql_server.drop(url)


def test_inv7_an_upgrade_that_breaks_off_leaves_everything_as_it_was(url: str) -> None:
    """All steps or none: the old code goes on, and the next try starts where this one did."""
    set_back(url)

    def break_off(step: schema.Step) -> None:
        raise KeyboardInterrupt(step.revision)

    with closing(open_database(url)) as database:
        with pytest.raises(KeyboardInterrupt):
            migrate(database, break_off)
        assert look(url).revision == FIRST
        assert migrate(database).before == FIRST
        assert is_as_expected(database)


def test_a_database_of_newer_code_is_worked_with_until_it_forbids_that(url: str) -> None:
    """An unknown revision is fine; `min_code` above this version is refused."""
    with closing(open_database(url)) as database:
        migrate(database)
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        assert look(url).missing == ()
        assert migrate(database).after == "9999"
        forbid(database)
        for open_it in (lambda: look(url), lambda: migrate(database)):
            with pytest.raises(Unavailable, match=r"needs jupyter_orch 99\.1\.0 or newer"):
                open_it()


def forbid(database: Database) -> None:
    """Says that this code is too old."""
    with database.writing() as connection:
        connection.execute(sa.update(schema_info).values(min_code="99.1.0"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_whatever_opens_a_database_that_forbids_it_says_what_to_install(url: str, say) -> None:
    """One sentence and a command, also from a service that was started in the background."""
    with closing(open_database(url)) as database:
        migrate(database)
        forbid(database)
    commands = ("up", "up --role worker", "up --detach", "migrate", "migrate --check", "doctor")
    for typed in commands:
        code, *said = say(*typed.split())
        assert code == 5, typed
        words = "".join(said)
        assert "needs jupyter_orch 99.1.0 or newer" in words, typed
        assert "pip install --upgrade 'jupyter-orch>=99.1.0'" in words, typed
        assert "Traceback" not in words
