"""Sets of tables in both worlds, for tests that kill, freeze and cheat who writes them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from table_kit import Sets, sets_in
from team_fixture import Team

WORLDS = ("folder", "team")


def sets_of(
    request: pytest.FixtureRequest, folder: Path, **settings: str
) -> AbstractContextManager[Sets]:
    """A folder with a catalog in SQLite, or a bucket in S3 with a catalog in PostgreSQL."""
    more = {f"JUPYTER_ORCH__{name}": value for name, value in settings.items()}
    if request.param == "team":
        team: Team = request.getfixturevalue("team")
        return sets_in(folder, team.environ(folder / "state") | more, team.s3)
    return sets_in(folder, {"JUPYTER_ORCH__STATE__DIR": str(folder / "state")} | more)


@pytest.fixture(params=WORLDS)
def sets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sets]:
    """Each of these worlds, the state in SQLite."""
    with sets_of(request, tmp_path) as made:
        yield made


@pytest.fixture(params=WORLDS)
def sets_of_hosts(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql_url: str
) -> Iterator[Sets]:
    """The same with the state in PostgreSQL, where a frozen process keeps nobody from writing."""
    with sets_of(request, tmp_path, STATE__URL=postgresql_url) as made:
        yield made
