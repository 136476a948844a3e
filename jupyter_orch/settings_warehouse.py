"""The settings of `warehouse`: where tables are, and who reads them. Passwords are references."""

import getpass
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jupyter_orch.domain.errors import BadInput

#: The catalog of a kernel whose worker alone holds the way to the tables.
BY_WORKER = "worker:"
#: What `warehouse.frame_rows` and `warehouse.shown_rows` are, unless they are set.
FRAME_ROWS = 10_000_000
SHOWN_ROWS = 10_000
_FILE = "file://"
_S3 = "s3://"
_SQLITE = "sqlite:///"
_POSTGRES = re.compile(r"postgresql(\+psycopg)?://")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=/-]*)?")
_REFERENCE = re.compile(r"(env|file):.+|[A-Za-z][\w.-]*/[A-Za-z][\w.-]*", re.ASCII)
#: A password in an address: after the user's name, or as an argument.
_PASSWORD = re.compile(r"://[^/@]*:[^/]*@|[?&](password|passfile|sslpassword)=", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class TrinoSettings:
    """Where a real Trino is; without a URL the embedded engine serves."""

    url: str = ""
    user: str = ""
    #: A reference such as `env:TRINO_PASSWORD` or `file:/run/secrets/trino`; never a password.
    password: str = ""
    #: Longest run time of a query; 0: as Trino has it.
    query_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class S3Settings:
    """How the tables' bucket is reached; without keys by what the host itself may do."""

    #: `http(s)://host:port`; empty: Amazon's.
    endpoint: str = ""
    region: str = "us-east-1"
    #: References, both or none.
    access_key: str = ""
    secret_key: str = ""
    #: Whether the bucket's name stands in the path of an address, not in the host's name.
    path_style: bool = True


@dataclass(frozen=True, kw_only=True)
class WarehouseSettings:
    """The tables and the engine that reads them."""

    catalog: str
    schema: str
    #: What the tables' addresses begin with: `file:///folder` or `s3://bucket/prefix`.
    location: str
    #: The folder of this host: locks, what is staged, and the tables unless they lie in S3.
    folder: Path
    catalog_uri: str
    #: A reference; never a password.
    catalog_password: str = ""
    memory_limit: str
    threads: int
    statement_timeout_seconds: float
    #: Rows above which a frame is refused unless its reader says how many it may have; 0: never.
    frame_rows: int = FRAME_ROWS
    #: Rows that `%%sql` shows; 0: all.
    shown_rows: int = SHOWN_ROWS
    trino: TrinoSettings
    s3: S3Settings = field(default_factory=S3Settings)

    @property
    def in_s3(self) -> bool:
        """Whether the tables lie in a bucket."""
        return self.location.startswith(_S3)

    @property
    def in_postgres(self) -> bool:
        """Whether the catalog is in PostgreSQL."""
        return _POSTGRES.match(self.catalog_uri) is not None

    @property
    def on_this_host(self) -> bool:
        """Whether catalog and tables are files of this host, which need no password."""
        return not self.in_s3 and self.catalog_uri.startswith(_SQLITE)


class Reader(Protocol):
    """What reads one setting after the other."""

    def text(self, key: str, default: str) -> str:
        """A text."""
        ...

    def path(self, key: str, default: Path) -> Path:
        """An absolute path."""
        ...

    def number(self, key: str, default: float, *, least: float) -> float:
        """A number."""
        ...

    def whole(self, key: str, default: int, *, least: int) -> int:
        """A whole number."""
        ...

    def truth(self, key: str, *, default: bool) -> bool:
        """True or false."""
        ...

    def refuse(self, key: str, message: str) -> BadInput:
        """The error of a setting that was read."""
        ...


def read_warehouse(reader: Reader, state_dir: Path) -> WarehouseSettings:
    """Reads and validates the table.

    Raises:
        BadInput: A value cannot be used. Its words hold no secret.
    """
    location, folder = _location(reader, state_dir)
    return WarehouseSettings(
        catalog=reader.text("warehouse.catalog", "lake"),
        schema=reader.text("warehouse.schema", "default"),
        location=location,
        folder=folder,
        catalog_uri=_catalog_uri(reader, folder),
        catalog_password=_reference(reader, "warehouse.catalog_password"),
        memory_limit=reader.text("warehouse.memory_limit", "2GB"),
        threads=reader.whole("warehouse.threads", 2, least=1),
        statement_timeout_seconds=reader.number(
            "warehouse.statement_timeout_seconds", 300.0, least=0.1
        ),
        frame_rows=reader.whole("warehouse.frame_rows", FRAME_ROWS, least=0),
        shown_rows=reader.whole("warehouse.shown_rows", SHOWN_ROWS, least=0),
        trino=TrinoSettings(
            url=reader.text("warehouse.trino.url", ""),
            user=reader.text("warehouse.trino.user", getpass.getuser()),
            password=reader.text("warehouse.trino.password", ""),
            query_seconds=reader.number("warehouse.trino.query_seconds", 0.0, least=0.0),
        ),
        s3=_s3(reader),
    )


def _location(reader: Reader, state_dir: Path) -> tuple[str, Path]:
    key, usual = "warehouse.location", state_dir / "warehouse"
    given = reader.text(key, "")
    if not given.startswith(_S3):
        if "://" in given:
            raise reader.refuse(key, f"The setting {key} is a folder or s3://bucket/prefix.")
        folder = reader.path(key, usual) if given else usual
        return f"{_FILE}{folder}", folder
    if not _BUCKET.fullmatch(given) or ".." in given:
        raise reader.refuse(key, f"The setting {key} names no bucket: write s3://bucket/prefix.")
    return given.rstrip("/"), usual


def _catalog_uri(reader: Reader, folder: Path) -> str:
    key = "warehouse.catalog_uri"
    uri = reader.text(key, f"{_SQLITE}{folder / 'catalog.db'}")
    if uri == BY_WORKER or uri.startswith(_SQLITE):
        return uri
    if _PASSWORD.search(uri):
        raise reader.refuse(
            key,
            f"The setting {key} may hold no password: put a reference to it, such as "
            "env:NAME or file:/path, into warehouse.catalog_password.",
        )
    if not _POSTGRES.match(uri):
        raise reader.refuse(
            key, f"The setting {key} begins with sqlite:/// or with postgresql+psycopg://."
        )
    return _POSTGRES.sub("postgresql+psycopg://", uri, count=1)


def _s3(reader: Reader) -> S3Settings:
    key = "warehouse.s3"
    endpoint = reader.text(f"{key}.endpoint", "")
    if endpoint and not re.fullmatch(r"https?://[^\s/?#@]+/?", endpoint):
        raise reader.refuse(
            f"{key}.endpoint", f"The setting {key}.endpoint is http(s)://host:port."
        )
    access_key = _reference(reader, f"{key}.access_key")
    secret_key = _reference(reader, f"{key}.secret_key")
    if bool(access_key) != bool(secret_key):
        raise reader.refuse(
            f"{key}.access_key", f"{key}.access_key and {key}.secret_key belong together."
        )
    return S3Settings(
        endpoint=endpoint.rstrip("/"),
        region=reader.text(f"{key}.region", "us-east-1"),
        access_key=access_key,
        secret_key=secret_key,
        path_style=reader.truth(f"{key}.path_style", default=True),
    )


def _reference(reader: Reader, key: str) -> str:
    value = reader.text(key, "")
    if value and not _REFERENCE.fullmatch(value):
        raise reader.refuse(
            key, f"The setting {key} is a reference such as env:NAME or file:/path, not a secret."
        )
    return value
