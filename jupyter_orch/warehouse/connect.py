"""Connections to the warehouse: always the real trino client, whichever engine answers.

With `warehouse.trino.url` set it speaks to that Trino; without, to the embedded engine in this
process, through a transport adapter. Cursor, types, errors, SQLAlchemy, pandas and `%%sql` are
the client's own in both cases, so a notebook moves from one to the other without an edit.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_orch.domain.errors import BadInput, Refused, Unavailable
from jupyter_orch.settings import Settings, TrinoSettings, load, without_password
from jupyter_orch.settings_warehouse import BY_WORKER
from jupyter_orch.warehouse.reports import report_queries

if TYPE_CHECKING:
    import sqlalchemy
    import trino.dbapi

    from jupyter_orch.kernel.context import RunContext

#: The host that the client believes to speak to when the engine is in this process.
EMBEDDED_HOST = "embedded"
_SOURCE = "jupyter_orch"
_CONNECT_SECONDS = 10.0


def connect(**overrides: Any) -> "trino.dbapi.Connection":
    """A DB-API connection to the configured warehouse.

    Args:
        **overrides: Arguments of `trino.dbapi.connect` that replace the configured ones, such as
            `schema="nyc"`.

    Raises:
        BadInput: A setting cannot be used.
    """
    return _open(load(), source=_SOURCE, in_notebook=True, overrides=overrides)


def open_connection(
    settings: Settings,
    *,
    source: str = _SOURCE,
    session_properties: Mapping[str, str] | None = None,
) -> "trino.dbapi.Connection":
    """A DB-API connection with settings that are already at hand."""
    overrides = {"session_properties": dict(session_properties)} if session_properties else {}
    return _open(settings, source=source, in_notebook=False, overrides=overrides)


def engine(settings: Settings | None = None) -> "sqlalchemy.Engine":
    """A SQLAlchemy engine on the same connections, for `pandas.read_sql` and `%sql`."""
    import sqlalchemy

    chosen = settings or load()
    warehouse = chosen.warehouse
    url = sqlalchemy.URL.create(
        "trino",
        username=warehouse.trino.user,
        host=_address(warehouse.trino)[1] if warehouse.trino.url else EMBEDDED_HOST,
        database=f"{warehouse.catalog}/{warehouse.schema}",
    )
    return sqlalchemy.create_engine(
        url, creator=lambda: _open(chosen, source=_SOURCE, in_notebook=True, overrides={})
    )


def ping(settings: Settings) -> None:
    """Runs the smallest query.

    Raises:
        Unavailable: Queries cannot run, and why.
    """
    import requests
    from trino.exceptions import Error, TrinoConnectionError, TrinoQueryError

    connection = open_connection(settings, source=f"{_SOURCE}-ping")
    connection.max_attempts = 1
    connection.request_timeout = _CONNECT_SECONDS
    try:
        connection.cursor().execute("SELECT 1").fetchall()
    except (TrinoConnectionError, TrinoQueryError, Error, requests.RequestException) as error:
        where = without_password(settings.warehouse.trino.url) or "The embedded engine"
        raise Unavailable(
            f"{where} does not answer queries: {_reason(error)}.",
            field="warehouse.trino.url" if settings.warehouse.trino.url else None,
            hint="Check that Trino runs and that user and password are right."
            if settings.warehouse.trino.url
            else None,
        ) from error
    finally:
        connection.close()  # type: ignore[no-untyped-call]


def _open(
    settings: Settings, *, source: str, in_notebook: bool, overrides: dict[str, Any]
) -> "trino.dbapi.Connection":
    from jupyter_orch.warehouse.cursors import Connection

    warehouse = settings.warehouse
    run = _run() if in_notebook else None
    arguments: dict[str, Any] = {
        "user": warehouse.trino.user,
        "catalog": warehouse.catalog,
        "schema": warehouse.schema,
        "source": source,
        "client_tags": [f"run-{run.run_id}"] if run else [],
        "timezone": "UTC",
    }
    if warehouse.trino.url:
        overrides["session_properties"] = {
            **_time_limit(warehouse.trino, run),
            **(overrides.get("session_properties") or {}),
        }
        arguments |= _remote(warehouse.trino)
    else:
        if warehouse.catalog_uri == BY_WORKER:
            raise Refused(
                "The notebook of a run cannot query its team's tables without a Trino.",
                field="warehouse.trino.url",
                hint="Set it, or use jupyter_orch.read, which needs none.",
            )
        from jupyter_orch.warehouse.protocol import embedded_session

        arguments |= {"host": EMBEDDED_HOST, "port": 8080, "http_scheme": "http"}
        arguments |= {"http_session": embedded_session(settings), "encoding": None}
    arguments |= overrides
    report_queries(arguments["http_session"], embedded=not warehouse.trino.url)
    return Connection(**arguments)


def _remote(trino_settings: TrinoSettings) -> dict[str, Any]:
    import requests
    from trino.auth import BasicAuthentication

    scheme, host, port = _address(trino_settings)
    arguments: dict[str, Any] = {"host": host, "port": port, "http_scheme": scheme}
    if trino_settings.password:
        if scheme != "https":
            raise BadInput(
                "A password is sent to Trino by https only.",
                field="warehouse.trino.url",
                hint="Use an https:// address, or remove warehouse.trino.password.",
            )
        password = _of_the_run() or _resolve(trino_settings.password)
        arguments["auth"] = BasicAuthentication(trino_settings.user, password)
    arguments["http_session"] = session = requests.Session()
    try:
        session.get(f"{scheme}://{host}:{port}/v1/info", timeout=_CONNECT_SECONDS).close()
    except requests.RequestException as error:
        session.close()
        raise Unavailable(
            f"Trino at {without_password(trino_settings.url)} cannot be reached: {_reason(error)}.",
            field="warehouse.trino.url",
            hint="Check the address, or remove it to use the embedded engine.",
        ) from error
    return arguments


def _address(trino_settings: TrinoSettings) -> tuple[str, str, int]:
    wrong = BadInput(
        f"The address {without_password(trino_settings.url)!r} is not that of a Trino.",
        field="warehouse.trino.url",
        hint="Write http(s)://host:port.",
    )
    try:
        parts = urlsplit(trino_settings.url)
        port = parts.port or (443 if parts.scheme == "https" else 8080)
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise wrong
    return parts.scheme, parts.hostname, port


def _resolve(reference: str) -> str:
    kind, _, where = reference.partition(":")
    value: str | None = None
    if kind == "env":
        value = os.environ.get(where)
    elif kind == "file":
        try:
            value = Path(where).read_text("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError):
            value = None
    if value is None:
        raise BadInput(
            "The password of Trino cannot be found.",
            field="warehouse.trino.password",
            hint="Write a reference that exists: env:NAME or file:/path.",
        )
    return value


def _of_the_run() -> str | None:
    """What the worker makes of the reference; a kernel need not see where it points."""
    from jupyter_orch.kernel.channel import Channel

    channel = Channel.from_environment()
    if channel is None:
        return None
    try:
        return str(channel.request({"do": "secret", "ref": "warehouse/password"}))
    finally:
        channel.close()


def _run() -> "RunContext | None":
    """Inside a run's kernel: the run, which each query is tagged with, and does not outlive."""
    if "JUPYTER_ORCH_CHANNEL" not in os.environ:
        return None
    try:
        from jupyter_orch.kernel.context import context

        return context()
    except Exception:  # noqa: BLE001 - a tag is never worth a failed query
        return None


def _time_limit(trino_settings: TrinoSettings, run: "RunContext | None") -> dict[str, str]:
    """The session property that ends queries which run too long, also when nobody is left."""
    limits = [trino_settings.query_seconds or None, run.seconds_left if run else None]
    least = min((limit for limit in limits if limit is not None), default=None)
    return {} if least is None else {"query_max_run_time": f"{max(1, math.ceil(least))}s"}


def _reason(error: Exception) -> str:
    import requests

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.ConnectionError):
            return "the connection was refused or the host is unknown"
        if isinstance(cause, requests.Timeout):
            return "no answer in time"
        cause = cause.__cause__ or cause.__context__
    return str(getattr(error, "message", None) or error).splitlines()[0].rstrip(".")
