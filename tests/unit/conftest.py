"""A service of real parts whose threads do not run: nothing happens but what a test asks for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Actor
from jupyter_orch.service import Service
from jupyter_orch.settings import load
from jupyter_orch.wiring import open_service

WriteNotebook = Callable[..., Path]


def write_notebook(path: Path, parameters: str | None = "x: int = 1", *, kernel: str = "python3"):
    """A notebook with this parameters cell, and one cell that prints."""
    cells = [new_code_cell("print('hello')")]
    if parameters is not None:
        cells.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder whose notebooks may be scheduled."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


@pytest.fixture
def notebook(root: Path) -> WriteNotebook:
    """Writes a notebook into the root."""

    def write(name: str = "report.ipynb", parameters: str | None = "x: int = 1", **more: str):
        return write_notebook(root / name, parameters, **more)

    return write


@pytest.fixture
def service(root: Path) -> Iterator[Service]:
    """Real store, artifacts and warehouse; scheduler and worker stand still."""
    opened = open_service(load(), [root])
    yield opened
    opened.close()


@pytest.fixture
def ann() -> Actor:
    """Somebody who may do everything in the team."""
    return Actor(user="ann", team=DEFAULT_TEAM)
