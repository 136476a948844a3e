"""What a team has: a catalog in PostgreSQL, tables in S3, and a Trino on both."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from postgres_fixture import PostgresServer, running_postgres
from s3_fixture import ACCESS_KEY, SECRET_KEY, S3Server, free_port, running_s3
from trino_fixture import TrinoServer, running_trino

from jupyter_orch.settings import Settings, load

PASSWORD = "team-password-77ab"
_LOGIN = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass
class Team:
    """The servers of a team, and settings that lead to them."""

    postgres: PostgresServer
    s3: S3Server
    #: Holds the passwords, each in a file.
    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def catalog_uri(self) -> str:
        """The catalog's address, without a password."""
        return f"postgresql://team@127.0.0.1:{self.postgres.port}/lake"

    def environ(self, state: Path, catalog: str = "") -> dict[str, str]:
        """Settings as variables: a state, a catalog and a place in the bucket of their own."""
        name = catalog or f"lake{next(self._numbers)}"
        values = {
            "STATE__DIR": str(state),
            "WAREHOUSE__CATALOG": name,
            "WAREHOUSE__CATALOG_URI": self.catalog_uri,
            "WAREHOUSE__CATALOG_PASSWORD": f"file:{self.folder / 'catalog'}",
            "WAREHOUSE__LOCATION": f"s3://warehouse/{name}",
            "WAREHOUSE__S3__ENDPOINT": self.s3.endpoint,
            "WAREHOUSE__S3__ACCESS_KEY": f"file:{self.folder / 'access'}",
            "WAREHOUSE__S3__SECRET_KEY": f"file:{self.folder / 'secret'}",
        }
        return {f"JUPYTER_ORCH__{key}": value for key, value in values.items()}

    def settings(self, state: Path, **more: str) -> Settings:
        """The same, read; `more` as `WAREHOUSE__LOCATION="…"`."""
        changed = {f"JUPYTER_ORCH__{key}": value for key, value in more.items()}
        return load(self.environ(state) | changed, state / "no-file.toml")


@contextmanager
def running_team(folder: Path) -> Iterator[Team]:
    """New servers, gone afterwards."""
    for name, value in {"catalog": PASSWORD, "access": ACCESS_KEY, "secret": SECRET_KEY}.items():
        (folder / name).write_text(value)
    with (
        running_s3(folder / "s3") as s3,
        running_postgres(
            "listen_addresses='127.0.0.1'", "fsync=off", port=free_port(), login=_LOGIN
        ) as postgres,
    ):
        s3.make_bucket("warehouse")
        postgres.execute(
            f"CREATE ROLE team LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE lake OWNER team"
        )
        yield Team(postgres, s3, folder)


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The servers, for all tests that leave them running."""
    with running_team(tmp_path_factory.mktemp("team")) as servers:
        yield servers


@pytest.fixture(scope="session")
def team_trino(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrinoServer]:
    """A Trino on the team's catalog and bucket, until the last test."""
    own: Mapping[str, str] = team.environ(tmp_path_factory.mktemp("team-trino"), "lake")
    with running_trino(own) as server:
        yield server
