"""A real Trino for the whole session, on a warehouse of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jupyter_orch.settings import Settings, load

_SCRIPT = Path(__file__).parent.parent / "scripts" / "trino.py"
_NO_PARTS = 3
_START_SECONDS = 1500


@dataclass(frozen=True)
class TrinoServer:
    """Where the server is, and the settings that lead to it."""

    url: str
    #: For a process that shall use this server: settings as environment variables.
    environ: Mapping[str, str]
    #: Queries by this server.
    settings: Settings
    #: The same folder and catalog with queries by the embedded engine.
    embedded: Settings

    @property
    def host(self) -> str:
        """The host's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port."""
        return urlsplit(self.url).port or 0


@contextmanager
def running_trino(own: Mapping[str, str]) -> Iterator[TrinoServer]:
    """A server on the warehouse of these settings; skips by name when a part cannot be had."""
    environ = {name: value for name, value in os.environ.items() if "JUPYTER_ORCH_" not in name}
    command = [sys.executable, str(_SCRIPT)]
    started = subprocess.run(
        [*command, "start", "--quick", "--json", "--port", "-1"],
        env={**environ, **own},
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if started.returncode == _NO_PARTS:
        pytest.skip(f"trino: {started.stderr.strip().splitlines()[-1]}")
    if started.returncode:
        pytest.fail(f"Trino did not start: {started.stderr}")
    url = json.loads(started.stdout)["url"]
    with_url = {**own, "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": url}
    nowhere = Path(own["JUPYTER_ORCH__STATE__DIR"]) / "no-file.toml"
    try:
        yield TrinoServer(url, with_url, load(with_url, nowhere), load(own, nowhere))
    finally:
        subprocess.run([*command, "stop"], env={**environ, **own}, timeout=60, check=True)


@pytest.fixture(scope="session")
def trino_on_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrinoServer]:
    """A Trino on a folder and a catalog in SQLite, until the last test."""
    with running_trino(
        {"JUPYTER_ORCH__STATE__DIR": str(tmp_path_factory.mktemp("trino"))}
    ) as found:
        yield found


@pytest.fixture(scope="session")
def trino_server(trino_on_folder: TrinoServer) -> TrinoServer:
    """The Trino of tests that need any."""
    return trino_on_folder
