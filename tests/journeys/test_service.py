"""The service comes and goes; the sidebar knows."""

from typing import Any

from journeys.stage import Stage
from playwright.sync_api import expect


def test_the_service_starts_with_one_click(lab: Any, stage: Stage) -> None:
    """Without a service the sidebar says so and starts it; it serves until somebody stops it."""
    stage.stop_service()
    lab.open()
    panel = lab.jobs()
    expect(panel.get_by_text("The jobs service is not running.")).to_be_visible()
    expect(panel.get_by_text("service: not running")).to_be_visible()
    lab.picture("down")
    panel.get_by_role("button", name="Start the service").click()
    expect(panel.get_by_text("service: running")).to_be_visible(timeout=60_000)
    expect(panel.get_by_role("searchbox", name="Search jobs")).to_be_visible()
    with stage.client() as client:
        assert client.status()["state"] == "running"
    lab.picture("up")

    stage.stop_service()
    expect(panel.get_by_text("The jobs service is not running.")).to_be_visible()
    stage.start_service()
    expect(panel.get_by_text("service: running")).to_be_visible()
