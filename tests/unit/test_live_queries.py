"""The queries that a notebook waits for, from the kernel's word to the file."""

import json
from pathlib import Path

import pytest

from jupyter_orch.domain.live import CELL_FILE, QUERIES_FILE, LiveQuery
from jupyter_orch.execution import live_queries
from jupyter_orch.execution.live_queries import LiveQueries, clear_live


def query(name: str = "q1", state: str = "RUNNING", percent: float | None = 43.0) -> LiveQuery:
    """A query on its way."""
    return LiveQuery(query_id=name, state=state, percent=percent, rows=12, elapsed_seconds=1.5)


def written(folder: Path) -> list[str]:
    """Ids in the file, none when there is no file."""
    path = folder / QUERIES_FILE
    return [each["query_id"] for each in json.loads(path.read_text())] if path.exists() else []


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveQueries:
    """Of an attempt with this folder, written at once."""
    monkeypatch.setattr(live_queries, "_PAUSE", 0.0)
    return LiveQueries(tmp_path)


def test_the_latest_word_of_each_is_kept_until_its_end(
    queries: LiveQueries, tmp_path: Path
) -> None:
    """One that has ended goes; without any there is no file."""
    queries.tell(query("q1", percent=None))
    queries.tell(query("q2"))
    queries.tell(query("q1", percent=50.0))
    assert written(tmp_path) == ["q2", "q1"]
    queries.tell(query("q2", "FINISHED"))
    assert written(tmp_path) == ["q1"]
    queries.tell(query("q1", "FAILED"))
    assert not (tmp_path / QUERIES_FILE).exists()
    queries.tell(query("never heard of", "FINISHED"))
    assert not (tmp_path / QUERIES_FILE).exists()


def test_a_query_that_nobody_fetches_is_forgotten(
    queries: LiveQueries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook does not wait for it any more."""
    queries.tell(query())
    queries.look()
    assert written(tmp_path) == ["q1"]
    monkeypatch.setattr(live_queries, "_SILENCE", -1.0)
    queries.look()
    assert written(tmp_path) == []


def test_the_file_stays_small(queries: LiveQueries, tmp_path: Path) -> None:
    """Whatever a notebook tells."""
    for number in range(1000):
        queries.tell(query(f"{number}-" + "x" * 10_000, "s" * 10_000))
    assert (tmp_path / QUERIES_FILE).stat().st_size < 10_000
    assert len(written(tmp_path)) == 8


def test_nothing_is_written_after_the_end(queries: LiveQueries, tmp_path: Path) -> None:
    """A kernel that is killed may speak last."""
    queries.tell(query())
    (tmp_path / CELL_FILE).write_text("{}")
    queries.close()
    queries.tell(query())
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_gone_fails_nothing(tmp_path: Path) -> None:
    """The run matters more."""
    LiveQueries(tmp_path / "gone").tell(query())
    clear_live(tmp_path / "gone")
    assert not any(tmp_path.iterdir())
