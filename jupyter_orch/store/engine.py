"""One door to the database: transactions, its clock, and all that differs between dialects."""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# pyiceberg imports it when the first table is asked for. While one thread does so, statements that
# other threads make fail: SQLAlchemy asks the half-imported module what an enum's member is.
import sqlalchemy.orm
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.frozen import FROZEN_SECONDS, wake_writer
from jupyter_orch.settings import private_folder
from jupyter_orch.store import postgres
from jupyter_orch.store.rows import instant

BUSY_SECONDS = 30.0
#: File systems whose locks and shared memory SQLite's write-ahead log cannot trust.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|lustre|gpfs|beegfs|glusterfs|ncpfs|davfs"
    r"|fuse\.(sshfs|s3fs|glusterfs|ceph\S*|rclone|gcsfuse|mount-s3)"
)
_BEGIN = "jupyter_orch_begin"
_SYNCHRONOUS = "jupyter_orch_synchronous"
#: Answers microseconds since 1970.
Clock = Callable[[], int]


def wall_clock() -> int:
    """The wall clock, in microseconds."""
    return time.time_ns() // 1000


class Database:
    """Connections to one database, SQLite or PostgreSQL; `open_database` makes it.

    Args:
        engine: Connects.
        clock: Microseconds since 1970, for SQLite, which lives in this process.
        secret: What no error repeats.
    """

    def __init__(self, engine: sa.Engine, *, clock: Clock = wall_clock, secret: str = "") -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._clock = clock
        self._secret = secret
        if self.sqlite:
            sa.event.listen(engine, "connect", _configure_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
            self._reader = engine
            writer = {_BEGIN: "BEGIN IMMEDIATE", _SYNCHRONOUS: "FULL"}
            self._writer = engine.execution_options(**writer)
            self._hasty_writer = engine.execution_options(**{**writer, _SYNCHRONOUS: "NORMAL"})
            # Threads wait for each other in order. SQLite has no queue: it would have them sleep,
            # longer each time, while others go before them.
            self._turn: AbstractContextManager[object] = _Turn()
        else:
            sa.event.listen(engine, "connect", postgres.configure)
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
            self._hasty_writer = self._writer
            self._turn = nullcontext()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with self._translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction that changes something.

        SQLite lets one of them in at a time; on PostgreSQL each statement sees what is committed
        when it begins, and rows that it needs as they are have to be locked.

        Without `durable` SQLite does not wait for the disk: after a power cut the last of these
        may be gone, and never one without those after it. For what is soon said again.
        """
        writer = self._writer if durable else self._hasty_writer
        with self._turn, self._translated(), writer.begin() as connection:
            yield connection

    @contextmanager
    def apart(self) -> Iterator[Any]:
        """The driver's own connection, for one thread and no transaction; closed afterwards."""
        with self._translated(), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            connection.detach()  # the pool may open another one for others
            yield driver

    def now(self, connection: sa.Connection) -> int:
        """The database's clock, in microseconds; SQLite lives in this process and has ours."""
        if self.sqlite:
            return self._clock()
        seconds = sa.extract("epoch", sa.func.clock_timestamp())
        return int(connection.execute(sa.select(seconds * 1_000_000)).scalar_one())

    def instant(self, connection: sa.Connection) -> datetime:
        """The same as a datetime."""
        return instant(self.now(connection))

    def insert_or_leave(
        self, connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]
    ) -> bool:
        """Inserts the row unless any unique key already has it; says whether it did."""
        statement = self._insert(table).on_conflict_do_nothing().returning(sa.literal(1))
        return connection.execute(statement, row).first() is not None

    def upsert(
        self, connection: sa.Connection, table: sa.Table, key: str, row: Mapping[str, Any]
    ) -> None:
        """Inserts the row, or overwrites the one with the same `key`."""
        values = {name: value for name, value in row.items() if name != key}
        connection.execute(
            self._insert(table)
            .values(**row)
            .on_conflict_do_update(index_elements=[table.c[key]], set_=values)
        )

    def for_each(
        self, rows: sa.FromClause, key: sa.Column[Any], keys: sa.Select[Any]
    ) -> sa.Select[Any]:
        """The values of `key` that `keys`, which refers to `rows`, selects for each of them."""
        if self.sqlite:
            return sa.select(key).select_from(rows.join(key.table, key.in_(keys)))
        each = keys.lateral("each_of")
        return sa.select(each.c[key.name]).select_from(rows.join(each, sa.true()))

    def _insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    def lock_schema(self, connection: sa.Connection) -> None:
        """Lets one process at a time migrate; SQLite's write transaction does so already."""
        if not self.sqlite:
            postgres.begin_migration(connection)

    def try_locks(self, connection: sa.Connection, names: Sequence[str]) -> frozenset[str]:
        """Those of the names that nobody else holds; they are ours until the transaction ends.

        Never waits. SQLite's write transaction holds everything already.
        """
        if self.sqlite or not names:
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
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # ours to mend
        except DataError as error:
            raise BadInput(f"A value cannot be stored: {self._said(error)}.") from error
        except ProgrammingError as error:
            if not postgres.lacks_right(error):
                raise  # ours to answer for
            raise Unavailable(
                f"The database's user has not enough rights: {self._said(error)}.",
                hint="It must own the database, or have CREATE on its schema.",
            ) from error
        except (DBAPIError, sa.exc.TimeoutError) as error:
            raise Unavailable(
                f"The database cannot be used: {self._said(error)}.",
                hint="See `jupyter orch doctor`.",
            ) from error
        except UnicodeEncodeError as error:
            raise BadInput(
                f"The text {error.object!a} cannot be stored: it is not Unicode."
            ) from error

    def _said(self, error: Exception) -> str:
        """The driver's words, on one line and without the password."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        words = " ".join(str(cause).split()).rstrip(".")
        return words.replace(self._secret, "***") if self._secret else words


class _Turn:
    """One thread at a time, for as long as anybody may wait for a database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Unavailable(
                "The database cannot be used: another thread has been writing for too long.",
                hint="See `jupyter orch doctor`.",
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def open_database(url: str, *, clock: Clock = wall_clock) -> Database:
    """The database at a SQLAlchemy URL; PostgreSQL by psycopg 3, whichever driver it names.

    Raises:
        BadInput: The URL cannot be used, or names a file on a network file system.
        Unavailable: The file cannot be opened.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        _prepare_file(parsed.database or "")
        made = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
        return Database(made, clock=clock)
    made = sa.create_engine(
        parsed,
        connect_args=postgres.connect_arguments(parsed),
        pool_pre_ping=True,  # a server that was started anew costs no request
    )
    return Database(made, secret=str(parsed.password or parsed.query.get("password") or ""))


def is_missing(url: str) -> bool:
    """Whether the URL names a file that nobody has made yet.

    Raises:
        BadInput: The URL cannot be used.
    """
    parsed = _parse(url)
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return bool(file) and not Path(str(file)).exists()


def _parse(url: str) -> sa.URL:
    """The URL, with our driver. No error repeats it: it may hold a password."""
    if url.startswith("postgres://"):
        url = url.replace("postgres", "postgresql", 1)
    hint = (
        "For example sqlite:////home/me/orch/state.db, or postgresql://me@db.example.com/orch; "
        "in a password `@`, `/`, `:` and `%` are written as %40, %2F, %3A and %25."
    )
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise BadInput(
            "The database URL cannot be used: it is not a URL.", field="state.url", hint=hint
        ) from None
    kind = parsed.get_backend_name()
    if kind not in {"sqlite", "postgresql"}:
        raise BadInput(
            f"The database URL cannot be used: {kind!r} is neither sqlite nor postgresql.",
            field="state.url",
            hint=hint,
        )
    return parsed.set(drivername="sqlite") if kind == "sqlite" else postgres.driven(parsed)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    _set_patience(connection, BUSY_SECONDS)
    for pragma in (
        "journal_mode = WAL",
        # What was answered survives a power cut: with NORMAL the last commits may be gone, and a
        # published table could be ahead of its run. One fsync a commit, at a few commits a second.
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # IMMEDIATE: a reader that turns writer in mid-transaction would fail at once, not wait.
    options = connection.get_execution_options()
    wanted = options.get(_SYNCHRONOUS)
    if wanted is not None and connection.info.get(_SYNCHRONOUS) != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous = {wanted}")
        connection.info[_SYNCHRONOUS] = wanted
    begin = options.get(_BEGIN)
    if begin is None:
        connection.exec_driver_sql("BEGIN")
    elif not _begins_soon(connection, begin):
        connection.exec_driver_sql(begin)  # says what is wrong, in the words of SQLAlchemy


def _begins_soon(connection: sa.Connection, begin: str) -> bool:
    """Waits for the right to write as long as others go on with it; a frozen one is made to."""
    driver: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + BUSY_SECONDS
    _set_patience(driver, FROZEN_SECONDS)
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute(begin)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
                wake_writer(Path(connection.engine.url.database or ""))
            else:
                return True
    finally:
        _set_patience(driver, BUSY_SECONDS)
    return False


def _set_patience(driver: Any, seconds: float) -> None:
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


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
