"""Every door of JupyterLab that leads to jobs."""

import re
from typing import Any

from journeys.stage import Stage
from playwright.sync_api import expect


def test_a_notebook_is_scheduled_from_the_files(lab: Any, served: Stage) -> None:
    """The menu of a notebook among the files opens its form; that of a folder has no such entry."""
    (served.notebooks / "folder").mkdir(exist_ok=True)
    page = lab.open().page
    files = page.locator(".jp-DirListing-content")
    files.get_by_text("folder", exact=True).click(button="right")
    menu = page.locator(".lm-Menu")
    expect(menu.get_by_text("Open", exact=True)).to_be_visible()
    expect(menu.get_by_text("Schedule", exact=True)).to_have_count(0)
    page.keyboard.press("Escape")
    files.get_by_text("daily_report.ipynb").click(button="right")
    lab.picture("menu")
    menu.get_by_text("Schedule", exact=True).click()
    form = page.get_by_role("form", name="Schedule")
    expect(form.get_by_label("Name", exact=True)).to_have_value("daily_report")


def test_the_palette_opens_every_page(lab: Any, served: Stage) -> None:
    """Jobs, all runs, tables and pools are commands; scheduling waits for a notebook."""
    page = lab.open().page
    for command, heading in (("All runs", "All runs"), ("Tables", "Tables"), ("Pools", "Pools")):
        _command(page, command)
        expect(lab.tab().get_by_role("heading", name=heading)).to_be_visible()
    _command(page, "Jobs")
    expect(page.get_by_role("region", name="Jobs", exact=True)).to_be_visible()
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("Schedule this notebook")
    entry = page.locator("[data-command^=jupyter-orch].lm-CommandPalette-item")
    expect(entry).to_contain_text("Schedule")
    expect(entry).to_have_class(re.compile(r"\blm-mod-disabled\b"))


def test_the_launcher_has_a_card(lab: Any, served: Stage) -> None:
    """The card brings the sidebar to the front."""
    page = lab.open().page
    expect(page.get_by_role("region", name="Jobs", exact=True)).to_be_hidden()
    page.locator('.jp-LauncherCard[title*="Scheduled notebooks"]').click()
    expect(page.get_by_role("region", name="Jobs", exact=True)).to_be_visible()


def _command(page: Any, label: str) -> None:
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill(label)
    found = page.locator(".lm-CommandPalette-item", has=page.get_by_text(label, exact=True))
    found.locator("visible=true").first.click()
