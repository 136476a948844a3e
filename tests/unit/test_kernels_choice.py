"""Which kernels may be forked, what a parent is known by, and when it is out of date."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec

from jupyter_orch.execution.kernels import freshness
from jupyter_orch.execution.kernels.freshness import Freshness
from jupyter_orch.execution.kernels.lease import KernelStart
from jupyter_orch.execution.kernels.pool import fork_environment, not_forkable

ARGV = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def spec(**fields: Any) -> KernelSpec:
    """A kernelspec as ipykernel installs it, but for these fields."""
    return KernelSpec(**{"argv": ARGV, "language": "python", "display_name": "P", **fields})


def wanted(tmp_path: Path, **env: str) -> KernelStart:
    """A kernel in this folder."""
    return KernelStart(
        name="python3",
        env=env,
        cwd=str(tmp_path),
        sockets=None,
        console=tmp_path / "console",
        timeout=1.0,
    )


def test_what_ipykernel_installs_is_forked(tmp_path: Path) -> None:
    """Also with arguments of its own, and by way of the package."""
    assert not_forkable(spec(), wanted(tmp_path)) is None
    assert not_forkable(spec(argv=[*ARGV, "--matplotlib=inline"]), wanted(tmp_path)) is None
    package = ["/opt/python", "-m", "ipykernel", "-f", "{connection_file}"]
    assert not_forkable(spec(argv=package), wanted(tmp_path)) is None


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"argv": ["java", "-jar", "kernel.jar", "{connection_file}"]}, "something else"),
        ({"argv": ["python"]}, "something else"),
        ({"argv": ["python", "-m", "xeus_python", "-f", "{connection_file}"]}, "something else"),
        ({"argv": ["python", "-X", "dev", "-m", "ipykernel"]}, "something else"),
        ({"language": "R"}, "something else"),
        ({"interrupt_mode": "message"}, "message"),
        ({"metadata": {"kernel_provisioner": {"provisioner_name": "k8s"}}}, "provisioner"),
    ],
)
def test_other_kernelspecs_are_not(tmp_path: Path, fields: dict[str, Any], word: str) -> None:
    """The reason says what is in the way."""
    reason = not_forkable(spec(**fields), wanted(tmp_path))
    assert reason is not None
    assert word in reason


def test_a_folder_or_path_that_imports_depend_on_is_not(tmp_path: Path) -> None:
    """The parent has another working folder."""
    start = wanted(tmp_path)
    assert not_forkable(spec(), start) is None
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 50")
    assert "matplotlibrc" in str(not_forkable(spec(), start))
    relative = replace(start, cwd="/", env={"PYTHONPATH": f"/opt{os.pathsep}lib"})
    assert "PYTHONPATH" in str(not_forkable(spec(), relative))


def test_a_parent_is_known_by_all_that_an_import_may_read() -> None:
    """Interpreter, arguments and variables; not what differs from attempt to attempt."""
    one = fork_environment(spec(), {"A": "1", "TMPDIR": "/tmp/a", "JUPYTER_ORCH_TOKEN": "x"})
    same = fork_environment(spec(), {"A": "1", "TMPDIR": "/tmp/b", "JUPYTER_ORCH_TOKEN": "y"})
    assert one == same
    assert one.interpreter == sys.executable
    assert "JUPYTER_ORCH_TOKEN" not in dict(one.variables)
    assert one != fork_environment(spec(), {"A": "2"})
    assert one != fork_environment(spec(env={"OMP_NUM_THREADS": "1"}), {"A": "1"})
    assert one != fork_environment(spec(argv=[*ARGV, "--debug"]), {"A": "1"})


def test_a_changed_folder_or_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that comes, a file that changes or vanishes, one that was not there before."""
    monkeypatch.setattr(freshness, "_PAUSE", -1.0)
    packages, config = tmp_path / "site-packages", tmp_path / "ipython_config.py"
    packages.mkdir()
    module = tmp_path / "module.py"
    module.write_text("1")

    def watching() -> Freshness:
        fresh = Freshness()
        fresh.watch([str(packages), str(module), str(config)])
        assert fresh.holds()
        return fresh

    for change in (
        (packages / "new.dist-info").mkdir,
        lambda: os.utime(module, (1, 1)),
        lambda: config.write_text("c = get_config()"),
        module.unlink,
    ):
        fresh = watching()
        change()
        assert not fresh.holds()
        assert not fresh.holds()  # for good
