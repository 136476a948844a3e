"""What only a team's warehouse has to hold: several hosts, and servers that go away."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from s3_fixture import SECRET_KEY
from table_kit import until
from team_fixture import PASSWORD, Team

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.warehouse import locks, publish
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
from jupyter_orch.warehouse.locks import committing

from .conftest import Lake, days

TABLE = "analytics.flights"


@pytest.fixture
def hosts(team: Team, tmp_path: Path):
    """The same warehouse, used by a worker on each of two hosts."""
    from jupyter_orch.settings import load

    shared = team.environ(tmp_path / "one")
    found = [
        Lake(load(shared | {"JUPYTER_ORCH__STATE__DIR": str(tmp_path / name)}, tmp_path / "none"))
        for name in ("one", "two")
    ]
    yield found
    for lake in found:
        lake.warehouse.close()


@pytest.mark.parametrize("exists", [False, True])
def test_inv5_another_host_carries_out_what_a_dead_one_was_to_publish(
    hosts: list[Lake], team: Team, exists: bool
) -> None:
    """A new table, and an upsert onto rows that changed meanwhile, need the rows themselves."""
    one, two = hosts
    request = {"mode": "upsert", "keys": ("n",)} if exists else {}
    if exists:
        one.write(TABLE, days("2013-01-01", 1, 2))
    staged, who = one.stage(TABLE, days("2013-01-02", 2, 3), **request)
    if exists:
        two.write(TABLE, days("2013-01-01", 9), mode="append")
    version = two.warehouse.publish(staged, who)
    assert one.warehouse.publish(staged, who).snapshot_id == version.snapshot_id
    assert one.values(TABLE) == ([1, 2, 3, 9] if exists else [2, 3])
    location = one.settings.warehouse.location
    assert [name for name in team.s3.files(location) if name.startswith(".staging/")] == []
    assert not (two.settings.warehouse.folder / ".staging").exists() or not list(
        (two.settings.warehouse.folder / ".staging").iterdir()
    )


@pytest.mark.parametrize("exists", [False, True])
def test_inv3_a_take_over_by_another_host_drops_what_was_staged(
    hosts: list[Lake], team: Team, exists: bool
) -> None:
    """The zombie finds neither branch nor copies, and publishes nothing."""
    one, two = hosts
    if exists:
        one.write(TABLE, days("2013-01-01", 1))
    staged, who = one.stage(TABLE, days("2013-01-01", 66), mode="append")
    two.warehouse.discard(who.run_id, who.attempt)
    with pytest.raises(Refused, match="was not changed"):
        one.warehouse.publish(staged, who)
    assert list(two.warehouse.heads()) == ([TABLE] if exists else [])
    if exists:
        assert two.values(TABLE) == [1]
        assert [name for name in two.warehouse.load(TABLE).refs() if name.endswith("-1")] == []
    location = one.settings.warehouse.location
    assert [name for name in team.s3.files(location) if name.startswith(".staging/")] == []


@pytest.mark.parametrize("locked", [True, False])
def test_inv5_twenty_publishers_on_two_hosts_all_end_right(
    hosts: list[Lake], monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """With the lock of PostgreSQL, and without any: each is there once, or refused by name."""
    hosts[0].write(TABLE, days("2013-01-01", 0))
    if not locked:
        monkeypatch.setattr(publish, "committing", lambda *_: nullcontext(lambda: None))
    staged = [
        (lake, *lake.stage(TABLE, days("2013-01-01", number), mode="append"))
        for number, lake in enumerate(hosts * 10, start=1)
    ]

    def one(item: tuple) -> int | None:
        lake, output, who = item
        for _ in range(5):  # as a worker does, when nothing is decided yet
            try:
                return lake.warehouse.publish(output, who).snapshot_id
            except Unavailable:
                continue
            except Refused:
                return None
        pytest.fail("The warehouse never answered.")

    with ThreadPoolExecutor(20) as pool:
        ended = list(pool.map(one, staged))
    landed = [number for number, version in enumerate(ended, start=1) if version is not None]
    assert hosts[1].values(TABLE) == [0, *landed]
    assert len({version for version in ended if version}) == len(landed)
    if locked:
        assert len(landed) == 20


def test_many_workers_may_start_at_once(team: Team, tmp_path: Path) -> None:
    """Each tries the catalog before its first output, in the schema that all use for that."""
    settings = team.settings(tmp_path / "state")
    warehouses = [IcebergWarehouse(settings) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda one: one.check(), warehouses):
            pass
    assert list(warehouses[0].heads()) == []
    for one in warehouses:
        one.close()


def test_a_schema_that_somebody_else_made_just_now_is_there(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked, and found none; the second one finds out while it makes it."""
    catalog = open_catalog(team.settings(tmp_path / "state"))
    monkeypatch.setattr(SqlCatalog, "namespace_exists", lambda *_: False)
    for _ in range(2):
        catalog.create_namespace_if_not_exists("made_twice")
    assert catalog.list_namespaces() == [("made_twice",)]
    catalog.close()


def test_a_lock_is_shared_by_hosts_and_bounded(hosts: list[Lake], monkeypatch) -> None:
    """The second one waits for the first, unless it stands still; other tables are free."""
    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with committing(hosts[0].settings, TABLE):
            waiting = pool.submit(_enter, hosts[1], TABLE, seen)
            with committing(hosts[1].settings, "analytics.other"):
                seen.append("other")
            seen.append("first leaves")
        waiting.result(timeout=30)
    assert seen == ["other", "first leaves", "second"]
    monkeypatch.setattr(locks, "STILL_SECONDS", 0.2)
    with committing(hosts[0].settings, TABLE):
        _enter(hosts[1], TABLE, seen)
    assert seen[-1] == "second"


def test_a_host_that_goes_on_is_waited_for(hosts: list[Lake], monkeypatch) -> None:
    """However long it takes: who jumps the queue makes everybody's commits fail."""
    monkeypatch.setattr(locks, "STILL_SECONDS", 0.3)
    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with committing(hosts[0].settings, TABLE) as going_on:
            waiting = pool.submit(_enter, hosts[1], TABLE, seen)
            end = time.monotonic() + 3
            while time.monotonic() < end:
                time.sleep(0.05)
                going_on()
            assert seen == []
        waiting.result(timeout=30)
    assert seen == ["second"]


def test_idle_connections_for_locks_are_few_and_closed(hosts: list[Lake]) -> None:
    """A process that meets many catalogs keeps those of the last ones."""
    settings = hosts[0].settings
    warehouse = settings.warehouse
    for number in range(12):
        joined = "&" if "?" in warehouse.catalog_uri else "?"
        uri = f"{warehouse.catalog_uri}{joined}application_name=lock{number:02}"
        with locks.holding(replace(warehouse, catalog_uri=uri), "a.b"):
            pass
    statement = "SELECT application_name FROM pg_stat_activity WHERE application_name ~ '^lock'"
    with closing(open_catalog(settings)) as catalog, catalog.engine.connect() as connection:

        def named() -> list[str]:
            return sorted(connection.exec_driver_sql(statement).scalars())

        # Opening this catalog took a lock of its own, which is the eighth.
        until(lambda: named() == [f"lock{number:02}" for number in range(5, 12)], seconds=30)


def _enter(lake: Lake, table: str, seen: list[str]) -> None:
    with committing(lake.settings, table):
        seen.append("second")


def test_inv10_doctor_shows_what_a_teams_catalog_is_able_to(team: Team, tmp_path: Path) -> None:
    """One line per capability, tried for real; references are shown, and no secret is."""
    settings = {**team.environ(tmp_path / "state"), "LAKE_KEY": SECRET_KEY}
    settings["JUPYTER_ORCH__WAREHOUSE__S3__SECRET_KEY"] = "env:LAKE_KEY"
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_orch.cli", "doctor", "--json"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    lines = [check for name, check in checks.items() if name.startswith("catalog: ")]
    assert len(lines) == 7
    assert all(check["well"] for check in lines)
    assert checks["catalog: tags"]["said"] == "kept"
    assert "env:LAKE_KEY" in done.stdout
    for secret in (PASSWORD, SECRET_KEY):
        assert secret not in done.stdout + done.stderr
    place = settings["JUPYTER_ORCH__WAREHOUSE__LOCATION"]
    assert team.s3.files(place) == []
