"""From an open notebook to a run that nobody had to watch."""

import re
from typing import Any

from journeys.stage import Stage
from playwright.sync_api import expect


def test_a_notebook_is_scheduled_and_its_run_shows_up(lab: Any, served: Stage) -> None:
    """Schedule, typed parameters, five fires, a bad cron marked, save, fire, success by itself."""
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")

    expect(form.get_by_label("Name", exact=True)).to_have_value("daily_report")
    expect(form.locator("input[type=date]")).to_have_count(1)
    assert form.get_by_label("day", exact=True).input_value() == "2026-03-01"
    expect(form.get_by_role("combobox", name="region")).to_contain_text("south")
    expect(form.get_by_role("spinbutton", name="minimum")).to_be_visible()
    expect(form.get_by_role("checkbox", name="rounded")).to_be_visible()
    expect(form.get_by_text("orders that count, from this many euros")).to_be_visible()
    expect(form.get_by_role("button", name="sales.daily")).to_be_visible()
    fires = form.locator(".jp-orch-fires li")
    expect(fires).to_have_count(5)
    lab.picture("form")

    when = form.get_by_role("combobox", name="When", exact=True)
    when.select_option(label="Cron expression")
    cron = form.get_by_label("Cron expression", exact=True)
    cron.fill("0 0 31 2 *")
    expect(cron).to_have_attribute("aria-invalid", "true")
    save = form.get_by_role("button", name="Schedule", exact=True)
    expect(save).to_be_disabled()
    lab.picture("bad-cron")

    cron.fill("30 1 * * *")
    zone = form.get_by_label("Time zone")
    zone.fill("Mars/Olympus")
    expect(zone).to_have_attribute("aria-invalid", "true")
    zone.fill("America/New_York")
    expect(fires).to_have_count(5)

    form.get_by_label("minimum").fill("20")
    when.select_option(label="Interval")
    form.get_by_label("Every", exact=True).fill("3")
    form.get_by_label("Unit").select_option("seconds")
    expect(fires).to_have_count(5)
    expect(save).to_be_enabled()
    save.click()

    card = page.get_by_role("region", name="This notebook")
    card.get_by_role("button", name="daily_report", exact=True).click()
    runs = lab.tab().locator("tr[data-row]", has_text="by schedule")
    expect(runs.first).to_be_visible()
    lab.tab().get_by_role("button", name="Pause", exact=True).click()
    expect(card).to_contain_text("paused")
    expect(runs.locator("[data-state=succeeded]").first).to_be_visible(timeout=60_000)
    lab.picture("fired")
    with served.client() as client:
        assert client.job("daily_report")["job"]["spec"]["parameters"] == {"minimum": 20}


def test_a_value_that_does_not_fit_cannot_be_saved(lab: Any, served: Stage) -> None:
    """A cleared number is marked at its field; a changed one shows the default and goes back."""
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    save = form.get_by_role("button", name="Schedule", exact=True)
    number = form.get_by_label("minimum")
    number.fill("")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    number.fill("20")
    expect(form.get_by_role("button", name=re.compile("default 10"))).to_be_visible()
    form.get_by_role("button", name="default 10").click()
    expect(number).to_have_value("10")
    form.get_by_role("group", name="tags").get_by_role("button", name="Add").click()
    expect(form.get_by_role("group", name="tags").get_by_role("textbox")).to_have_count(2)
    form.get_by_label("no value").uncheck()
    expect(form.get_by_role("spinbutton", name="limit")).to_have_value("0")
    expect(save).to_be_enabled()


def test_an_edit_never_overwrites_one_that_it_has_not_seen(lab: Any, served: Stage) -> None:
    """Two people edit a job: the second save is refused, and a reload shows the first."""
    with served.client() as client:
        made = served.add_job(client, "shared")
        page = lab.open().page
        panel = lab.jobs()
        row = panel.get_by_role("row", name="shared")
        row.hover()
        row.get_by_role("button", name="Edit shared").click()
        form = page.get_by_role("form", name="Save")
        expect(form.get_by_label("Name", exact=True)).to_have_value("shared")

        spec = made["spec"] | {"parameters": {"minimum": 77}}
        client.update_job(made["id"], spec, version=made["version"])
        form.get_by_label("Name", exact=True).fill("mine")
        form.get_by_role("button", name="Save", exact=True).click()
        expect(form.get_by_text("Somebody else saved this job meanwhile.")).to_be_visible()
        lab.picture("stale")
        form.get_by_role("button", name="Reload").click()
        expect(page.get_by_label("minimum")).to_have_value("77")
        expect(page.get_by_label("Name", exact=True)).to_have_value("shared")

        page.get_by_label("Name", exact=True).fill("ours")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(panel.get_by_role("row", name="ours")).to_be_visible()


def test_a_name_that_is_taken_is_marked_at_its_field(lab: Any, served: Stage) -> None:
    """The server refuses the name: its field says so, and the form keeps everything typed."""
    with served.client() as client:
        served.add_job(client, "daily_report")
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_label("minimum").fill("33")
    save = form.get_by_role("button", name="Schedule", exact=True)
    save.click()
    name = form.get_by_label("Name", exact=True)
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    lab.picture("taken")
    name.fill("daily_report_2")
    expect(form.get_by_label("minimum")).to_have_value("33")
    save.click()
    card = page.get_by_role("region", name="This notebook")
    expect(card.get_by_role("button", name="daily_report_2", exact=True)).to_be_visible()
