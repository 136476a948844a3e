"""The rules of tests/conftest.py, tried on a small suite of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
SUITE = """
import os, subprocess, pytest
def test_skips(): pytest.skip("nothing to run it on")
def test_state(): assert os.environ["JUPYTER_ORCH__STATE__DIR"] != os.environ["OUTSIDE"]
"""
STRAY = """
import subprocess
def test_leaves_a_process(): subprocess.Popen(["sleep", "30"], start_new_session=True)
"""


def _run(folder: Path, suite: str, allowed: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "allowed_skips.txt").write_text(allowed, "utf-8")
    (folder / "test_small.py").write_text(suite, "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)],
        cwd=folder,
        env=os.environ | {"CI": ci, "OUTSIDE": os.environ["JUPYTER_ORCH__STATE__DIR"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("ci", "allowed", "code"),
    [
        ("true", "# nothing", 1),
        ("true", "test_small.py::test_skips  # no such part there", 0),
        ("", "# nothing", 0),
    ],
)
def test_an_unexpected_skip_fails_continuous_integration(
    tmp_path: Path, ci: str, allowed: str, code: int
) -> None:
    """Only there, and only when the list does not name it."""
    done = _run(tmp_path, SUITE, allowed, ci=ci)
    assert done.returncode == code, done.stdout
    assert ("test_small.py::test_skips: Skipped: nothing" in done.stdout) == bool(code)


@pytest.mark.parametrize("part", ["tests/test_trino.py", "x::test_in_chromium", "test_papermill"])
def test_the_list_may_not_name_what_the_product_stands_on(tmp_path: Path, part: str) -> None:
    """A run without Trino, Chromium or papermill proves nothing."""
    done = _run(tmp_path, SUITE, part, ci="true")
    assert done.returncode not in (0, 1)
    assert "may not allow" in done.stdout + done.stderr


def test_a_process_that_outlives_the_tests_is_ended_and_named(tmp_path: Path) -> None:
    """No test leaves a kernel or a server behind."""
    done = _run(tmp_path, STRAY, "", ci="")
    assert done.returncode == 1
    assert "sleep 30" in done.stdout
