"""Both themes, wide and narrow windows, and no mouse."""

from collections.abc import Callable
from typing import Any

import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage
from playwright.sync_api import expect


@pytest.fixture
def some_jobs(served: Stage) -> Stage:
    """Three jobs, one of them paused."""
    trigger = {"id": "t1", "kind": "cron", "cron": "0 6 * * *", "time_zone": "America/New_York"}
    with served.client() as client:
        for name in ("carriers", "delays", "revenue_of_all_stores_by_day_and_region"):
            job = served.add_job(client, name, triggers=[trigger])
        client.pause(job["id"])
    return served


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_list_form_and_pages_fit(
    lab_at: Callable[..., Any], some_jobs: Stage, viewport: Any, dark: bool
) -> None:
    """Nothing is cut off sideways, in either theme, on a desk and on a phone."""
    lab = lab_at(viewport, dark=dark)
    page = lab.open("daily_report.ipynb").page
    theme = page.locator("body").get_attribute("data-jp-theme-light")
    assert theme == ("false" if dark else "true")
    panel = lab.jobs()
    expect(panel.get_by_role("row", name="delays").first).to_be_visible()
    lab.picture("list")
    assert lab.overflow(".jp-orch-list .jp-orch-scroll") == 0

    panel.get_by_role("button", name="Schedule again").click()
    form = page.get_by_role("form", name="Schedule")
    expect(form.locator(".jp-orch-fires li")).to_have_count(5)
    lab.picture("form")
    assert lab.overflow(".jp-orch-form .jp-orch-scroll") == 0
    form.get_by_label("minimum").scroll_into_view_if_needed()
    lab.picture("form-parameters")
    form.get_by_role("button", name="Cancel").click()

    panel.get_by_role("row", name="delays").first.click()
    if viewport is NARROW:
        page.get_by_role("tab", name="Jobs", exact=True).click()
    expect(lab.tab().get_by_role("heading", name="delays")).to_be_visible()
    lab.picture("job")
    assert lab.overflow(".jp-orch-page:visible") == 0


def test_the_sidebar_needs_no_mouse(lab: Any, some_jobs: Stage) -> None:
    """`/` searches, arrows walk, Enter opens, the buttons of a row are one key away, Esc leaves."""
    page = lab.open().page
    panel = lab.jobs()
    rows = panel.locator("[data-row]")
    expect(rows).to_have_count(3)
    panel.get_by_role("searchbox", name="Search jobs").click()
    page.keyboard.press("ArrowDown")
    expect(rows.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(rows.nth(2)).to_be_focused()
    page.keyboard.press("/")
    search = panel.get_by_role("searchbox", name="Search jobs")
    expect(search).to_be_focused()
    page.keyboard.type("DELA")
    expect(rows).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(rows.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(panel.get_by_role("button", name="Run delays now")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Resume delays")).to_be_focused()
    expect(rows.first).to_contain_text("paused")
    page.keyboard.press("Escape")
    expect(rows.first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(rows).to_have_count(3)
    panel.get_by_role("row", name="delays").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Save")
    expect(form.get_by_label("Name", exact=True)).to_have_value("delays")
    form.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Escape")
    expect(rows).to_have_count(3)
    panel.get_by_role("row", name="carriers").focus()
    page.keyboard.press("Enter")
    expect(lab.tab().get_by_role("heading", name="carriers")).to_be_visible()
    lab.picture("keyboard")
