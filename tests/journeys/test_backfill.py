"""Past intervals of a job: planned, run, watched and cancelled from its page."""

from collections.abc import Callable
from typing import Any

import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage
from playwright.sync_api import expect

#: Milliseconds that a few runs may take on a busy machine.
RUNS = 180_000
DAILY = {"id": "daily", "kind": "cron", "cron": "0 6 * * *", "time_zone": "America/New_York"}


def _page_of(lab: Any, name: str) -> Any:
    lab.open()
    lab.jobs().get_by_role("row", name=name, exact=True).first.click()
    expect(lab.tab().get_by_role("heading", name=name)).to_be_visible()
    return lab.tab()


def test_past_days_are_planned_run_and_found_done(lab: Any, served: Stage) -> None:
    """Three days are missing, run two at a time with another value, and are done afterwards."""
    with served.client() as client:
        served.add_job(client, "past", triggers=[DAILY])
    job = _page_of(lab, "past")
    job.get_by_role("button", name="Backfill…").click()
    form = job.get_by_role("form", name="Backfill")
    expect(form.get_by_label("First day")).to_be_focused()
    form.get_by_label("First day").fill("2026-03-03")
    form.get_by_label("Last day").fill("2026-03-01")
    expect(form.get_by_label("Last day")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("First day").fill("2026-03-01")
    form.get_by_label("Last day").fill("2026-03-03")
    expect(form.get_by_role("list", name="Intervals")).to_have_text("○3 missing")
    form.get_by_text("More", exact=True).click()
    form.get_by_label("Runs at a time").fill("2")
    form.get_by_label("Set a parameter").select_option(label="region")
    form.get_by_role("combobox", name="region").select_option(label="south")
    form.get_by_text("The first 3 intervals").click()
    lab.picture("plan")
    form.get_by_role("button", name="Start 3 runs").click()

    item = job.get_by_role("article")
    expect(item).to_contain_text("of 3 runs")
    lab.picture("running")
    expect(item).to_contain_text("3 of 3 runs", timeout=RUNS)
    expect(item.locator("[data-state=succeeded]").first).to_be_visible()
    expect(item.get_by_role("button", name="Cancel the backfill")).to_have_count(0)
    item.get_by_role("button", name="Show the runs").click()
    expect(item.locator("tr[data-row]")).to_have_count(3)
    lab.picture("done")

    job.get_by_role("button", name="Backfill…").click()
    form.get_by_label("First day").fill("2026-03-01")
    form.get_by_label("Last day").fill("2026-03-03")
    expect(form.get_by_role("list", name="Intervals")).to_have_text("✓3 done")
    expect(form.get_by_role("button", name="Start", exact=False)).to_be_disabled()
    form.get_by_label("all of them, again").check()
    expect(form.get_by_role("button", name="Start 3 runs")).to_be_enabled()


def test_a_large_backfill_asks_and_is_cancelled_as_one(lab: Any, served: Stage) -> None:
    """More runs than one looks through want a tick; cancelling ends all of them."""
    hourly = DAILY | {"cron": "0 * * * *"}
    with served.client() as client:
        served.add_job(client, "many", triggers=[hourly])
    job = _page_of(lab, "many")
    job.get_by_role("button", name="Backfill…").click()
    form = job.get_by_role("form", name="Backfill")
    form.get_by_label("First day").fill("2026-01-01")
    form.get_by_label("Last day").fill("2026-03-31")
    start = form.get_by_role("button", name="Start 2159 runs")
    expect(start).to_be_disabled()
    lab.picture("large")
    form.get_by_label("Yes, 2,159 intervals and 2,159 runs are meant").check()
    start.click()
    item = job.get_by_role("article")
    item.get_by_role("button", name="Cancel the backfill").click()
    lab.page.get_by_role("dialog").get_by_role("button", name="Cancel the backfill").click()
    expect(item.locator("[data-state=cancelled]").first).to_be_visible()
    lab.picture("cancelled")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_plan_and_list_fit(
    lab_at: Callable[..., Any], served: Stage, viewport: Any, dark: bool
) -> None:
    """On a desk and on a phone, in either theme, also where names are long and nothing is there."""
    name = "revenue_of_all_stores_by_day_and_region"
    other = DAILY | {"id": "noon_of_all_subsidiaries_of_the_group", "cron": "0 12 * * *"}
    with served.client() as client:
        served.add_job(client, name, triggers=[DAILY, other])
    lab = lab_at(viewport, dark=dark)
    lab.open()
    lab.jobs().get_by_role("row", name=name).first.click()
    if viewport is NARROW:
        lab.page.get_by_role("tab", name="Jobs", exact=True).click()
    job = lab.tab()
    job.get_by_role("tab", name="Backfills").click()
    expect(job.get_by_text("A backfill runs past intervals")).to_be_visible()
    lab.picture("empty")
    job.get_by_role("button", name="Backfill…").first.click()
    form = job.get_by_role("form", name="Backfill")
    form.get_by_label("First day").fill("2026-01-01")
    form.get_by_label("Last day").fill("2026-03-31")
    form.get_by_text("More", exact=True).click()
    expect(form.get_by_text("90 missing")).to_be_visible()
    lab.picture("form")
    form.get_by_role("button", name="Close").scroll_into_view_if_needed()
    lab.picture("plan")
    assert lab.overflow(".jp-orch-page:visible") == 0
    with served.client() as client:
        client.pause(name)
        range_of = ("2026-01-01T00:00:00Z", "2026-03-31T23:59:59Z")
        made = client.create_backfill(name, *range_of, trigger="daily")
        client.cancel_backfill(made["id"])
    form.get_by_role("button", name="Close").click()
    expect(job.get_by_role("article").locator("[data-state=cancelled]").first).to_be_visible()
    lab.picture("list")
    assert lab.overflow(".jp-orch-page:visible") == 0
