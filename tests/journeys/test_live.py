"""A run that goes on: its cells tick, and the running one shows what it prints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from journeys.conftest import NARROW, WIDE
from journeys.stage import Stage, until
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

#: Milliseconds that a run may take on a busy machine.
RUN = 120_000
STEPS = """\
import sys, time
from IPython.display import HTML, display
display(HTML("<b>first table</b><img src=x onerror='window.hacked=1'>"))
display(HTML("<script>window.hacked = 1</script>"))
for step in range(steps):
    print(f"step {step}", flush=True)
    sys.stderr.write(f"\\r{step * 100 // steps} % done")
    sys.stderr.flush()
    time.sleep(0.2)"""


ASK = """\
import jupyter_orch as orch
cursor = orch.connect().cursor()
cursor.execute(
    "SELECT count(*) FROM UNNEST(sequence(1, 30000)) a(x)"
    " CROSS JOIN UNNEST(sequence(1, 60000)) b(y) WHERE mod(x * y, 7) = 1"
)
cursor.fetchall()"""


def write(path: Path, *cells: Any) -> str:
    """A Python notebook of these cells; answers its path."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=list(cells), metadata={"kernelspec": spec}), path)
    return str(path)


def opened(lab: Any, run: dict[str, Any], *, narrow: bool = False) -> Any:
    """The page of a run in a new window, and nothing else on a phone."""
    page = lab.open().page
    page.evaluate(
        "id => window.jupyterapp.commands.execute('jupyter-orch:open', {page: 'run', key: id})",
        run["id"],
    )
    if narrow:
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    return lab.tab()


@pytest.fixture
def slow(served: Stage) -> str:
    """Name of a job whose run takes as many steps as it is told, and took few once."""
    cells = [
        new_code_cell("steps: int = 20", metadata={"tags": ["parameters"]}),
        new_markdown_cell("# A long way"),
        new_code_cell("print('prepared')"),
        new_code_cell(STEPS),
        new_code_cell("print('all is done')"),
    ]
    path = write(served.notebooks / "slow.ipynb", *cells)
    with served.client() as client:
        served.add_job(client, "slow", notebook=path)
        run = client.run("slow")
        until(lambda: client.run_detail(run["id"])["run"]["ended_at"], "the run")
    return "slow"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_run_is_followed_to_its_end(
    lab_at: Callable[..., Any], served: Stage, slow: str, viewport: Any, dark: bool
) -> None:
    """Outputs come while the cell runs, and the notebook takes over when it has ended."""
    with served.client() as client:
        run = client.run(slow, {"steps": 90})
    lab = lab_at(viewport, dark=dark)
    tab = opened(lab, run, narrow=viewport is NARROW)
    now = tab.get_by_role("region", name="Running now")
    expect(now).to_contain_text("Cell 5 is running", timeout=RUN)
    expect(now.locator(".jp-OutputArea-output").first).to_contain_text("first table")
    expect(now).to_contain_text("step 3")
    lab.picture("running")
    expect(tab).to_contain_text("cell 5 of 6")
    notebook = tab.get_by_role("region", name="Executed notebook")
    expect(notebook.locator("[data-status=completed]")).to_have_count(4)
    expect(notebook.locator("[data-status=pending]")).to_have_count(1)

    first = now.locator(".jp-OutputArea-output").first
    first.evaluate("node => { node.dataset.mine = 'kept'; }")
    expect(tab).to_contain_text("longer than usual")
    expect(now).to_contain_text("step 40")
    lab.picture("overdue")
    expect(first).to_have_attribute("data-mine", "kept")
    assert lab.overflow(".jp-orch-page:visible") == 0

    expect(now).to_have_count(0, timeout=RUN)
    expect(notebook).to_contain_text("all is done")
    lab.picture("ended")
    assert lab.page.evaluate("() => window.hacked") is None


def test_a_query_is_seen_while_the_cell_waits_for_it(lab: Any, served: Stage) -> None:
    """Which one, and for how long; the embedded engine knows of no percentage."""
    path = write(served.notebooks / "asking.ipynb", new_code_cell(ASK))
    with served.client() as client:
        served.add_job(client, "asking", notebook=path)
        run = client.run("asking")
        tab = opened(lab, run)
        now = tab.get_by_role("region", name="Running now")
        expect(now).to_contain_text("running · ", timeout=RUN)
        expect(now.get_by_role("progressbar")).to_be_visible()
        lab.picture("query")
        client.cancel(run["id"])
    expect(now).to_have_count(0, timeout=RUN)
