"""A notebook gives, cell for cell, what plain papermill gives."""

import gc
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from .backends import BACKENDS, Backend, close_executor
from .builder import Sample, corpus
from .normal import differences, normalised, replaced

REFERENCE, *OTHERS = BACKENDS


@pytest.fixture(scope="module", autouse=True)
def _executor() -> Iterator[None]:
    """Ends what kernels are forked from."""
    yield
    close_executor()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the result depends on is the same on every machine."""
    monkeypatch.delenv("JUPYTER_ORCH__STATE__DIR", raising=False)  # another one in each test
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    # ipykernel asks debugpy, which warns about frozen modules; papermill's command line sets it
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    yield
    gc.collect()  # tasks that a refused output has left pending complain here, not in a later test


def result(backend: Backend, sample: Sample, base: Path) -> dict[str, Any]:
    """What is compared: the notebook, why it failed and the files that it leaves.

    Each backend finds the same paths, so that those need not be told apart afterwards.
    """
    folder, target = base / "work", base / "executed.ipynb"
    shutil.rmtree(folder, ignore_errors=True)
    target.unlink(missing_ok=True)
    folder.mkdir()
    for name, text in sample.files.items():
        (folder / name).write_text(text, "utf-8")
    source = folder / "notebook.ipynb"
    source.write_bytes(sample.content)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(
            "PYTEST_CURRENT_TEST"
        )  # ipykernel watches no file descriptors when it is there
        outcome = backend(source, target, sample.parameters, folder)
    return {
        "notebook": outcome.notebook and normalised(outcome.notebook, _ids(sample.content)),
        "failure": outcome.failure and replaced(asdict(outcome.failure)),
        "files": {
            str(path.relative_to(folder)): path.read_text("utf-8", "backslashreplace")
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"  # which holds a time
        },
    }


def _ids(content: bytes) -> frozenset[str]:
    try:
        notebook = json.loads(content)
    except ValueError:  # there are samples that are no notebooks
        return frozenset()
    return frozenset(cell["id"] for cell in notebook.get("cells", []) if "id" in cell)


@pytest.mark.filterwarnings("ignore")  # what libraries say about a notebook is no part of it
@pytest.mark.parametrize("sample", corpus(), ids=lambda sample: sample.name)
def test_inv12_every_backend_gives_what_papermill_gives(sample: Sample, tmp_path: Path) -> None:
    """Only what the notebook declares differs, and that does."""
    expected = result(BACKENDS[REFERENCE], sample, tmp_path)
    found = {
        name: differences(expected, result(BACKENDS[name], sample, tmp_path)) for name in OTHERS
    }
    problems = [
        f"{name}: {path}: {text}"
        for name, paths in found.items()
        for path, text in paths.items()
        if path not in sample.differs
    ]
    problems += [
        f"{name}: {path} does not differ any more"
        for name, paths in found.items()
        for path in sample.differs.keys() - paths.keys()
    ]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
