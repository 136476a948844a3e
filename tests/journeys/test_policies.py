"""How a job behaves when things do not go smoothly, and the pools that jobs share."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage
from playwright.sync_api import expect

LONG = "queries_that_the_accounting_database_of_the_whole_group_bears"


@pytest.fixture
def no_pools(served: Stage) -> Iterator[Stage]:
    """The stage, without pools of anybody else before and after."""
    yield served
    with served.client() as client:
        for pool in client.pools()["items"]:
            if pool["name"] != "default":
                client.delete_pool(pool["name"])


def test_policies_are_set_where_a_job_is_made(lab: Any, no_pools: Stage) -> None:
    """Retries, limits, overlap, a pool made on the way; what the server refuses has its place."""
    page = lab.open("daily_report.ipynb").page
    page.get_by_role("button", name="Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    form.locator("summary", has_text="Policies").click()
    form.get_by_label("Retries").fill("3")
    form.get_by_label("Wait before the first retry").fill("1")
    form.get_by_label("trouble of the platform").uncheck()
    form.get_by_label("Late after").fill("600")
    overlap = form.get_by_label("When the run before still runs")
    overlap.select_option(label="run side by side")
    expect(form.get_by_text("The run starts at once, beside the other one.")).to_be_visible()
    form.get_by_label("Runs at a time").fill("2")
    form.get_by_role("button", name="+ another pool").click()
    form.get_by_label("Name of the pool").fill("accounts")
    form.get_by_label("Slots", exact=True).fill("2")
    form.get_by_role("button", name="Make the pool").click()
    expect(form.get_by_label("Pool", exact=True)).to_have_value("accounts")
    expect(form.get_by_label("Pool", exact=True)).to_be_focused()
    lab.picture("pool")
    form.get_by_label("After the service was down, make up").select_option(label="every missed run")
    form.get_by_label("At most this many of them").fill("0")

    form.locator("summary", has_text="Notifications").click()
    form.get_by_role("button", name="+ tell somebody").click()
    form.get_by_label("E-mail addresses").fill("ann@example.com, nobody")
    form.get_by_role("button", name="Schedule", exact=True).click()
    expect(form.get_by_label("E-mail addresses")).to_have_attribute("aria-invalid", "true")
    most = form.get_by_label("At most this many of them")
    expect(most).to_have_attribute("aria-invalid", "true")
    lab.picture("refused")
    most.fill("7")
    form.get_by_role("button", name="Tell them no more").click()
    form.get_by_role("button", name="Schedule", exact=True).click()

    card = page.get_by_role("region", name="This notebook")
    card.get_by_role("button", name="daily_report", exact=True).click()
    lab.tab().get_by_role("tab", name="Settings").click()
    expect(lab.tab()).to_contain_text("pool accounts")
    expect(lab.tab()).to_contain_text("late after 10 minutes")
    with no_pools.client() as client:
        policies = client.job("daily_report")["job"]["spec"]["policies"]
    assert policies["retry_on"] == ["user_error", "timeout", "lost_worker"]
    assert (policies["retries"], policies["retry_delay_seconds"]) == (3, 1)
    assert (policies["overlap"], policies["max_parallel"]) == ("parallel", 2)
    assert (policies["catch_up"], policies["max_catch_up"]) == ("all", 7)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pools_have_a_page(
    lab_at: Callable[..., Any], no_pools: Stage, viewport: Any, dark: bool
) -> None:
    """From the sidebar: an empty state, make, change, delete; the policies of a job fit, too."""
    lab = lab_at(viewport, dark=dark)
    page = lab.open("daily_report.ipynb").page
    if viewport is WIDE:
        page.get_by_role("button", name="Schedule", exact=True).click()
    else:
        lab.jobs().get_by_role("button", name="Schedule this notebook").click()
    form = page.get_by_role("form", name="Schedule")
    form.locator("summary", has_text="Policies").click()
    form.get_by_label("Retries").fill("2")
    form.get_by_text("When it fails").scroll_into_view_if_needed()
    lab.picture("policies")
    assert lab.overflow(".jp-orch-form .jp-orch-scroll") == 0
    form.locator("summary", has_text="Notifications").click()
    form.get_by_role("button", name="+ tell somebody").click()
    expect(form.get_by_text("There is none.")).to_be_visible()
    form.get_by_text("There is none.").scroll_into_view_if_needed()
    lab.picture("notifications")
    assert lab.overflow(".jp-orch-form .jp-orch-scroll") == 0
    form.get_by_role("button", name="Cancel", exact=True).click()

    lab.jobs().get_by_role("button", name="Pools").click()
    if viewport is NARROW:
        page.get_by_role("tab", name="Jobs", exact=True).click()
    pools = lab.tab()
    lab.picture("empty")
    pools.get_by_role("button", name="Make the first pool").click()
    page.keyboard.type(LONG)
    page.keyboard.press("Tab")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    row = pools.get_by_role("row", name=re.compile(f"^{LONG}"))
    expect(row).to_contain_text("3")
    row.get_by_role("button", name="Change the slots").click()
    pools.get_by_role("group", name="Change the pool").get_by_label("Slots").fill("5")
    lab.picture("pools")
    assert lab.overflow(".jp-orch-page:visible") == 0
    pools.get_by_role("button", name="Change", exact=True).click()
    expect(row).to_contain_text("5")
    row.get_by_role("button", name="Delete the pool").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
