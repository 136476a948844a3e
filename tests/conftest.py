"""What holds for every test: nothing touches the user's state, nothing is skipped in silence."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
ALLOWED_SKIPS = HERE / "allowed_skips.txt"
#: What the product stands on: a run without these proves nothing.
NEVER_SKIPPED = ("trino", "chromium", "browser", "papermill", "postgresql", "team")
#: Folders of a person's Jupyter, each replaced by an empty one.
PRIVATE_FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "MPLCONFIGDIR",
)
#: How long a process may take to end after the last test.
STRAY_SECONDS = 5
STATE = "JUPYTER_ORCH__STATE__DIR"

pytest_plugins = [
    name
    for name in ("postgres_fixture", "trino_fixture", "team_fixture", "sets_fixture")
    if (HERE / f"{name}.py").exists()
]


# --------------------------------------------------------------------------- isolation


def pytest_configure(config: pytest.Config) -> None:
    """Gives the whole session, and what it starts, folders of its own."""
    # Short: a unix socket in it may have a path of 107 bytes at most.
    base = Path(tempfile.mkdtemp(prefix="orch-"))
    config.stash[_BASE] = base
    for variable in [name for name in os.environ if name.startswith("JUPYTER_ORCH_")]:
        del os.environ[variable]
    for number, variable in enumerate(PRIVATE_FOLDERS):
        os.environ[variable] = str(base / f"j{number}")
    os.environ[STATE] = str(base / "state")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes those folders."""
    if base := config.stash.get(_BASE, None):
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(autouse=True)
def _own_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test has a state of its own, unless a wider fixture has set one."""
    base = request.config.stash[_BASE]
    if os.environ.get(STATE) != str(base / "state"):
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="t", dir=base))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE, str(folder))
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def state_dir() -> Path:
    """The folder that this test's service and warehouse keep their state in."""
    return Path(os.environ[STATE])


# --------------------------------------------------------------------------- skips


class Skips:
    """Remembers what was skipped; in continuous integration each one must be expected."""

    def __init__(self, allowed: frozenset[str], *, strict: bool) -> None:
        self.allowed = allowed
        self.strict = strict
        self.unexpected: dict[str, str] = {}

    def _see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and report.nodeid not in self.allowed:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.unexpected[report.nodeid] = str(reason)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes a skipped test."""
        self._see(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes a skipped module."""
        self._see(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails the session for them."""
        if self.strict and self.unexpected and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Names them."""
        if self.strict and self.unexpected:
            terminalreporter.section("skips that tests/allowed_skips.txt does not name", red=True)
            for nodeid, reason in self.unexpected.items():
                terminalreporter.write_line(f"{nodeid}: {reason}")


def allowed_skips(text: str) -> frozenset[str]:
    """The node ids in the list; a line names one, `#` begins a remark.

    Raises:
        pytest.UsageError: A line names a part that the product stands on.
    """
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    names = frozenset(line for line in lines if line)
    for name in names:
        if any(part in name.lower() for part in NEVER_SKIPPED):
            raise pytest.UsageError(f"{ALLOWED_SKIPS.name} may not allow {name}")
    return names


# --------------------------------------------------------------------------- strays


class Strays:
    """Nothing that a test starts may outlive the session."""

    def __init__(self, base: Path) -> None:
        self.base = str(base)
        self.left: list[str] = []

    def _living(self) -> list[psutil.Process]:
        """Processes that carry one of the session's private folders in their environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and any(
                    value.startswith(self.base) for value in process.environ().values()
                ):
                    found.append(process)
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Waits for them to go; names, ends and fails for those that stay."""
        _, staying = psutil.wait_procs(self._living(), timeout=STRAY_SECONDS)
        for process in staying:
            with contextlib.suppress(psutil.Error):
                self.left.append(f"{process.pid}: {' '.join(process.cmdline())}")
                process.kill()
        if self.left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Names them."""
        if self.left:
            terminalreporter.section("processes that outlived the tests", red=True)
            for line in self.left:
                terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Watches skips from the start."""
    strict = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    skips = Skips(allowed_skips(ALLOWED_SKIPS.read_text("utf-8")), strict=strict)
    session.config.pluginmanager.register(skips, "skips")
    strays = Strays(session.config.stash[_BASE])
    session.config.pluginmanager.register(strays, "strays")


_BASE = pytest.StashKey[Path]()
