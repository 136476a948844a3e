"""Opening the database: who may, where, and with which schema."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from store_kit import note_change

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.domain.states import RunState
from jupyter_orch.store import engine
from jupyter_orch.store.engine import file_system
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import ACTIVE, in_state, metadata, run


def url_of(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    """Only its owner may read it, whatever the umask; commits are on disk when they return."""
    path = tmp_path / "deep" / "state.db"
    old = os.umask(0)
    try:
        store = SqlStore(url_of(path))
    finally:
        os.umask(old)
    with closing(store):
        for file in (path, path.with_name("state.db-wal"), path.with_name("state.db-shm")):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with store._database.writing() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
    assert pragmas["journal_mode"] == "wal"
    assert (pragmas["synchronous"], pragmas["foreign_keys"]) == (2, 1)
    assert pragmas["busy_timeout"] >= 10_000


def test_an_existing_file_becomes_private(tmp_path: Path) -> None:
    """A database that was readable for others is so no longer."""
    path = tmp_path / "state.db"
    path.touch(0o644)
    SqlStore(url_of(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_make_what_the_code_expects(tmp_path: Path) -> None:
    """Migrations and table definitions agree, column by column and index by index."""
    with (
        closing(SqlStore(url_of(tmp_path / "state.db"))) as store,
        store._database.reading() as connection,
    ):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_second_start_finds_everything_as_it_was(tmp_path: Path) -> None:
    """Migrating a database that is up to date changes nothing."""
    path = tmp_path / "state.db"
    for _ in range(3):
        with closing(SqlStore(url_of(path))) as store:
            note_change(store, "a.b")
    with closing(SqlStore(url_of(path))) as store:
        assert len(store.changes(after=0)) == 3


def test_many_processes_may_start_at_once_on_an_empty_folder(tmp_path: Path) -> None:
    """One of them migrates, the others wait for it."""
    code = "import sys; from jupyter_orch.store.sql import SqlStore; SqlStore(sys.argv[1]).close()"
    command = [sys.executable, "-c", code, url_of(tmp_path / "state.db")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_newer_code_locks_older_code_out_only_when_it_must(tmp_path: Path) -> None:
    """A newer revision alone is fine; `min_code` above this version is refused by name."""
    path = tmp_path / "state.db"
    SqlStore(url_of(path)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    SqlStore(url_of(path)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_info SET min_code = '99.0.0'")
    with pytest.raises(Unavailable, match=r"99\.0\.0"):
        SqlStore(url_of(path))


@pytest.mark.parametrize(
    "url",
    ["", "rubbish", "sqlite://", "sqlite:///:memory:", "nosuchdb://host/x", "mysql+nope://h/x"],
)
def test_inv9_a_url_that_cannot_be_used_is_named(url: str) -> None:
    """Bad input for the setting, without a traceback of the driver."""
    with pytest.raises(BadInput) as caught:
        SqlStore(url)
    assert caught.value.field == "state.url"


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """The message says what is wrong with it, and the file stays as it was."""
    path = tmp_path / "state.db"
    path.write_text("this is a shopping list, and a long one\n" * 50)
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="not a database"):
        SqlStore(url_of(path))
    assert path.read_bytes() == before
    with pytest.raises(Unavailable):
        SqlStore(url_of(tmp_path))


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's locks cannot be trusted there; nothing is created."""
    monkeypatch.setattr(engine, "file_system", lambda _folder: "nfs4")
    with pytest.raises(BadInput, match="network file system") as caught:
        SqlStore(url_of(tmp_path / "state.db"))
    assert caught.value.field == "state.url"
    assert caught.value.hint is not None
    assert list(tmp_path.iterdir()) == []


def test_finds_the_file_system_of_a_folder(tmp_path: Path) -> None:
    """The deepest mount counts, names may hold spaces, and a sibling's prefix is no parent."""
    home = tmp_path / "my home"
    (home / "deep").mkdir(parents=True)
    sibling = tmp_path / "my homestead"
    sibling.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(home).replace(" ", "\\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\n")
    assert file_system(home / "deep", mounts) == "nfs4"
    assert file_system(sibling, mounts) == "ext4"
    assert file_system(home, tmp_path / "missing") == ""
    for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "ceph"):
        assert engine._NETWORK.fullmatch(kind)
    for kind in ("ext4", "xfs", "tmpfs", "overlay", "btrfs", "zfs", "apfs"):
        assert not engine._NETWORK.fullmatch(kind)


def test_a_busy_database_is_waited_for(tmp_path: Path) -> None:
    """A writer that comes second waits for the first one instead of failing."""
    with closing(SqlStore(url_of(tmp_path / "state.db"))) as store:
        begun, order = threading.Event(), []

        def second() -> None:
            begun.set()
            note_change(store, "second")
            order.append("second")

        thread = threading.Thread(target=second)
        with store._database.writing():
            thread.start()
            assert begun.wait(10)
            time.sleep(0.1)
            order.append("first")
        thread.join(30)
    assert order == ["first", "second"]


HOT = [
    (in_state(run, RunState.QUEUED), run.c.not_before, "ix_run_queue"),
    (in_state(run, RunState.FAILED) & (run.c.team_id == "t"), run.c.id, "ix_run_state"),
    (in_state(run, *ACTIVE) & (run.c.job_id == "j"), run.c.state, "(job_id=? AND state=?)"),
]


@pytest.mark.parametrize(("condition", "order", "index"), HOT)
def test_hot_queries_use_the_small_indices(tmp_path: Path, condition, order, index) -> None:
    """A million ended runs cost the queue nothing."""
    statement = sa.select(run.c.id).where(condition).order_by(order)
    with (
        closing(SqlStore(url_of(tmp_path / "state.db"))) as store,
        store._database.reading() as connection,
    ):
        sql = statement.compile(connection.engine, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    assert index in str(plan)


def test_inv8_no_thread_imports_a_part_of_sqlalchemy_while_others_make_statements() -> None:
    """What pyiceberg would import in the middle of the work is there from the start."""
    program = "import sys, jupyter_orch.store.engine; sys.exit('sqlalchemy.orm' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
