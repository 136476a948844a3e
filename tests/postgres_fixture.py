"""A real PostgreSQL for the whole session, in a temporary folder, on a private socket."""

import contextlib
import getpass
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa

from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import metadata, schema_info

PATIENCE = 60  # seconds
#: The system user that Debian's package makes: the server refuses to run as root.
_ACCOUNT = "postgres"
_PORT = 5432
_SETTINGS = (
    "listen_addresses=''",
    "shared_buffers=64MB",
    "max_connections=200",
    "fsync=on",
    "log_min_messages=fatal",
    "log_min_error_statement=panic",
)


def programs() -> Path | None:
    """The folder of the newest server that is installed, of version 15 or later."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name)
    )
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@dataclass
class PostgresServer:
    """A server that tests may stop, start and fill; `folder` is its own."""

    programs: Path
    folder: Path
    #: More settings, each as `name=value`; they win over the usual ones.
    settings: Sequence[str] = ()
    port: int = _PORT
    #: Who may log in how, instead of everybody; lines of `pg_hba.conf`.
    login: str = ""
    _names: Iterator[int] = field(default_factory=itertools.count)
    _pid: int | None = None

    @property
    def user(self) -> str:
        """Whom the server runs as, and who owns its databases."""
        return _ACCOUNT if os.geteuid() == 0 else getpass.getuser()

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}&port={self.port}"

    def create(self) -> None:
        """Makes the cluster."""
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--pgdata={self.data}"
        )
        if self.login:
            (self.data / "pg_hba.conf").write_text(self.login)

    @property
    def data(self) -> Path:
        """Where the cluster lies."""
        return self.folder / "data"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        port = f"port={self.port}"
        socket = f"unix_socket_directories='{self.folder}'"
        options = [f"-c {setting}" for setting in (*_SETTINGS, port, socket, *self.settings)]
        command = ["start", "--wait", f"--timeout={PATIENCE}", f"--log={self.folder / 'log'}"]
        self._run("pg_ctl", *command, f"--pgdata={self.data}", "-o", " ".join(options))
        self._pid = int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends all connections at once, and the server; by SIGQUIT as a crash would."""
        if self._pid is None:
            return
        pid, self._pid = self._pid, None
        for sent, patience in (
            (how, PATIENCE),
            (signal.SIGQUIT, 10),
            (signal.SIGKILL, 10),
        ):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
            end = time.monotonic() + patience
            while time.monotonic() < end:
                if not _alive(pid):
                    return
                time.sleep(0.02)
        pytest.fail(f"PostgreSQL does not end: process {pid}")

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Runs statements outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def new_database(self) -> str:
        """The URL of a new database."""
        name = f"orch{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def cut(self, database: str) -> None:
        """Ends every connection to a database."""
        self.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )

    def drop(self, url: str) -> None:
        """Removes a database, whoever is connected."""
        self.execute(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            command = [
                "setpriv",
                f"--reuid={_ACCOUNT}",
                f"--regid={_ACCOUNT}",
                "--clear-groups",
                *command,
            ]
        with tempfile.TemporaryFile() as said:  # not a pipe: the server would keep it open
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder,
                timeout=2 * PATIENCE,
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode()


def name_in(url: str) -> str:
    """The name of the database that a URL leads to."""
    return urlsplit(url).path.removeprefix("/")


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def running_postgres(
    *settings: str, port: int = _PORT, login: str = ""
) -> Iterator[PostgresServer]:
    """A new server, gone afterwards; skips by name where none is installed."""
    found = programs()
    if found is None:
        pytest.skip("postgresql: no server is installed (apt install postgresql)")
    # Short, for the socket; and not among the session's folders, which the server may not enter.
    folder = Path(tempfile.mkdtemp(prefix="orch-pg-"))
    server = PostgresServer(found, folder, settings, port, login)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)  # what it would still write down goes with the folder
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """One server for all tests that leave it running."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _emptied_url(postgresql_server: PostgresServer) -> str:
    url = postgresql_server.new_database()
    SqlStore(url).close()
    return url


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer, _emptied_url: str) -> str:
    """The URL of a database with our schema and nothing in it.

    All tests share it and find it emptied: a new one each time costs more than most tests.
    """
    tables = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
    tables.remove(f"DELETE FROM {schema_info.name}")
    sequences = [
        f"ALTER SEQUENCE {name}_id_seq RESTART"
        for name, table in metadata.tables.items()
        if isinstance(table.c[0].type, sa.BigInteger)
    ]
    name = name_in(_emptied_url)
    postgresql_server.cut(name)
    postgresql_server.execute("BEGIN", *tables, *sequences, "COMMIT", database=name)
    return _emptied_url
