"""Real flights in a warehouse of this folder's own, and the samples to run on it."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import papermill
import pyarrow as pa
import pytest

from jupyter_orch import settings
from jupyter_orch.warehouse.catalog import open_catalog

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "sample_notebooks"
LOADER = ROOT / "scripts" / "load_flights.py"


@pytest.fixture(scope="module")
def sample_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state that the tests of a module share; a module may have another one."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def load_flights(sample_state: Path) -> Iterator[ModuleType]:
    """The loader, working on that state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_ORCH__STATE__DIR", str(sample_state))
        # Not by its folder: the trino.py in there is not the client.
        spec = importlib.util.spec_from_file_location("load_flights", LOADER)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def flights(load_flights: ModuleType) -> ModuleType:
    """The same, with the data loaded."""
    for source in load_flights.sources():
        load_flights.load(source, lambda rows: None)
    return load_flights


@pytest.fixture
def run_sample(tmp_path: Path) -> Callable[..., Any]:
    """Executes a sample by plain papermill and gives its cells' outputs as one text."""

    def execute(name: str, parameters: dict[str, Any]) -> Any:
        return papermill.execute_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            tmp_path / f"{name}.ipynb",
            parameters=parameters,
            cwd=NOTEBOOKS,
            progress_bar=False,
            start_timeout=60,
        )

    def run(name: str, /, **parameters: Any) -> str:
        assert "JUPYTER_ORCH__STATE__DIR" in os.environ
        try:
            executed = execute(name, parameters)
        except RuntimeError as error:  # another process took the kernel's port in between
            if "Kernel didn't respond" not in str(error):
                raise
            executed = execute(name, parameters)
        return "\n".join(
            output.get("text") or str(output.get("data", ""))
            for cell in executed.cells
            if cell.cell_type == "code"
            for output in cell.outputs
        )

    return run


@pytest.fixture
def table() -> Callable[[str], pa.Table]:
    """Reads a table as it lies in its files: rows, types, NULLs and order."""

    def rows(name: str) -> pa.Table:
        catalog = open_catalog(settings.load())
        try:
            loaded = catalog.load_table(name)
            return loaded.scan().to_arrow().replace_schema_metadata(None)
        finally:
            catalog.close()

    return rows
