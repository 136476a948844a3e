"""Runs and tables: looking at them, repeating them, going back."""

from collections.abc import Callable
from typing import Any

import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage, until
from playwright.sync_api import expect

#: Milliseconds that a run may take on a busy machine.
RUN = 60_000


@pytest.fixture(scope="module")
def two_days(stage: Stage) -> str:
    """Name of a job that published two versions, of two days."""
    stage.start_service()
    with stage.client() as client:
        stage.add_job(client, "sales")
        for day in ("2026-03-01", "2026-03-02"):
            run = client.run("sales", {"day": day})
            detail = until(lambda run=run: ended(client, run["id"]), "the run")
            assert detail["run"]["state"] == "succeeded", detail["run"]["error"]
    return "sales"


def ended(client: Any, run_id: str) -> dict[str, Any] | None:
    """The run's page once it has ended."""
    detail: dict[str, Any] = client.run_detail(run_id)
    return detail if detail["run"]["ended_at"] else None


def test_a_run_is_read_and_repeated_with_another_value(lab: Any, two_days: str) -> None:
    """Notebook, plot, widget, parameters, log and versions; a rerun that fails shows its cell."""
    page = lab.open().page
    lab.jobs().get_by_role("row", name=two_days, exact=True).first.click()
    expect(lab.tab().get_by_role("heading", name=two_days)).to_be_visible()
    rows = lab.tab().locator("tr[data-row]")
    expect(rows).to_have_count(2)
    lab.picture("job")
    rows.first.click()

    run = lab.tab()
    notebook = run.get_by_role("region", name="Executed notebook")
    expect(notebook.get_by_role("heading", name="Daily report")).to_be_visible()
    expect(notebook.locator(".jp-OutputArea img")).to_be_visible()
    expect(notebook.locator(".jp-orch-saved-widget .widget-readout")).to_have_text("7")
    expect(notebook.locator("table")).to_contain_text("2026-03-02")
    expect(run.get_by_role("region", name="Published")).to_contain_text("sales.daily")
    lab.picture("run")
    notebook.locator(".jp-orch-saved-widget").scroll_into_view_if_needed()
    lab.picture("run-outputs")
    run.get_by_role("tab", name="Parameters").click()
    expect(run.get_by_role("row", name="day")).to_contain_text("2026-03-02")
    run.get_by_role("tab", name="Log").click()
    expect(run.get_by_role("log")).to_contain_text("output.published")

    run.get_by_role("button", name="Rerun…").click()
    form = page.get_by_role("form", name="Rerun")
    expect(form.get_by_label("day", exact=True)).to_have_value("2026-03-02")
    form.get_by_role("combobox", name="region").select_option(label="nowhere")
    expect(form.get_by_role("button", name="was north")).to_be_visible()
    lab.picture("rerun")
    form.get_by_role("button", name="Rerun", exact=True).click()

    wrong = page.get_by_role("region", name="What went wrong")
    expect(wrong).to_contain_text("there is no region called nowhere", timeout=RUN)
    failed = lab.tab().locator(".jp-orch-failed-cell")
    expect(failed).to_contain_text("ValueError")
    lab.picture("failed")
    wrong.get_by_role("button", name="Show the cell").click()
    expect(failed).to_be_in_viewport()
    panel = lab.jobs()
    expect(panel.locator("[data-section=failing]")).to_contain_text("no region called nowhere")
    expect(page.get_by_title("Jobs: 1 failing")).to_be_visible()

    with lab.stage.client() as client:
        newest = client.runs("sales")["items"][0]["id"]
    lab.reload(keeping=newest)
    expect(page.get_by_role("region", name="What went wrong")).to_be_visible()


def test_a_table_goes_back_to_an_earlier_version(lab: Any, two_days: str) -> None:
    """Versions with their rows and runs; a roll back asks, and makes the old one current."""
    page = lab.open().page
    lab.jobs().get_by_role("button", name="Tables").click()
    lab.tab().get_by_role("row", name="sales.daily").click()
    versions = lab.tab().get_by_role("grid", name="Versions").locator("tr[data-row]")
    until(lambda: versions.count() >= 2, "the versions")
    before = versions.count()
    expect(versions.first).to_contain_text("current")
    expect(versions.first).to_contain_text("2026-03-02")
    lab.picture("table")
    line = lab.tab().get_by_role("listbox", name="Versions, the newest one last")
    newest = line.get_by_role("option").last
    newest.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+Enter")
    compared = lab.tab().get_by_role("region", name="Comparison")
    expect(compared).to_contain_text("added", timeout=RUN)
    expect(compared.get_by_role("table", name="Rows that differ")).to_contain_text("2026-03-02")
    lab.picture("diff")
    assert lab.overflow(".jp-orch-page:visible") == 0
    compared.get_by_role("button", name="Stop comparing").click()
    versions.nth(1).locator("td").first.click()
    expect(versions.nth(1)).to_have_attribute("aria-selected", "true")
    expect(lab.tab().get_by_text("FOR VERSION AS OF")).to_be_visible()
    expect(lab.tab().get_by_role("table", name="First rows")).to_contain_text("2026-03-01")

    back = lab.tab().get_by_role("button", name="Roll back to this…")
    back.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Roll sales.daily back?")
    expect(dialog).to_contain_text("sales")
    lab.picture("confirm")
    dialog.get_by_role("button", name="Cancel").click()
    expect(versions.first).to_contain_text("current")
    back.click()
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("sales.daily is rolled back.").first).to_be_visible()
    with lab.stage.client() as client:
        current = [v for v in client.versions("sales.daily")["items"] if v["current"]]
        assert [version["operation"] for version in current] == ["rollback"]
    expect(lab.tab().locator("tr[data-row]", has_text="current")).to_contain_text("rollback")
    assert versions.count() >= before
    lab.picture("rolled-back")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_run_is_undone_from_its_page(
    lab_at: Callable[..., Any], two_days: str, viewport: Any, dark: bool
) -> None:
    """It says what will happen, and the table shows it; nothing is cut off in any window."""
    lab = lab_at(viewport, dark=dark)
    page = lab.open().page
    lab.jobs().get_by_role("button", name="Tables").click()
    if viewport is NARROW:
        page.get_by_role("tab", name="Jobs", exact=True).click()
    lab.tab().get_by_role("row", name="sales.daily").click()
    line = lab.tab().get_by_role("listbox", name="Versions, the newest one last")
    expect(line.get_by_role("option").last).to_be_visible()
    lab.picture("versions")
    assert lab.overflow(".jp-orch-page:visible") == 0
    lab.tab().get_by_role("button", name="Compare with the one before").click()
    compared = lab.tab().get_by_role("region", name="Comparison")
    expect(compared).to_contain_text("changed", timeout=RUN)
    lab.picture("compared")
    assert lab.overflow(".jp-orch-page:visible") == 0
    lab.tab().get_by_role("button", name="Stop comparing").click()
    made = lab.tab().locator("tr[data-row]", has_text="day=2026-03-02").last
    made.get_by_role("button", name="sales").click()
    lab.tab().get_by_role("button", name="Undo this run…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Undo what this run published?")
    lab.picture("undo")
    dialog.get_by_role("button", name="Cancel").click()
