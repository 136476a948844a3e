#!/usr/bin/env python3
"""Starts, stops and shows a real Trino on the tables and catalog of the settings.

    scripts/trino.py start     then set warehouse.trino.url to the address it prints
    scripts/trino.py status
    scripts/trino.py stop

It listens on this machine only. Needs Maven once, and a JDK (see docs/how-to/trino.md).
"""

import argparse
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from parts import Missing, say  # noqa: E402
from trino_parts import server, trinos_java  # noqa: E402

from jupyter_orch.domain.errors import OrchError  # noqa: E402
from jupyter_orch.kernel.secrets import resolve  # noqa: E402
from jupyter_orch.settings import WarehouseSettings, load  # noqa: E402

_READY_SECONDS = 300
_STOP_SECONDS = 30
_STATE = "state.json"
_SQLITE = "sqlite:///"
#: Variables of the server's process that hold passwords begin so.
_SECRETS = "JUPYTER_ORCH_TRINO_"
#: The catalog's tables as pyiceberg and Trino both know them. Trino does not make them itself.
_CATALOG_TABLES = """
CREATE TABLE IF NOT EXISTS iceberg_tables (
  catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
  table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000),
  previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
  catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL,
  property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000) NOT NULL,
  PRIMARY KEY (catalog_name, namespace, property_key));
"""


#: Exit code when a part cannot be had, so that tests may say which instead of failing.
_MISSING = 3


class NotStarted(Exception):
    """The server did not come up; the message says why."""


def main() -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=("start", "stop", "status"))
    parser.add_argument("--run", type=Path, help="folder of the server's own files")
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        help="default: 8080, or a free one when taken; -1: a free one",
    )
    parser.add_argument("--heap", default="1500M", help="memory of the server (default: 1500M)")
    parser.add_argument("--quick", action="store_true", help="start sooner, run slower: for tests")
    parser.add_argument("--json", action="store_true", help="print the state as JSON")
    chosen = parser.parse_args()
    try:
        settings = load()
        run = (chosen.run or settings.state_dir / "trino").absolute()
        if chosen.do == "stop":
            return stop(run)
        if chosen.do == "start":
            start(run, settings.warehouse, port=chosen.port, heap=chosen.heap, quick=chosen.quick)
        return show(run, as_json=chosen.json)
    except (Missing, NotStarted, OrchError) as error:
        say(str(error))
        return _MISSING if isinstance(error, Missing) else 1


def start(run: Path, warehouse: WarehouseSettings, *, port: int, heap: str, quick: bool) -> None:
    """Starts the server, unless it runs, and waits until it answers queries."""
    if state(run) is not None:
        return
    command, home = trinos_java(), server()
    port = port if port > 0 else _free_port(8080 if port == 0 else 0)
    _configure(run, warehouse, home, port)
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if quick else ["-XX:+UseG1GC"]
    properties = {
        "node.environment": "jupyter_orch",
        "node.id": f"port{port}",
        "node.data-dir": run / "data",
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
        "plugin.dir": run / "plugin",
        "config": run / "etc/config.properties",
        "catalog.config-dir": run / "etc/catalog",
        "log.levels-file": run / "etc/log.properties",
    }
    with (run / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(command),
                f"-Xmx{heap}",
                *flags,
                "-XX:+ExitOnOutOfMemoryError",
                "-Djdk.attach.allowAttachSelf=true",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                *(f"-D{name}={value}" for name, value in properties.items()),
                "-cp",
                f"{home / 'lib'}/*",
                "io.trino.server.TrinoServer",
            ],
            cwd=run,
            env=os.environ | _secrets(warehouse),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _write(run, {"pid": process.pid, "born": _born(process.pid), "port": port})
        _wait(process, run, port)
    except BaseException:
        process.kill()
        process.wait()
        (run / _STATE).unlink(missing_ok=True)
        raise


def stop(run: Path) -> int:
    """Ends the server that was started with this folder; none is fine."""
    known = state(run)
    if known is not None:
        os.kill(known["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while state(run) is not None:
            if time.monotonic() > deadline:
                os.kill(known["pid"], signal.SIGKILL)
            time.sleep(0.1)
        say(f"Trino on port {known['port']} is stopped.")
    (run / _STATE).unlink(missing_ok=True)
    return 0


def show(run: Path, *, as_json: bool) -> int:
    """Prints where the server is; 1 when it does not run."""
    known = state(run)
    if known is None:
        say("No Trino runs.")
        return 1
    url = f"http://127.0.0.1:{known['port']}"
    if as_json:
        print(json.dumps({"pid": known["pid"], "port": known["port"], "url": url}))
    else:
        print(f"Trino runs at {url} (process {known['pid']}, log {run / 'server.log'}).")
        print(f"To use it: export JUPYTER_ORCH__WAREHOUSE__TRINO__URL={url}")
    return 0


def state(run: Path) -> dict[str, Any] | None:
    """Process and port of the server, when it lives; a recycled process id is not it."""
    try:
        known: dict[str, Any] = json.loads((run / _STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return known if known["born"] and known["born"] == _born(known["pid"]) else None


def _configure(run: Path, warehouse: WarehouseSettings, home: Path, port: int) -> None:
    for folder in (run / "data", run / "etc" / "catalog"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plugins = run / "plugin"
    if plugins.is_symlink():
        plugins.unlink()
    plugins.symlink_to(home / "plugin")
    etc = run / "etc"
    (etc / "log.properties").write_text("io.trino=WARN\nio.airlift=WARN\n", "utf-8")
    _properties(
        etc / "config.properties",
        {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": port,
            "discovery.uri": f"http://127.0.0.1:{port}",
            "catalog.management": "static",
        },
    )
    _properties(
        etc / "catalog" / f"{warehouse.catalog}.properties",
        {
            "connector.name": "iceberg",
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.catalog-name": warehouse.catalog,
            "iceberg.jdbc-catalog.default-warehouse-dir": warehouse.location,
            "iceberg.jdbc-catalog.schema-version": "V1",
            **_catalog(warehouse),
            **_files(warehouse),
        },
    )
    _properties(etc / "catalog" / "tpch.properties", {"connector.name": "tpch"})


def _catalog(warehouse: WarehouseSettings) -> dict[str, str]:
    """How Trino opens the catalog, whose tables are made here: Trino does not make them itself."""
    prefix = "iceberg.jdbc-catalog."
    if warehouse.in_postgres:
        from sqlalchemy import make_url

        from jupyter_orch.warehouse.catalog import open_catalog

        open_catalog(load()).close()
        url = make_url(warehouse.catalog_uri)
        address = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"
        return {
            f"{prefix}driver-class": "org.postgresql.Driver",
            f"{prefix}connection-url": f"jdbc:postgresql://{address}",
            f"{prefix}connection-user": url.username or "",
            f"{prefix}connection-password": _secret("CATALOG_PASSWORD"),
        }
    file = Path(warehouse.catalog_uri.removeprefix(_SQLITE).partition("?")[0])
    for folder in (warehouse.folder, file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_CATALOG_TABLES)
    return {
        f"{prefix}driver-class": "org.sqlite.JDBC",
        f"{prefix}connection-url": f"jdbc:sqlite:{file}?busy_timeout=30000",
    }


def _files(warehouse: WarehouseSettings) -> dict[str, str]:
    """How Trino reads and writes the tables' files."""
    if not warehouse.in_s3:
        # With the root as its location, Trino and pyiceberg mean the same file by one path.
        return {"fs.native-local.enabled": "true", "local.location": "/"}
    s3 = warehouse.s3
    values = {
        "fs.native-s3.enabled": "true",
        "s3.region": s3.region,
        "s3.path-style-access": str(s3.path_style).lower(),
    }
    if s3.endpoint:
        values["s3.endpoint"] = s3.endpoint
    if s3.access_key:
        values["s3.aws-access-key"] = _secret("ACCESS_KEY")
        values["s3.aws-secret-key"] = _secret("SECRET_KEY")
    return values


def _secret(name: str) -> str:
    """A reference to a variable of the server's process: no password is written to a file."""
    return f"${{ENV:{_SECRETS}{name}}}"


def _secrets(warehouse: WarehouseSettings) -> dict[str, str]:
    """The values behind those references."""
    references = {
        "CATALOG_PASSWORD": warehouse.catalog_password,
        "ACCESS_KEY": warehouse.s3.access_key,
        "SECRET_KEY": warehouse.s3.secret_key,
    }
    values = {name: resolve(given) if given else "" for name, given in references.items()}
    return {f"{_SECRETS}{name}": value for name, value in values.items()}


def _properties(file: Path, values: dict[str, Any]) -> None:
    escaped = (
        f"{name}={str(value).replace(chr(92), chr(92) * 2)}\n" for name, value in values.items()
    )
    file.write_text("".join(escaped), "utf-8")


def _wait(process: "subprocess.Popen[bytes]", run: Path, port: int) -> None:
    began = time.monotonic()
    told = 0.0
    while True:
        if process.poll() is not None:
            lines = (run / "server.log").read_text("utf-8", "replace").splitlines()
            errors = [line for line in lines if "ERROR" in line or "rror:" in line] or lines[-1:]
            raise NotStarted(
                f"Trino ended at once: {' '.join(errors[:2])} (log: {run / 'server.log'})"
            )
        if _ready(port):
            say(f"Trino is ready after {time.monotonic() - began:.0f} s.")
            return
        spent = time.monotonic() - began
        if spent > _READY_SECONDS:
            raise NotStarted(f"Trino was not ready after {_READY_SECONDS} s.")
        if spent - told >= 5:  # noqa: PLR2004
            say(f"Trino is starting … {spent:.0f} s")
            told = spent
        time.sleep(0.2)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=2) as answer:
            return not json.load(answer)["starting"] and _answers(port)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _answers(port: int) -> bool:
    """Whether it has found a node to run queries on; it says before that it has started."""
    user = {"X-Trino-User": "jupyter_orch"}
    page = {"nextUri": f"http://127.0.0.1:{port}/v1/statement"}
    data: bytes | None = b"SELECT count(*) FROM tpch.tiny.region"
    while "nextUri" in page:
        request = urllib.request.Request(  # noqa: S310 - its own answers name the addresses
            page["nextUri"], data=data, headers=user
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            page, data = json.load(answer), None
    return "error" not in page


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise NotStarted("No port is free.")


def _born(pid: int) -> str:
    """When the process was born, in the kernel's clock ticks; empty when it is gone or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _write(run: Path, values: dict[str, Any]) -> None:
    aside = run / f".{_STATE}.{os.getpid()}"
    aside.write_text(json.dumps(values), "utf-8")
    aside.replace(run / _STATE)


if __name__ == "__main__":
    sys.exit(main())
