"""A worker executes runs through papermill in processes of their own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.outputs import Ending
from jupyter_orch.runner import worker as worker_module
from jupyter_orch.runner.executor import Executor
from jupyter_orch.runner.supervisor import Supervisor

from .conftest import House, left_of_attempts, marked, notebook, text_of, until

SLEEPER = (
    "import time, os\nprint('asleep', flush=True)\nopen(f'{mark}', 'w').close()\ntime.sleep(600)"
)


def sleeping(house: House, *, policies: Policies | None = None) -> tuple[Run, str]:
    """A run whose second cell sleeps, and the path of a file that it makes when asleep."""
    mark = str(house.folder / "asleep")
    nb = notebook("print('first')", SLEEPER, parameters="mark = ''")
    return house.add(nb, parameters={"mark": mark}, policies=policies), mark


def test_a_run_succeeds_with_its_parameters(house: House) -> None:
    """The executed notebook shows the given value, progress and log."""
    house.worker()
    run = house.add(notebook("print(x + 1)", parameters="x: int = 1"), parameters={"x": 41})
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.SUCCEEDED, None), house.log(run)
    assert (done.cells_done, done.cells_total) == (3, 3)
    nb = house.executed(run)
    assert "42" in text_of(nb)
    assert nb.metadata.papermill.parameters == {"x": 41}
    assert nb.cells[1].metadata.tags == ["injected-parameters"]
    assert json.loads(house.log(run).splitlines()[-1])["event"] == "attempt.ended"


def test_a_failing_cell_is_named_with_a_clean_traceback(house: House) -> None:
    """The run fails as user_error; later cells do not run; the partial notebook is kept."""
    house.worker()
    run = house.add(notebook("print('kept')", "1 / 0", "print('never')"))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert done.error is not None
    assert (done.error.name, done.error.message) == ("ZeroDivisionError", "division by zero")
    assert "\x1b" not in done.error.traceback
    assert "1 / 0" in done.error.traceback
    assert done.error.cell_source == "1 / 0"
    nb = house.executed(run)
    assert nb.cells[done.error.cell_index].source == "1 / 0"
    assert "kept" in text_of(nb)
    assert "never" not in text_of(nb)


def test_a_cell_that_takes_too_long_ends_the_run(house: House) -> None:
    """The reason is cell_timeout, and the slow cell is the failed one."""
    house.worker()
    run, _ = sleeping(house, policies=Policies(cell_timeout_seconds=1.0))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.CELL_TIMEOUT)
    assert done.error is not None
    assert done.error.cell_index == 3
    assert done.error.cell_source == house.executed(run).cells[3].source
    assert house.executed(run).cells[3].metadata.papermill.status == "failed"


def test_a_run_that_takes_too_long_is_ended(house: House) -> None:
    """The reason is run_timeout; the cell that it came to is named, and what it printed kept."""
    house.worker()
    run, mark = sleeping(house, policies=Policies(timeout_seconds=8.0))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.RUN_TIMEOUT)
    assert done.error is not None
    assert "8 s" in done.error.message
    if Path(mark).exists():  # a busy machine may not get there in time
        assert done.error.cell_index is not None
        assert done.error.cell_source in {SLEEPER, ""}


def test_a_cancelled_run_keeps_its_partial_notebook(house: House) -> None:
    """Cancelling interrupts the cell, and leaves no process."""
    worker = house.worker()
    run, mark = sleeping(house)
    until(lambda: Path(mark).exists())
    house.store.request_cancel(run.id, user="tester")
    worker.wake()
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    text = text_of(house.executed(run))
    assert "first" in text
    assert "asleep" in text
    assert not left_of_attempts(house)


def test_a_notebook_that_swallows_the_interrupt_is_killed(house: House) -> None:
    """Within seconds of cancelling everything is gone, grandchildren of their own session too."""
    worker = house.worker()
    mark = str(house.folder / "asleep")
    stubborn = (
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '611'], start_new_session=True)\n"
        "open(mark, 'w').close()\n"
        "time.sleep(600)"
    )
    run = house.add(notebook(stubborn, parameters="mark = ''"), parameters={"mark": mark})
    until(lambda: Path(mark).exists())
    house.store.request_cancel(run.id, user="tester")
    worker.wake()
    assert house.wait(run).state is RunState.CANCELLED
    assert not left_of_attempts(house)
    assert not marked("sleep\x00611", ("cmdline",))


def test_a_kernel_that_dies_fails_the_run(house: House) -> None:
    """The reason is kernel_died."""
    house.worker()
    run = house.add(notebook("import os; os._exit(3)"))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.KERNEL_DIED)


def test_a_missing_kernel_is_named_and_not_tried_again(house: House) -> None:
    """The reason is kernel_missing, with the kernels that there are; retries would not help."""
    house.worker()
    run = house.add(notebook("1"), kernel="no-such", policies=Policies(retries=3))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.KERNEL_MISSING)
    assert done.error is not None
    assert '"no-such"' in done.error.message
    assert "python3" in done.error.message


def test_a_frozen_notebook_that_is_gone_fails_the_run(house: House) -> None:
    """The reason is notebook_missing."""
    run = house.add(notebook("1"))
    for path in house.settings.artifacts_dir.glob("notebooks/*"):
        path.unlink()
    house.worker()
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.NOTEBOOK_MISSING)


def test_a_failed_attempt_is_tried_again(house: House) -> None:
    """With retries the same bytes run again; each attempt keeps its own notebook."""
    house.worker()
    mark = str(house.folder / "mark")
    flaky = "import os\nif not os.path.exists(mark):\n    open(mark, 'w').close()\n    1 / 0"
    run = house.add(
        notebook(flaky, parameters="mark = ''"),
        parameters={"mark": mark},
        policies=Policies(retries=1, retry_delay_seconds=0.1),
    )
    done = house.wait(run)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2)
    raised = ['"output_type": "error"' in json.dumps(house.executed(run, n)) for n in (1, 2)]
    assert raised == [True, False]


HOSTILE = [
    '"; import os; os._exit(1)  # ',
    "'; raise SystemExit(7) #",
    "quotes \" and ' and \"\"\" and '''",
    "new\nline\r\nand\ttab",
    "separators \u2028 \u2029 \x85 \x0b \x0c end",
    "back\\slash \\n \\u0041 \\",
    "{braces} %s $HOME `id`",
    "nul \x00 and bell \x07",
    "emoji \U0001f600 and rtl \u202e",
]


def test_hostile_texts_arrive_as_data(house: House) -> None:
    """Values are injected as literals: the kernel sees exactly what was given."""
    house.worker()
    values = {"text": "\n".join(HOSTILE), "items": HOSTILE, "nested": {h: h for h in HOSTILE}}
    nb = notebook(
        "import json; print(json.dumps([text, items, nested]))",
        parameters="text = ''\nitems = []\nnested = {}",
    )
    run = house.add(nb, parameters=values)
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    assert json.loads(text_of(house.executed(run))) == list(values.values())


def test_kernels_are_strangers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel's environment comes from an allow-list: no database, no tokens."""
    monkeypatch.setenv("JUPYTER_ORCH__STATE__URL", "sqlite:////tmp/never.db")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hub-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "cloud-key")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    house.worker()
    run = house.add(notebook("import os, json; print(json.dumps(dict(os.environ)))"))
    assert house.wait(run).state is RunState.SUCCEEDED
    seen = json.loads(text_of(house.executed(run)))
    assert not {"JUPYTER_ORCH__STATE__URL", "JUPYTERHUB_API_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(
        seen
    )
    assert seen["LC_ALL"] == "C.UTF-8"
    assert seen["JUPYTER_ORCH__WAREHOUSE__LOCATION"] == str(house.settings.warehouse.folder)
    assert not Path(seen["TMPDIR"]).exists()  # the attempt's own, removed with it


def test_a_kernel_talks_through_sockets_of_its_attempt(house: House) -> None:
    """Ports that two kernels guess at the same time could collide; a private folder cannot."""
    house.worker(fork_kernels=False)  # a forked one has no address at all
    facts = "from ipykernel.connect import get_connection_info\nprint(get_connection_info())"
    run = house.add(notebook(facts))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    told = json.loads(text_of(house.executed(run)))
    assert told["transport"] == "ipc"
    assert Path(told["ip"]).name == "kernel"


def test_modules_beside_the_notebook_import(house: House) -> None:
    """The working folder is the notebook's; the worker itself never leaves its own."""
    (house.folder / "beside.py").write_text("VALUE = 'from beside'\n")
    (house.folder / "json.py").write_text("raise ImportError('not for the platform')\n")
    here = Path.cwd()
    house.worker()
    run = house.add(notebook("import os, beside; print(beside.VALUE, os.getcwd())"))
    house.wait(run)
    assert f"from beside {house.folder}" in text_of(house.executed(run)), house.log(run)
    assert Path.cwd() == here


def test_saved_widgets_keep_their_state(house: House) -> None:
    """The notebook holds the widgets' state, as papermill keeps it."""
    house.worker()
    run = house.add(notebook("import ipywidgets; ipywidgets.IntSlider(value=7)"))
    assert house.wait(run).state is RunState.SUCCEEDED
    state = house.executed(run).metadata.widgets["application/vnd.jupyter.widget-state+json"]
    assert any(model["state"].get("value") == 7 for model in state["state"].values())


@pytest.mark.slow
def test_a_huge_output_is_capped_and_logged_whole(house: House) -> None:
    """100 MB of output leave a small notebook with a note; the log has every line."""
    house.worker(output_limit_mb=1.0, log_limit_mb=200.0)
    run = house.add(
        notebook(
            "line = 'x' * 99_999\nfor _ in range(1000):\n    print(line)",
            "from IPython.display import HTML, display\ndisplay(HTML('y' * 2_000_000))",
            "print('after')",
        )
    )
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)[-2000:]
    nb = house.executed(run)
    kept = sum(len(output.get("text", "")) for output in nb.cells[0].outputs)
    assert 900_000 < kept < 1_100_000
    assert "the run's log has more of it" in nb.cells[0].outputs[-1].text
    assert "the run's log has more of it" in nb.cells[1].outputs[-1].data["text/plain"]
    assert "after" in nb.cells[2].outputs[0].text
    logged = [json.loads(line) for line in house.log(run).splitlines()]
    texts = [line for line in logged if line["event"] == "output" and line["cell"] == 1]
    assert sum(line["text"].count("x") for line in texts) == 99_999_000
    assert any(line["event"] == "output" and line["cell"] == 2 for line in logged)


def test_known_secrets_are_masked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that the notebook asked for is in no output, error or log."""
    monkeypatch.setenv("JUPYTER_ORCH_SECRET_DB_PASSWORD", "hunter2-hunter2")
    monkeypatch.setenv("PRIVATE", "not for notebooks")
    house.worker()
    run = house.add(
        notebook(
            "import jupyter_orch as orch, os\n"
            "value = orch.secret('db/password')\n"
            "print(value, len(value), 'JUPYTER_ORCH_SECRET_DB_PASSWORD' in os.environ)",
            "try:\n    orch.secret('env:PRIVATE')\nexcept Exception as e:\n    print(type(e), e)",
            "raise ValueError(value)",
        )
    )
    done = house.wait(run)
    text = text_of(house.executed(run))
    assert "15 False" in text
    assert "Forbidden" in text
    assert done.error is not None
    assert done.error.name == "ValueError"
    everything = house.log(run) + json.dumps(house.executed(run)) + str(done)
    assert "hunter2" not in everything


def test_a_worker_that_stops_after_the_end_hands_nothing_back(house: House) -> None:
    """A run that has just succeeded is not executed a second time."""

    class Stopped(Supervisor):
        def _attempt(self, folder: Path) -> Ending | None:
            ending = super()._attempt(folder)
            self.hand_back()
            return ending

    run = house.add(notebook("print('once')"))
    (claimed,) = house.store.claim_runs("w", limit=1, lease_seconds=60)
    executor = Executor(warm_seconds=0)
    Stopped(
        claimed,
        worker="w",
        ledger=house.store,
        artifacts=house.artifacts,
        warehouse=house.warehouse,
        settings=house.settings,
        launcher=executor.launch,
    ).execute()
    executor.close()
    done = house.store.get_run(DEFAULT_TEAM, run.id)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 1)


def test_a_run_that_took_too_long_is_tried_again(house: House) -> None:
    """A timeout is a class of failure like the others."""
    house.worker()
    run = house.add(
        notebook("import time; time.sleep(600)"),
        policies=Policies(timeout_seconds=3, retries=1, retry_delay_seconds=0),
    )
    done = house.wait(run)
    assert (done.state, done.reason, done.attempt) == (RunState.FAILED, Reason.RUN_TIMEOUT, 2)


def test_inv10_the_warehouses_password_is_not_in_a_kernels_environment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that the setting names stays with the worker; what it is asked for is masked."""
    monkeypatch.setenv("TRINO_PASSWORD", "hunter2-hunter2")
    trino = replace(house.settings.warehouse.trino, password="env:TRINO_PASSWORD")
    house.worker(warehouse=replace(house.settings.warehouse, trino=trino))
    run = house.add(
        notebook(
            "import os; print(dict(os.environ))",
            "import jupyter_orch\nprint(len(jupyter_orch.secret('warehouse/password')))",
            "print(jupyter_orch.secret('warehouse/password'), dict(os.environ))",
        )
    )
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    assert "hunter2" not in house.log(run) + json.dumps(house.executed(run))
    assert "'TRINO_PASSWORD'" not in text_of(house.executed(run))
    assert "15" in house.executed(run).cells[1].outputs[0].text


def test_a_notebook_knows_its_run(house: House) -> None:
    """`context()` inside a run gives its identity and parameters."""
    house.worker()
    run = house.add(
        notebook(
            "import jupyter_orch; c = jupyter_orch.context()\n"
            "print(bool(c), c.run_id, c.attempt, c.job, dict(c.parameters), c.logical_time)",
            parameters="n = 1",
        ),
        parameters={"n": 2},
    )
    house.wait(run)
    said = text_of(house.executed(run)).strip()
    assert said == f"True {run.id} 1 test {{'n': 2}} {run.logical_time}"


def test_stopping_hands_runs_back(house: House) -> None:
    """A stopped worker puts what it executes back into the queue, and another one takes it."""
    worker = house.worker()
    run, mark = sleeping(house)
    until(lambda: Path(mark).exists())
    worker.stop(0)
    assert not worker.alive
    assert house.get(run).state is RunState.QUEUED
    assert not left_of_attempts(house)
    house.worker()
    assert house.wait(run, RunState.RUNNING).attempt == 2


def test_a_run_that_ends_during_a_heartbeat_is_not_called_lost(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lease is gone because it has ended: nobody need look for who has taken it."""
    worker = house.worker()
    finish = house.store.finish

    def finish_and_beat(*names: Any, **values: Any) -> bool:
        held = finish(*names, **values)
        worker._beat()
        return held

    monkeypatch.setattr(worker._ledger, "finish", finish_and_beat)
    done = house.wait(house.add(notebook("print('once')")))
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 1)
    worker.stop()
    assert "lease.lost" not in caplog.text


def test_inv3_a_lost_lease_ends_the_attempt_without_a_word(house: House) -> None:
    """Who cannot renew its lease kills its child, and another worker's attempt is untouched."""
    worker = house.worker(lease_seconds=2.0)
    run, mark = sleeping(house)
    until(lambda: Path(mark).exists())
    away = pytest.MonkeyPatch()
    for method in ("heartbeat", "beat", "claim_runs", "claim_publications", "reap", "finish"):

        def unreachable(*_: object, **__: object) -> None:
            raise Unavailable("The database is away.")

        away.setattr(worker._ledger, method, unreachable, raising=False)
    try:
        until(lambda: not left_of_attempts(house))
        assert house.get(run).state is RunState.RUNNING  # nobody has said anything about it
    finally:
        away.undo()
    until(lambda: house.get(run).attempt == 2)
    assert house.store.attempts(run.id)[0].reason is Reason.WORKER_LOST


def test_slots_limit_what_runs_at_a_time(house: House) -> None:
    """One slot executes one run after the other."""
    house.worker(worker_slots=1)
    track = str(house.folder / "track")
    cell = (
        "import time\nwith open(track, 'a') as f: f.write('<')\ntime.sleep(0.3)\n"
        "with open(track, 'a') as f: f.write('>')"
    )
    nb = notebook(cell, parameters="track = ''")
    runs = [house.add(nb, parameters={"track": track}) for _ in range(2)]
    for run in runs:
        house.wait(run)
    assert Path(track).read_text() == "<><>"


def test_a_second_worker_leaves_the_first_ones_folders(house: House) -> None:
    """Clearing leftovers touches only what dead workers left."""
    house.worker()
    run, mark = sleeping(house)
    until(lambda: Path(mark).exists())
    house.worker()
    assert house.get(run).state is RunState.RUNNING
    assert left_of_attempts(house)


def test_a_worker_hears_of_a_run_that_another_process_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not look for that again and again."""
    monkeypatch.setattr(worker_module, "_POLL", 600.0)
    monkeypatch.setattr(worker_module, "_LONGEST_POLL", 600.0)
    house.worker()
    for _ in range(2):  # the first one could be found as the worker starts
        house.wait(house.add(notebook("1 + 1")), RunState.RUNNING, RunState.SUCCEEDED)
