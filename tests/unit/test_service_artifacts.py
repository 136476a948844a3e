"""Artifacts are whole or absent, private, and named by nobody's wishes."""

import hashlib
import stat

import pytest

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.errors import BadInput, NotFound, OrchError
from jupyter_orch.domain.ids import RunId, new_id


@pytest.fixture
def artifacts(tmp_path) -> FolderArtifacts:
    """An empty folder of artifacts."""
    return FolderArtifacts(tmp_path / "artifacts")


def test_notebook_comes_back_by_its_hash(artifacts) -> None:
    """Storing twice is the same as once."""
    sha256 = artifacts.put_notebook(b"{}")
    assert sha256 == artifacts.put_notebook(b"{}") == hashlib.sha256(b"{}").hexdigest()
    assert artifacts.get_notebook(sha256) == b"{}"


def test_only_new_bytes_are_checked_and_those_refused_are_not_stored(artifacts) -> None:
    """What is there was looked at when it came."""
    known = artifacts.put_notebook(b"{}")

    def refuse(content: bytes) -> None:
        raise BadInput(f"{len(content)} bytes are no notebook.")

    assert artifacts.put_notebook(b"{}", check=refuse) == known
    with pytest.raises(BadInput, match="3 bytes"):
        artifacts.put_notebook(b"new", check=refuse)
    with pytest.raises(NotFound):
        artifacts.get_notebook(hashlib.sha256(b"new").hexdigest())


def test_changed_bytes_are_never_executed(artifacts, tmp_path) -> None:
    """A frozen notebook that somebody edited is an error."""
    sha256 = artifacts.put_notebook(b"{}")
    (tmp_path / "artifacts" / "notebooks" / f"{sha256}.ipynb").write_bytes(b"{ }")
    with pytest.raises(OrchError, match="changed on disk"):
        artifacts.get_notebook(sha256)


def test_unknown_hash_is_not_found(artifacts) -> None:
    """As is asked for in a run whose artifacts were lost."""
    with pytest.raises(NotFound):
        artifacts.get_notebook("0" * 64)


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "g" * 64, "0" * 63])
def test_hash_is_no_path(artifacts, sha256) -> None:
    """Only 64 hex digits name a notebook."""
    with pytest.raises(BadInput):
        artifacts.get_notebook(sha256)


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "x" * 65, "a\0"])
def test_run_id_is_no_path(artifacts, run_id) -> None:
    """Neither reading nor writing leaves the folder."""
    with pytest.raises(BadInput):
        artifacts.attempt_folder(RunId(run_id), 1)
    with pytest.raises(BadInput):
        artifacts.read(RunId(run_id), 1, "log.jsonl")


@pytest.mark.parametrize("name", ["", "..", "../1/log.jsonl", "a/b", ".hidden"])
def test_name_is_no_path(artifacts, name) -> None:
    """An artifact lies in its attempt's folder."""
    with pytest.raises(BadInput):
        artifacts.read(RunId(new_id()), 1, name)


def test_end_of_an_artifact(artifacts) -> None:
    """Long logs are read from the end; what is not there is None."""
    run_id = RunId(new_id())
    assert artifacts.read(run_id, 1, "log.jsonl") is None
    (artifacts.attempt_folder(run_id, 1) / "log.jsonl").write_bytes(b"0123456789")
    assert artifacts.read(run_id, 1, "log.jsonl") == b"0123456789"
    assert artifacts.read(run_id, 1, "log.jsonl", last=3) == b"789"
    assert artifacts.read(run_id, 1, "log.jsonl", last=30) == b"0123456789"


def test_folders_are_private(artifacts, tmp_path) -> None:
    """Nobody else on the machine reads results."""
    folder = artifacts.attempt_folder(RunId(new_id()), 1)
    for path in (folder, folder.parent, folder.parent.parent, tmp_path / "artifacts"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_nothing_half_is_left_behind(artifacts, tmp_path) -> None:
    """Writing aside and renaming leaves exactly the file."""
    sha256 = artifacts.put_notebook(b"x" * 100_000)
    names = [path.name for path in (tmp_path / "artifacts" / "notebooks").iterdir()]
    assert names == [f"{sha256}.ipynb"]


def test_folders_above_are_private_too(tmp_path) -> None:
    """Whoever is first to need the state folder makes it for us alone."""
    FolderArtifacts(tmp_path / "a" / "b" / "c")
    for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
