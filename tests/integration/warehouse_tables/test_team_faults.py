"""A team's servers are missing, refuse, fill up or go away: one clear message, and nothing lost."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from s3_fixture import SECRET_KEY, running_s3
from team_fixture import PASSWORD, Team, running_team

from jupyter_orch.domain.errors import BadInput, OrchError, Unavailable
from jupyter_orch.warehouse import publish, snapshots

from .conftest import Lake, days, listed

TABLE = "analytics.flights"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Servers that these tests may stop."""
    with running_team(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture
def lakes(servers: Team, tmp_path: Path) -> Iterator[Callable[..., Lake]]:
    """Warehouses on those servers, each with settings of its own."""
    made: list[Lake] = []

    def make(**settings: str) -> Lake:
        made.append(Lake(servers.settings(tmp_path / f"state{len(made)}", **settings)))
        return made[-1]

    yield make
    for lake in made:
        lake.warehouse.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives up does it soon."""
    monkeypatch.setattr(publish, "TRIES", 2)


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"WAREHOUSE__LOCATION": "s3://nowhere/x"}, "warehouse.location", "no bucket nowhere"),
        ({"WAREHOUSE__S3__SECRET_KEY": "env:WRONG"}, "warehouse.s3.access_key", "refuses the keys"),
        ({"WAREHOUSE__S3__SECRET_KEY": "env:NO_SUCH"}, "warehouse.s3.secret_key", "be found"),
        (
            {"WAREHOUSE__S3__ENDPOINT": "http://127.0.0.1:9"},
            "warehouse.s3.endpoint",
            "does not answer at http://127.0.0.1:9",
        ),
        ({"WAREHOUSE__CATALOG_PASSWORD": "env:WRONG"}, "warehouse.catalog_uri", "password auth"),
        ({"WAREHOUSE__CATALOG_PASSWORD": "env:NO_SUCH"}, "warehouse.catalog_password", "be found"),
        (
            {"WAREHOUSE__CATALOG_URI": "postgresql://team@127.0.0.1:9/lake"},
            "warehouse.catalog_uri",
            "cannot be opened",
        ),
        ({"WAREHOUSE__CATALOG_URI": "POSTGRES/none"}, "warehouse.catalog_uri", "cannot be opened"),
    ],
    ids=[
        *("no bucket", "wrong key", "no key", "no S3", "wrong password", "no password"),
        *("no server", "no database"),
    ],
)
def test_inv9_a_setting_that_leads_nowhere_is_named(
    *,
    servers: Team,
    lakes: Callable[..., Lake],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    field: str,
    said: str,
) -> None:
    """The message says what and where, holds no secret, and nothing is staged anywhere."""
    monkeypatch.setenv("WRONG", "wrong-secret-1234")
    database = servers.catalog_uri.rpartition("/")[0]
    settings = {key: value.replace("POSTGRES", database) for key, value in settings.items()}
    lake = lakes(**settings)
    before = servers.s3.files("s3://warehouse")
    with pytest.raises((Unavailable, BadInput)) as caught:
        lake.stage(TABLE, days("2013-01-01", 1))
    assert caught.value.field == field
    assert said in caught.value.message
    assert caught.value.hint
    for secret in (PASSWORD, SECRET_KEY, "wrong-secret-1234"):
        assert secret not in str(caught.value) + str(caught.value.hint)
    assert servers.s3.files("s3://warehouse") == before


def test_keys_that_expire_postpone_the_publish_until_there_are_new_ones(
    servers: Team, lakes: Callable[..., Lake]
) -> None:
    """Nothing is lost, and the worker is not started again."""
    lake = lakes()
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 2), mode="append")
    key = servers.folder / "secret"
    servers.s3.stop()
    servers.s3.secret = "another-secret-55aa"
    servers.s3.start()
    try:
        with pytest.raises(Unavailable, match="refuses the keys") as caught:
            lake.warehouse.publish(staged, who)
        assert SECRET_KEY not in str(caught.value)
        key.write_text(servers.s3.secret)
        lake.warehouse.publish(staged, who)
        assert lake.values(TABLE) == [1, 2]
    finally:
        servers.s3.stop()
        servers.s3.secret = SECRET_KEY
        key.write_text(SECRET_KEY)
        servers.s3.start()


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("server", ["s3", "postgres"])
def test_inv5_a_server_that_goes_away_in_a_publish_postpones_it(
    *,
    servers: Team,
    lakes: Callable[..., Lake],
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    exists: bool,
) -> None:
    """It ended after the rows were written: the same publish lands once it is back, once."""
    lake = lakes()
    if exists:
        lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 2), mode="append")
    with _ending(monkeypatch, SqlCatalog, "commit_table", getattr(servers, server).stop):
        said = "S3 does not answer" if server == "s3" else "catalog does not answer"
        with pytest.raises(Unavailable, match=said):
            lake.warehouse.publish(staged, who)
    getattr(servers, server).start()
    version = lake.warehouse.publish(staged, who)
    assert lake.warehouse.publish(staged, who).snapshot_id == version.snapshot_id
    assert lake.values(TABLE) == ([1, 2] if exists else [2])
    assert len(lake.warehouse.versions(TABLE).items) == 1 + exists


@pytest.mark.parametrize("server", ["s3", "postgres"])
def test_inv7_a_server_that_goes_away_while_staging_leaves_what_was(
    servers: Team, lakes: Callable[..., Lake], monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """The attempt fails with one message; its discard, once the server is back, leaves nothing."""
    lake = lakes()
    lake.write(TABLE, days("2013-01-01", 1))
    who = lake.provenance()
    with (
        _ending(monkeypatch, snapshots, "build", getattr(servers, server).stop),
        pytest.raises(Unavailable, match="does not answer"),
    ):
        lake.stage(TABLE, days("2013-01-01", 2), who)
    with pytest.raises(Unavailable, match=r"does not answer|cannot be opened"):
        listed(lakes(WAREHOUSE__CATALOG=lake.settings.warehouse.catalog))  # knows nothing by heart
    with pytest.raises(OrchError, match=r"does not answer|cannot be opened"):
        lake.warehouse.discard(who.run_id, who.attempt)
    getattr(servers, server).start()
    lake.warehouse.discard(who.run_id, who.attempt)
    assert lake.values(TABLE) == [1]
    assert len(lake.warehouse.load(TABLE).refs()) == 2
    location = lake.settings.warehouse.location
    assert [name for name in servers.s3.files(location) if name.startswith(".staging/")] == []


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_bucket_takes_nothing_and_is_named(
    lakes: Callable[..., Lake], tmp_path: Path, tiny: Path, exists: bool
) -> None:
    """No part of the rows stays there, and readers see what was."""
    with running_s3(tmp_path / "s3", tiny) as full:
        full.make_bucket("small")
        lake = lakes(WAREHOUSE__LOCATION="s3://small/lake", WAREHOUSE__S3__ENDPOINT=full.endpoint)
        if exists:
            lake.write(TABLE, days("2013-01-01", 1))
        else:
            lake.warehouse.check()
        before = full.files("s3://small")
        who = lake.provenance()
        noise = pa.table({"day": [None] * 400_000, "n": range(400_000), "text": _noise(400_000)})
        data = noise.cast(days("2013-01-01").schema)
        with pytest.raises(Unavailable, match="bucket small takes no more data") as caught:
            lake.stage(TABLE, data, who, mode="append")
        assert caught.value.field == "warehouse.location"
        lake.warehouse.discard(who.run_id, who.attempt)
        assert full.files("s3://small") == before
        if exists:
            assert lake.values(TABLE) == [1]
            assert lake.write(TABLE, days("2013-01-01", 2), mode="append").total_rows == 2


def _noise(rows: int) -> list[str]:
    import random

    chance = random.Random(7)  # noqa: S311 - no secret
    return [f"{chance.getrandbits(128):x}" for _ in range(rows)]


def _ending(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, stop: Callable[[], None]
) -> Any:
    """Before its first call a function ends a server."""
    real, stopped = getattr(owner, name), []

    def call(*arguments: Any, **more: Any) -> Any:
        if not stopped:
            stopped.append(True)
            stop()
        return real(*arguments, **more)

    context = monkeypatch.context()

    class _Patched:
        def __enter__(self) -> None:
            context.__enter__().setattr(owner, name, call)

        def __exit__(self, *error: object) -> None:
            context.__exit__(*error)

    return _Patched()
