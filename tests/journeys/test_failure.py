"""A run that failed: what one sees, and where one gets from there."""

from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage, until
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

IMPORTS = "import pandas as pd\n\nimport jupyter_orch as orch\n\n"
CELLS = (
    IMPORTS + "frame = pd.DataFrame({'delay': [12.5, 3.0]}, index=['EWR', 'LGA'])",
    "cursor = orch.connect().cursor()\ncursor.execute('SELECT count(*) FROM (VALUES 1, 2)')",
    "def worst(frame, origin):\n    return frame.loc[origin].max()",
    "# The origin with its worst delay\nlimit = 15\n\nfound = worst(frame, origin)\nfound > limit",
)


@pytest.fixture
def failed(served: Stage) -> Iterator[None]:
    """A job whose last two runs failed in the same way, after one that went well."""
    tagged = {"tags": ["parameters"]}
    parameters = "origin: str = 'EWR'  # where from\nday: str = '2013-02-14'"
    nb = new_notebook(
        cells=[
            new_markdown_cell("# Delays"),
            new_code_cell(parameters, metadata=tagged),
            *map(new_code_cell, CELLS),
        ]
    )
    nbformat.write(nb, served.notebooks / "delays.ipynb")
    with served.client() as client:
        path = str(served.notebooks / "delays.ipynb")
        job = client.create_job({"name": "flight_delays", "notebook": path, "triggers": []})
        for origin in ("EWR", "JFK", "SFO"):
            run_id = client.run(job["id"], {"origin": origin})["id"]
            until(lambda run_id=run_id: client.run_detail(run_id)["run"]["ended_at"], "the run")
        yield
        client.delete_job(job["id"])  # other journeys count what is failing


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_failure_says_what_helps(
    lab_at: Callable[..., Any], failed: None, viewport: Any, dark: bool
) -> None:
    """The cell with its line, the error, values, queries, equal failures; folds, and all fits."""
    lab = lab_at(viewport, dark=dark)
    page = lab.open().page
    lab.jobs().get_by_role("row", name="flight_delays", exact=True).first.click()
    if viewport is NARROW:
        page.get_by_role("tab", name="Jobs", exact=True).click()
    lab.tab().locator("tr[data-row]").first.click()

    wrong = page.get_by_role("region", name="What went wrong")
    expect(wrong).to_contain_text("KeyError: 'SFO'")
    marked = wrong.get_by_role("list", name="Source of the cell").locator("[data-marked]")
    expect(marked).to_contain_text("found = worst(frame, origin)")
    expect(wrong).to_contain_text("origin = SFO")
    expect(wrong.get_by_role("button", name="Copy")).to_have_count(1)
    expect(wrong).to_contain_text("2 of the last 3 runs, 2 since")
    expect(wrong.get_by_role("button", name="Show that run")).to_be_visible()
    lab.picture("failure")
    assert lab.overflow(".jp-orch-page:visible") == 0
    assert lab.overflow(".jp-orch-error") == 0

    wrong.get_by_text("Traceback").first.click()
    expect(wrong.get_by_text("return frame.loc[origin].max()").first).to_be_visible()
    expect(wrong.get_by_text("indexing.py").first).to_be_hidden()
    wrong.get_by_text("The end of the log").click()
    expect(wrong.get_by_role("log")).to_contain_text("attempt.ended")
    wrong.get_by_role("log").scroll_into_view_if_needed()
    lab.picture("failure-open")
    assert lab.overflow(".jp-orch-page:visible") == 0

    wrong.get_by_role("button", name="Show all", exact=True).click()
    alike = lab.tab()
    expect(alike).to_contain_text("Runs of flight_delays that failed in the same way")
    expect(alike.locator("tr[data-row]")).to_have_count(2)
    lab.picture("alike")
    alike.get_by_role("button", name="Show all runs").click()
    expect(alike.locator("tr[data-row]").nth(2)).to_be_visible()


def test_a_failure_needs_no_mouse(lab: Any, failed: None) -> None:
    """The source scrolls, folds open and doors lead on by keys; the focus is never lost."""
    page = lab.open().page
    lab.jobs().get_by_role("row", name="flight_delays", exact=True).first.click()
    lab.tab().locator("tr[data-row]").first.click()
    wrong = page.get_by_role("region", name="What went wrong")
    wrong.get_by_role("button", name="Show the cell").focus()
    page.keyboard.press("Tab")
    expect(wrong.get_by_role("list", name="Source of the cell")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(wrong.get_by_text("return frame.loc[origin].max()").first).to_be_visible()
    wrong.locator("summary", has_text="The end of the log").focus()
    page.keyboard.press("Enter")
    expect(wrong.get_by_role("log")).to_be_visible()
    wrong.get_by_role("button", name="Show the whole log").focus()
    page.keyboard.press("Enter")
    log = lab.tab().get_by_role("tab", name="Log")
    expect(log).to_be_focused()
    expect(log).to_have_attribute("aria-selected", "true")
