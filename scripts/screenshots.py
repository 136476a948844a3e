"""Takes the pictures of the README from the running product, with the samples and real flights."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Instead of this folder, whose trino.py is not the package of that name.
sys.path[0] = str(ROOT / "tests")

from journeys.stage import Stage, browser, until  # noqa: E402

SIZE = {"width": 1280, "height": 800}
LOAD_SECONDS = 600
RUN_SECONDS = 180
DAYS = ("2013-02-08", "2013-02-09", "2013-02-14")
#: What the list shows beside the main sample.
EVERY_MORNING = {"id": "t1", "kind": "cron", "cron": "0 6 * * *", "time_zone": "America/New_York"}
ON_MONDAYS = EVERY_MORNING | {"cron": "30 7 * * 1"}


def prepare(stage: Stage) -> None:
    """Loads the flights, stores the jobs, and lets them run."""
    for notebook in sorted((ROOT / "sample_notebooks").glob("*.ipynb")):
        stage.add(notebook)
    stage.start_service()
    subprocess.run(
        [sys.executable, "-P", str(ROOT / "scripts" / "load_flights.py")],
        env=stage.environment(),
        cwd=stage.notebooks,
        timeout=LOAD_SECONDS,
        check=True,
    )
    with stage.client() as client:
        add(client, stage, "flight_delays", [EVERY_MORNING])
        add(client, stage, "carrier_scorecard", [ON_MONDAYS])
        add(client, stage, "hello", [])
        for day in DAYS:
            run(client, "flight_delays", {"day": day})
        run(client, "carrier_scorecard", {})
        run(client, "hello", {"name": "Ada"})


def add(client: Any, stage: Stage, name: str, triggers: list[dict[str, Any]]) -> None:
    """Stores a job of the sample of that name."""
    path = str(stage.notebooks / f"{name}.ipynb")
    client.create_job({"name": name, "notebook": path, "triggers": triggers})


def run(client: Any, job: str, parameters: dict[str, Any]) -> None:
    """Runs a job and waits until it has ended well."""
    made = client.run(job, parameters)

    def ended() -> Any:
        found = client.run_detail(made["id"])["run"]
        return found if found["ended_at"] else None

    found = until(ended, f"the run of {job}", seconds=RUN_SECONDS)
    if found["state"] != "succeeded":
        raise SystemExit(f"{job}: {found['error']}")


def take(stage: Stage, page: Any, folder: Path, theme: str) -> None:
    """Walks through the product and keeps what a person would see."""

    def picture(title: str) -> None:
        page.mouse.move(640, 12)
        suffix = "" if theme == "light" else f"-{theme}"
        page.screenshot(path=folder / f"{title}{suffix}.png")

    page.goto(stage.address("flight_delays.ipynb"))
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("tab", name="Jobs", exact=True).click()
    # Wider than the default: a README shows it small.
    edge = page.get_by_role("region", name="Jobs", exact=True).bounding_box()
    page.mouse.move(edge["x"] + edge["width"] + 3, 400)
    page.mouse.down()
    page.mouse.move(edge["x"] + edge["width"] + 73, 400, steps=4)
    page.mouse.up()
    page.keyboard.press("Control+s")
    page.get_by_text("Saving completed").wait_for()
    page.get_by_role("button", name="Run now").wait_for()
    picture("sidebar")

    page.get_by_role("button", name="Schedule", exact=True).click()
    page.locator(".jp-orch-fires li").nth(4).wait_for()
    picture("form")
    page.get_by_role("button", name="Cancel", exact=True).click()

    page.get_by_role("row", name="carrier_scorecard").first.click()
    page.locator(".jp-orch-page:visible tr[data-row]").first.click()
    plot = page.locator(".jp-orch-page:visible .jp-OutputArea img")
    plot.wait_for()
    picture("run")
    plot.scroll_into_view_if_needed()
    picture("run-plot")

    page.get_by_role("button", name="Tables").click()
    page.get_by_role("row", name="analytics.flight_delays").click()
    page.get_by_role("table", name="First rows").wait_for()
    picture("table")


def main(folder: Path) -> None:
    """Takes each picture in the light and in the dark theme."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="orch-p", ignore_cleanup_errors=True) as home,
        Stage(Path(home)) as stage,
        browser() as chromium,
    ):
        stage.start_lab()
        prepare(stage)
        for theme in ("light", "dark"):
            stage.use_theme(dark=theme == "dark")
            context = chromium.new_context(viewport=SIZE, timezone_id="America/New_York")
            context.set_default_timeout(60_000)
            take(stage, context.new_page(), folder, theme)
            context.close()
    print(f"The pictures are in {folder}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    main(parser.parse_args().folder)
