"""`context()` and `secret()` outside a run."""

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.kernel.context import context, secret


def test_outside_a_run_the_context_says_so() -> None:
    """It is false, and never None."""
    found = context()
    assert found is not None
    assert not found
    assert found.run_id is None
    assert "not inside a run" in repr(found)


def test_secrets_are_resolved_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By group and name, by variable, by file."""
    monkeypatch.setenv("JUPYTER_ORCH_SECRET_WAREHOUSE_PASSWORD", "one")
    monkeypatch.setenv("OTHER", "two")
    file = tmp_path / "secret"
    file.write_text("three\n")
    assert secret("warehouse/password") == "one"
    assert secret("env:OTHER") == "two"
    assert secret(f"file:{file}") == "three"


@pytest.mark.parametrize("ref", ["a/b", "env:NO_SUCH", "file:/no/such"])
def test_a_missing_secret_is_named_with_where_it_was_looked_for(ref: str) -> None:
    """NotFound, with a hint."""
    with pytest.raises(NotFound) as caught:
        secret(ref)
    assert ref in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("ref", ["", "password", "env:", "a/b/c", "../x", "http://x"])
def test_what_is_no_reference_is_refused(ref: str) -> None:
    """The hint shows the three forms."""
    with pytest.raises(BadInput):
        secret(ref)


def test_the_kernels_modules_import_nothing_heavy() -> None:
    """A notebook pays for what it uses."""
    code = (
        "import sys, jupyter_orch, jupyter_orch.kernel.context\n"
        "heavy = {'pandas', 'pyarrow', 'sqlalchemy', 'pydantic', 'tornado', 'papermill', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
