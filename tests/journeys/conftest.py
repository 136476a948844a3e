"""One JupyterLab and one service for all journeys, and a browser before them."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from journeys.stage import Stage, browser, until
from playwright.sync_api import Browser, Page, ViewportSize, expect

HERE = Path(__file__).parent
SCREENSHOTS = Path(os.environ.get("JUPYTER_ORCH_SCREENSHOTS", HERE / ".screenshots"))
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 740}
#: Milliseconds that an element may take to show up.
PATIENCE = 60_000


# The default is for machines that do nothing else.
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder drives a browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """JupyterLab on a folder with one small notebook; the service runs or not."""
    # Short: the service's unix socket lies in it.
    with (
        tempfile.TemporaryDirectory(prefix="orch-j", ignore_cleanup_errors=True) as folder,
        Stage(Path(folder)) as made,
    ):
        made.add(HERE / "daily_report.ipynb")
        made.start_lab()
        yield made


@pytest.fixture
def served(stage: Stage) -> Stage:
    """The stage with its service running and no job left of an earlier journey."""
    stage.start_service()
    with stage.client() as client:
        for summary in client.jobs()["items"]:
            client.delete_job(summary["job"]["id"])
    return stage


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with browser() as running:
        yield running


class Lab:
    """A person in front of JupyterLab."""

    def __init__(self, page: Page, stage: Stage, name: str) -> None:
        self.page = page
        self.stage = stage
        self._name = name

    def open(self, notebook: str = "") -> "Lab":
        """Opens JupyterLab in an empty workspace, on a notebook if one is named."""
        self.page.goto(self.stage.address(notebook))
        self.ready()
        if notebook:
            self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        else:
            self.page.locator(".jp-Launcher-content").wait_for()
        return self

    def ready(self) -> None:
        """Waits until JupyterLab has its layout and no longer moves the focus around."""
        self.page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def reload(self, *, keeping: str) -> None:
        """Loads the page anew, once the workspace that JupyterLab stored knows the tab."""
        query = {"token": self.stage.token}
        workspaces = f"{self.stage.url}/lab/api/workspaces"
        until(lambda: keeping in httpx.get(workspaces, params=query).text, "the workspace")
        self.page.reload()
        self.ready()

    def jobs(self) -> Any:
        """The Jobs sidebar, brought to the front."""
        panel = self.page.get_by_role("region", name="Jobs", exact=True)
        if not panel.is_visible():
            self.page.get_by_role("tab", name="Jobs", exact=True).click()
        return panel

    def tab(self) -> Any:
        """The page of ours that is in front in the main area."""
        return self.page.locator(".jp-orch-page:visible")

    def picture(self, title: str) -> None:
        """Keeps a screenshot for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{self._name}-{title}.png")

    def overflow(self, selector: str) -> int:
        """Pixels by which the element's content is wider than it is."""
        script = "e => Math.max(0, e.scrollWidth - e.clientWidth)"
        return int(self.page.locator(selector).first.evaluate(script))


@pytest.fixture
def lab_at(
    chromium: Browser, stage: Stage, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Lab]]:
    """Opens windows on JupyterLab; an error of our script in one of them fails the test."""
    errors: list[str] = []
    contexts = []
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_"))

    def make(viewport: ViewportSize = WIDE, *, dark: bool = False, **more: Any) -> Lab:
        context = chromium.new_context(
            viewport=viewport, timezone_id="America/New_York", reduced_motion="reduce", **more
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        lab = Lab(page, stage, name)
        stage.use_theme(dark=dark)
        return lab

    yield make
    for context in contexts:
        context.close()
    assert not errors, errors


@pytest.fixture
def lab(lab_at: Callable[..., Lab]) -> Lab:
    """A wide, light window."""
    return lab_at()
