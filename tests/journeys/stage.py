"""A real JupyterLab with the built extension, the real service, and folders of their own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from jupyter_orch.client import Client
from jupyter_orch.settings import load

BIN = Path(sys.executable).parent
#: Seconds until a process must answer; a cold machine imports slowly.
PATIENCE = 180.0


class Stage:
    """Starts what a person would start, in a folder that is thrown away."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.notebooks = home / "notebooks"
        self.token = secrets.token_hex(16)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._lab: subprocess.Popen[bytes] | None = None
        for name in ("notebooks", "config", "data", "runtime", "ipython", "matplotlib"):
            (home / name).mkdir(parents=True, exist_ok=True)
        self._be_quiet()

    def _be_quiet(self) -> None:
        """No question about news, no look for updates."""
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        folder = self.home / "config" / "labconfig"
        folder.mkdir(exist_ok=True)
        (folder / "default_setting_overrides.json").write_text(
            json.dumps({"@jupyterlab/apputils-extension:notification": quiet}), "utf-8"
        )

    def use_theme(self, *, dark: bool) -> None:
        """Sets the theme of windows that open from now on."""
        folder = self.home / "config" / "lab" / "user-settings" / "@jupyterlab"
        file = folder / "apputils-extension" / "themes.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        file.write_text(json.dumps({"theme": theme}), "utf-8")

    def environment(self) -> dict[str, str]:
        """This process's environment with every private folder inside `home`."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER_", "PYTHONPATH", "IPYTHON", "MPL"))
        }
        return kept | {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "MPLCONFIGDIR": str(self.home / "matplotlib"),
            "JUPYTER_ORCH__STATE__DIR": str(self.home / "state"),
            "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "500MB",
        }

    def add(self, notebook: Path, name: str | None = None) -> str:
        """Copies a notebook to where JupyterLab shows it; answers its name there."""
        target = self.notebooks / (name or notebook.name)
        shutil.copyfile(notebook, target)
        return target.name

    def client(self) -> Client:
        """A client of this stage's service."""
        return Client(settings=load(self.environment(), self.home / "config" / "none.toml"))

    def add_job(self, client: Client, name: str, **more: Any) -> dict[str, Any]:
        """Stores a job of the small notebook that runs by hand; answers it as the service does."""
        path = str(self.notebooks / "daily_report.ipynb")
        spec = {"name": name, "notebook": path, "triggers": []} | more
        return client.create_job(spec)

    def start_service(self) -> None:
        """Starts the service, or leaves the one that runs."""
        self._command("up", "--detach", "--root", str(self.notebooks))

    def stop_service(self) -> None:
        """Stops the service; none running is fine."""
        self._command("down")

    def _command(self, *words: str) -> None:
        done = subprocess.run(
            [str(BIN / "jupyter-orch"), *words],
            env=self.environment(),
            cwd=self.notebooks,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            log = self.home / "state" / "service.log"
            said = log.read_text("utf-8")[-2000:] if log.exists() else ""
            raise AssertionError(f"{words}: {done.stdout}{done.stderr}{said}")

    def start_lab(self) -> None:
        """Starts JupyterLab and waits until it answers."""
        with (self.home / "lab.log").open("wb") as log:
            self._lab = subprocess.Popen(
                [
                    str(BIN / "jupyter-lab"),
                    "--no-browser",
                    "--allow-root",
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={self.notebooks}",
                    f"--IdentityProvider.token={self.token}",
                    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                    "--LabApp.expose_app_in_browser=True",
                ],
                env=self.environment(),
                cwd=self.notebooks,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._lab_answers, "JupyterLab")

    def _lab_answers(self) -> bool:
        assert self._lab is not None
        assert self._lab.poll() is None, (self.home / "lab.log").read_text("utf-8")[-2000:]
        try:
            answer = httpx.get(f"{self.url}/api/status", params={"token": self.token})
        except httpx.TransportError:
            return False
        return answer.is_success

    def address(self, path: str = "") -> str:
        """Where a browser opens JupyterLab, on one notebook if a path is given."""
        tree = f"/tree/{path}" if path else ""
        return f"{self.url}/lab{tree}?token={self.token}&reset"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lab is not None:
            self._lab.terminate()
            try:
                self._lab.wait(20)
            except subprocess.TimeoutExpired:
                self._lab.kill()
                self._lab.wait()
        self.stop_service()


def until(ask: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
    """The first true answer.

    Raises:
        AssertionError: None came in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: no answer within {seconds:g} s")


def chromium() -> str:
    """The browser: a system Chromium, or the one that a variable names."""
    named = os.environ.get("CHROMIUM_PATH")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "Chromium is missing: install it, or set CHROMIUM_PATH."
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield running
        finally:
            running.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
