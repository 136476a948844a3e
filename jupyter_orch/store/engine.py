"""One door to the database: transactions, its clock, and all that differs between dialects."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.settings import private_folder
from jupyter_orch.store.rows import instant

BUSY_SECONDS = 30.0
#: File systems whose locks and shared memory SQLite's write-ahead log cannot trust.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|lustre|gpfs|beegfs|glusterfs|ncpfs|davfs"
    r"|fuse\.(sshfs|s3fs|glusterfs|ceph\S*|rclone|gcsfuse|mount-s3)"
)
_BEGIN = "jupyter_orch_begin"


class Database:
    """Connections to one database, SQLite or PostgreSQL.

    Raises:
        BadInput: The URL cannot be used, or names a file on a network file system.
        Unavailable: The database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            self._sqlite = parsed.get_backend_name() == "sqlite"
            if self._sqlite:
                _prepare_file(parsed.database or "")
            arguments = {"timeout": BUSY_SECONDS} if self._sqlite else {}
            self.engine = sa.create_engine(parsed, connect_args=arguments, pool_pre_ping=False)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise BadInput(
                f"The database URL cannot be used: {error}.",
                field="state.url",
                hint="For example sqlite:////home/me/orch/state.db.",
            ) from error
        if self._sqlite:
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that changes something; SQLite lets one of them in at a time."""
        with _translated(), self._writer.begin() as connection:
            yield connection

    def now(self, connection: sa.Connection) -> int:
        """The database's clock, in microseconds; SQLite lives in this process and has ours."""
        if self._sqlite:
            return time.time_ns() // 1000
        seconds = sa.extract("epoch", sa.func.clock_timestamp())
        return int(connection.execute(sa.select(seconds * 1_000_000)).scalar_one())

    def instant(self, connection: sa.Connection) -> datetime:
        """The same as a datetime."""
        return instant(self.now(connection))

    def insert_or_leave(
        self, connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]
    ) -> bool:
        """Inserts the row unless any unique key already has it; says whether it did."""
        insert = sqlite.insert if self._sqlite else postgresql.insert
        statement = insert(table).on_conflict_do_nothing().returning(sa.literal(1))
        return connection.execute(statement, row).first() is not None

    def upsert(
        self, connection: sa.Connection, table: sa.Table, key: str, row: Mapping[str, Any]
    ) -> None:
        """Inserts the row, or overwrites the one with the same `key`."""
        insert = sqlite.insert if self._sqlite else postgresql.insert
        values = {name: value for name, value in row.items() if name != key}
        connection.execute(
            insert(table)
            .values(**row)
            .on_conflict_do_update(index_elements=[table.c[key]], set_=values)
        )

    def lock_schema(self, connection: sa.Connection) -> None:
        """Lets one process at a time migrate; SQLite's write transaction does so already."""
        if not self._sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x6F726368)))

    def try_locks(self, connection: sa.Connection, names: Sequence[str]) -> frozenset[str]:
        """Those of the names that nobody else holds; they are ours until the transaction ends.

        Never waits. SQLite's write transaction holds everything already.
        """
        if self._sqlite or not names:
            return frozenset(names)
        statement = sa.text(
            "SELECT name FROM unnest(CAST(:names AS text[])) AS name"
            " WHERE pg_try_advisory_xact_lock(hashtextextended(name, 0))"
        )
        return frozenset(connection.execute(statement, {"names": list(names)}).scalars())

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise  # ours to mend, or to answer for
    except (DBAPIError, sa.exc.TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise Unavailable(
            f"The database cannot be used: {cause}.", hint="See `jupyter orch doctor`."
        ) from error
    except UnicodeEncodeError as error:
        raise BadInput(f"The text {error.object!a} cannot be stored: it is not Unicode.") from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "journal_mode = WAL",
        # What was answered survives a power cut: with NORMAL the last commits may be gone, and a
        # published table could be ahead of its run. One fsync a commit, at a few commits a second.
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # IMMEDIATE: a reader that turns writer in mid-transaction would fail at once, not wait.
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _prepare_file(database: str) -> None:
    """Makes the file for its owner only; SQLite gives its side files the same mode."""
    if not database or database == ":memory:":
        raise BadInput(
            "The database must be a file: one in memory is lost with the process.",
            field="state.url",
        )
    path = Path(database).absolute()
    try:
        private_folder(path.parent)
        kind = file_system(path.parent)
        if _NETWORK.fullmatch(kind):
            raise BadInput(
                f"The database {path} lies on a network file system ({kind}), where SQLite can "
                "be damaged.",
                field="state.url",
                hint="Set state.dir to a local folder, or state.url to a PostgreSQL server.",
            )
        # Only a file that is not there: closing another descriptor of a database would drop the
        # locks that SQLite holds in this process.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise Unavailable(f"The database {path} cannot be opened: {error.strerror}.") from error


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The type of the file system that holds a folder; empty where nobody knows."""
    try:
        lines = mounts.read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real = folder.resolve()
    best, kind = -1, ""
    for line in lines:
        _, point, mounted, *_ = line.split(" ")
        where = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point))
        if len(where.parts) >= best and real.is_relative_to(where):
            best, kind = len(where.parts), mounted
    return kind
