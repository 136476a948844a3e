"""When a job runs: one time at first, and as many as somebody needs."""

from collections.abc import Callable
from typing import Any

import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage
from playwright.sync_api import expect

NEW_YORK = "America/New_York"


def test_a_job_gets_several_times_each_with_its_own_values(lab: Any, served: Stage) -> None:
    """Add, open, pick days off and own values; the page says it in words; an edit keeps it."""
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    expect(form.locator(".jp-orch-fires li")).to_have_count(5)

    form.get_by_role("button", name="+ another time").click()
    when = form.get_by_role("combobox", name="When", exact=True)
    expect(when).to_be_focused()
    when.select_option(label="Every few days, weeks, months")
    form.get_by_label("Every", exact=True).fill("2")
    form.get_by_label("First run").fill("2030-01-31T07:30")
    form.get_by_label("Unit").first.select_option("month")
    fires = form.locator(".jp-orch-fires li")
    expect(fires.nth(1)).to_contain_text("31 Mar 2030 07:30")

    form.get_by_text("More", exact=True).click()
    form.get_by_label("Not after").fill("2030-01-01T00:00")
    expect(form.get_by_label("Not after")).to_have_attribute("aria-invalid", "true")
    save = form.get_by_role("button", name="Schedule", exact=True)
    expect(save).to_be_disabled()
    lab.picture("bad-end")
    form.get_by_label("Not after").fill("")
    form.get_by_label("Not on these dates").fill("2030-03-31")
    form.get_by_label("Not on these dates").press("Enter")
    expect(fires.nth(1)).to_contain_text("31 May 2030 07:30")
    form.get_by_label("Set a parameter").select_option(label="region")
    own = form.get_by_role("group", name="Own parameters")
    own.get_by_role("combobox", name="region").select_option(label="south")
    lab.picture("more")
    save.click()

    card = page.get_by_role("region", name="This notebook")
    card.get_by_role("button", name="daily_report", exact=True).click()
    lab.tab().get_by_role("tab", name="Settings").click()
    settings = lab.tab()
    expect(settings).to_contain_text("Every 2 months on day 31 or its last day")
    expect(settings).to_contain_text("region = south")
    lab.picture("settings")
    with served.client() as client:
        first, second = client.job("daily_report")["job"]["spec"]["triggers"]
    assert first["cron"] == "0 6 * * *"
    assert second["parameters"] == {"region": "south"}
    assert second["anchor"] == "2030-01-31T12:30:00Z"
    assert second["exclude_dates"] == ["2030-03-31"]

    lab.tab().get_by_role("button", name="Edit", exact=True).click()
    form = page.get_by_role("form", name="Save")
    form.get_by_label("Name", exact=True).fill("two_times")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(card.get_by_role("button", name="two_times", exact=True)).to_be_visible()
    with served.client() as client:
        assert client.job("two_times")["job"]["spec"]["triggers"] == [first, second]


def test_a_job_runs_once_at_a_date(lab: Any, served: Stage) -> None:
    """A date that has passed is refused at its field; a later one is saved."""
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_role("combobox", name="When", exact=True).select_option(label="Once")
    on = form.get_by_label("On", exact=True)
    save = form.get_by_role("button", name="Schedule", exact=True)
    on.fill("")
    expect(on).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    on.fill("2020-07-01T06:00")
    expect(form).to_contain_text("It is never due again")
    save.click()
    expect(form.get_by_text("The time has passed.")).to_be_visible()
    lab.picture("passed")
    on.fill("2030-11-03T06:00")
    expect(form.locator(".jp-orch-fires li")).to_contain_text("clocks go back")
    save.click()
    card = page.get_by_role("region", name="This notebook")
    expect(card.get_by_role("button", name="daily_report", exact=True)).to_be_visible()
    with served.client() as client:
        (trigger,) = client.job("daily_report")["job"]["spec"]["triggers"]
    assert trigger["at"] == "2030-11-03T11:00:00Z"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_long_schedule_fits(
    lab_at: Callable[..., Any], served: Stage, viewport: Any, dark: bool
) -> None:
    """Four kinds of times with everything set, on a desk and on a phone, in either theme."""
    more = {
        "time_zone": NEW_YORK,
        "start": "2026-01-01T05:00:00Z",
        "end": "2036-01-01T05:00:00Z",
        "jitter_seconds": 300,
        "exclude_dates": [f"2030-12-{day:02}" for day in range(1, 32)],
        "exclude_weekdays": ["sat", "sun"],
        "parameters": {"region": "south", "tags": ["web", "a_shop_with_quite_a_long_name"]},
    }
    triggers = [
        {"id": "month_end_of_all_subsidiaries", "kind": "cron", "cron": "0 6 L * *"} | more,
        {"id": "quarter", "kind": "interval", "every_seconds": 900} | more,
        {
            "id": "months",
            "kind": "calendar",
            "calendar_every": 2,
            "calendar_unit": "month",
            "anchor": "2026-01-31T11:00:00Z",
        }
        | more,
        {"id": "once", "kind": "once", "at": "2035-01-01T05:00:00Z", "time_zone": NEW_YORK},
    ]
    with served.client() as client:
        served.add_job(client, "revenue_of_all_stores_by_day_and_region", triggers=triggers)
    lab = lab_at(viewport, dark=dark)
    page = lab.open().page
    panel = lab.jobs()
    row = panel.get_by_role("row", name="revenue_of_all").first
    row.hover()
    row.get_by_role("button", name="Edit revenue").click()
    form = page.get_by_role("form", name="Save")
    expect(form.locator("details.jp-orch-trigger")).to_have_count(4)
    lab.picture("closed")
    first = form.locator("details.jp-orch-trigger").first
    first.locator("summary").first.click()
    first.locator(".jp-orch-fold > summary").click()  # the form has folds of its own
    expect(form.locator(".jp-orch-fires li")).to_have_count(5)
    assert lab.overflow(".jp-orch-form .jp-orch-scroll") == 0
    lab.picture("open")
    form.get_by_role("group", name="Own parameters").scroll_into_view_if_needed()
    lab.picture("own")
    form.get_by_role("button", name="Cancel").click()
    panel.get_by_role("row", name="revenue_of_all").first.click()
    if viewport is NARROW:
        page.get_by_role("tab", name="Jobs", exact=True).click()
    lab.tab().get_by_role("tab", name="Settings").click()
    expect(lab.tab().locator(".jp-orch-when")).to_have_count(4)
    expect(lab.tab().locator(".jp-orch-fires").first).to_be_visible()
    lab.picture("settings")
    assert lab.overflow(".jp-orch-page:visible") == 0
