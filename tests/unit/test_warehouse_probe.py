"""What a catalog must keep is tried, and one that forgets is named."""

from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.update import SetSnapshotRefUpdate

from jupyter_orch.domain.errors import Refused
from jupyter_orch.settings import Settings, load
from jupyter_orch.warehouse import probe as probe_module
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.heads import heads
from jupyter_orch.warehouse.names import PROBE_SCHEMA
from jupyter_orch.warehouse.probe import probe, require
from jupyter_orch.warehouse.storage import FileCatalog, file_properties


class Forgetful(FileCatalog):
    """Takes every commit, and drops references of one kind."""

    forgets = SnapshotRefType.TAG

    def commit_table(self, table: Any, requirements: Any, updates: Any) -> Any:
        """As a catalog that knows only main."""
        kept = tuple(
            update
            for update in updates
            if not isinstance(update, SetSnapshotRefUpdate)
            or update.ref_name == "main"
            or update.type != self.forgets
        )
        return super().commit_table(table, requirements, kept)


class Careless(FileCatalog):
    """Does not look at what a commit requires."""

    def commit_table(self, table: Any, requirements: Any, updates: Any) -> Any:
        """As a catalog that lets the last one win."""
        return super().commit_table(table, (), updates)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse in a folder."""
    return load({"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}, tmp_path / "none.toml")


def made(kind: type[FileCatalog], settings: Settings) -> FileCatalog:
    """A catalog of this kind."""
    settings.warehouse.folder.mkdir(parents=True, exist_ok=True)
    uri = settings.warehouse.catalog_uri
    return kind("lake", uri=uri, **file_properties(settings.warehouse))


def test_our_own_catalog_keeps_everything_and_nothing_is_left(settings: Settings) -> None:
    """Each capability is read back; the table, its files and its schema are gone afterwards."""
    catalog = open_catalog(settings)
    found = probe(catalog, settings.warehouse)
    assert [each for each in found if each.problem] == []
    assert len(found) == len(probe_module._STEPS)
    assert catalog.list_namespaces() == []
    place = settings.warehouse.folder / PROBE_SCHEMA
    assert [path for path in place.rglob("*") if path.is_file()] == []
    catalog.close()


def test_inv7_what_a_killed_process_tried_on_is_shown_to_nobody_and_removed_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one leaves it as long as its process may live, and removes it afterwards."""
    catalog = open_catalog(settings)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "purge_table", lambda _: None)
        patch.setattr(catalog, "drop_namespace", lambda _: None)
        probe(catalog, settings.warehouse)
    (left,) = catalog.list_tables(PROBE_SCHEMA)
    assert heads(catalog) == {}
    probe(catalog, settings.warehouse)
    assert catalog.list_tables(PROBE_SCHEMA) == [left]
    now = probe_module.time.time()
    monkeypatch.setattr(probe_module.time, "time", lambda: now + 3600)
    probe(catalog, settings.warehouse)
    assert catalog.list_namespaces() == []
    assert list(settings.warehouse.folder.rglob("*.parquet")) == []
    catalog.close()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (SnapshotRefType.TAG, "The catalog lake accepts tags and forgets them"),
        (SnapshotRefType.BRANCH, "The catalog lake accepts branches and forgets them"),
    ],
)
def test_a_catalog_that_forgets_is_refused_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: SnapshotRefType, said: str
) -> None:
    """The one thing that it forgets is found; the rest is well."""
    monkeypatch.setattr(Forgetful, "forgets", kind)
    catalog = made(Forgetful, settings)
    problems = [each.problem for each in probe(catalog, settings.warehouse) if each.problem]
    assert len(problems) == 1
    assert said in problems[0]
    with pytest.raises(Refused, match=said):
        require(catalog, settings.warehouse)
    catalog.close()


def test_a_catalog_that_lets_the_last_one_win_is_refused(settings: Settings) -> None:
    """Published rows would be lost."""
    catalog = made(Careless, settings)
    with pytest.raises(Refused, match="lets a late writer undo"):
        require(catalog, settings.warehouse)
    catalog.close()
