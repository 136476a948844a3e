"""Notebooks of another language: a real Java kernel, which knows nothing of Python or of us."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import Reason, RunState

from .conftest import House, left_of_attempts, notebook, text_of, until
from .test_execution_papermill import papermill, result, timeless

SCRIPT = Path(__file__).parents[3] / "scripts" / "java_kernel.py"
_NO_PARTS = 3
#: A kernel that has executed something and then never ends its cell.
ENDLESS = (
    'System.out.println("begun");\n'
    "java.nio.file.Files.createFile(java.nio.file.Path.of(mark));\n"
    "while (true) { Thread.sleep(20); }"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Jupyter's path with the kernel `java`; skips when it cannot be had."""
    folder = tmp_path_factory.mktemp("jupyter")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == _NO_PARTS:
        pytest.skip(f"java kernel: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def java_house(house: House, kernels: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose Jupyter has this kernel."""
    monkeypatch.setenv("JUPYTER_PATH", str(kernels))
    return house


def java(*sources: str, parameters: str | None = None) -> Any:
    """A notebook for it, as JupyterLab saves one."""
    nb = notebook(*sources, parameters=parameters, name="java", language="java")
    nb.metadata["kernelspec"]["display_name"] = "Java"
    nb.metadata["language_info"] = {"name": "java", "file_extension": ".java"}
    return nb


def shown(nb: Any) -> str:
    """Everything that its cells printed and returned: the kernel answers in HTML."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    results = (output.get("data", {}).get("text/html", "") for output in outputs)
    return text_of(nb) + "".join(results)


def endless(house: House, *, policies: Policies | None = None) -> tuple[Run, Path]:
    """A run that never ends, and the file that it makes once it is in its last cell."""
    mark = house.folder / "mark"
    nb = java('System.out.println("first");', ENDLESS, parameters='String mark = "";')
    return house.add(nb, parameters={"mark": str(mark)}, policies=policies), mark


def test_parameters_and_outputs(java_house: House) -> None:
    """Values have the types that the notebook declares, and whatever they hold is text."""
    java_house.worker()
    hostile = '"; System.exit(3); // \\u0022 \\ é\n\t\x00\x7f'
    cell = (
        "import java.time.LocalDate;\n"
        "int n = 1;\ndouble rate = 0.5;\nlong big = 1;\nString text = null;\nboolean on = false;\n"
        "List<Double> shares = List.of();\nLocalDate day = LocalDate.of(2013, 1, 1);\n"
        "int[] hours = {};\nMap<String, Integer> counts = Map.of();"
    )
    run = java_house.add(
        java(
            "System.out.println(text);",
            'System.out.println(n / 2 + " " + rate / 4 + " " + big * 2_000_000_000 + \' \' + on);',
            "System.out.println(shares.get(0) / 2 + \" \" + day.plusDays(1) + ' ' + hours.length);",
            'System.out.println(counts.get("a") + " " + other.get(1) + " " + nothing + deep);',
            parameters=cell,
        ),
        parameters={
            "n": 7,
            "rate": 2,
            "big": 5,
            "text": hostile,
            "on": True,
            "shares": [1, 2.5],
            "day": "2013-02-28",
            "hours": [6, 18],
            "counts": {"a": 4, "b": -(2**31)},
            "other": ["x", "y", None],
            "nothing": None,
            "deep": {"k": [1, "two"]},
        },
    )
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.SUCCEEDED, None), done.error
    nb = java_house.executed(run)
    assert nb.cells[1].metadata.tags == ["injected-parameters"]
    assert nb.cells[2].outputs[0].text == hostile + "\n"
    assert [cell.outputs[0].text for cell in nb.cells[3:]] == [
        "3 0.5 10000000000 true\n",
        "0.5 2013-03-01 2\n",
        "4 y null{k=[1, two]}\n",
    ]
    assert nb.metadata.language_info.name == "java"
    assert "kernel.stock" in java_house.log(run)
    assert not left_of_attempts(java_house)


def test_a_cell_that_throws_fails_the_run(java_house: House) -> None:
    """Name, message, cell and a traceback without colours; later cells do not run."""
    java_house.worker()
    nb = java(
        'System.out.println("kept");',
        'int[] three = new int[3];\nthrow new IllegalStateException("no " + three.length);',
        'System.out.println("never");',
    )
    run = java_house.add(nb)
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert done.error is not None
    assert (done.error.name, done.error.message) == ("EvalException", "no 3")
    assert "java.lang.IllegalStateException: no 3" in done.error.traceback
    assert "\x1b" not in done.error.traceback
    executed = java_house.executed(run)
    assert executed.cells[done.error.cell_index].source == nb.cells[1].source
    assert "kept" in shown(executed)
    assert "never" not in shown(executed)
    assert not left_of_attempts(java_house)


def test_what_does_not_compile_fails_the_run(java_house: House) -> None:
    """The compiler's words are in the traceback, also when a value is of another type."""
    java_house.worker()
    run = java_house.add(java("n + 1", parameters="int n = 1;"), parameters={"n": "five"})
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert done.error is not None
    assert done.error.name == "CompilerException"
    assert "cannot be converted to int" in done.error.traceback
    assert "\x1b" not in done.error.traceback


def test_a_cell_that_takes_too_long_ends_the_run(java_house: House) -> None:
    """The reason is cell_timeout; the process is gone."""
    java_house.worker()
    run, _ = endless(java_house, policies=Policies(cell_timeout_seconds=4.0))
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.CELL_TIMEOUT)
    assert done.error is not None
    assert java_house.executed(run).cells[done.error.cell_index].source == ENDLESS
    assert "begun" in shown(java_house.executed(run))
    assert not left_of_attempts(java_house)


def test_a_cancelled_run_keeps_its_partial_notebook(java_house: House) -> None:
    """The kernel is interrupted as it wants to be, and no process is left."""
    worker = java_house.worker()
    run, mark = endless(java_house)
    until(mark.exists)
    java_house.store.request_cancel(run.id, user="tester")
    worker.wake()
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    text = shown(java_house.executed(run))
    assert "first" in text
    assert "begun" in text
    assert not left_of_attempts(java_house)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGABRT])
def test_inv7_a_killed_kernel_is_told_as_such(java_house: House, signum: signal.Signals) -> None:
    """The reason is kernel_died, and the message names the signal."""
    java_house.worker()
    run, mark = endless(java_house)
    until(mark.exists)
    (kernel,) = [
        process
        for process in psutil.Process().children(recursive=True)
        if "org.rapaio.jupyter.kernel.MainApp" in process.cmdline()
    ]
    kernel.send_signal(signum)
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.KERNEL_DIED)
    assert done.error is not None
    assert done.error.name == "KernelDied"
    assert signum.name in done.error.message
    assert java_house.executed(run).cells[done.error.cell_index].source == ENDLESS
    assert not left_of_attempts(java_house)


def test_a_notebook_that_ends_its_own_kernel(java_house: House) -> None:
    """The message has the exit status."""
    java_house.worker()
    run = java_house.add(java("System.exit(3);"))
    done = java_house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.KERNEL_DIED)
    assert done.error is not None
    assert "exit status 3" in done.error.message


@pytest.mark.parametrize("failing", [False, True])
def test_inv12_java_gives_the_cells_that_papermill_gives(java_house: House, failing: bool) -> None:
    """Worker, engine and plain papermill write equal notebooks of what papermill can do alone."""
    nb = java(
        'System.out.println("out"); System.err.println("err");',
        "n * 14",
        *(['throw new RuntimeException("no");', "2"] if failing else []),
        parameters="int n = 3;",
    )
    nb.cells.insert(1, nbformat.v4.new_markdown_cell("# Words"))
    plain = papermill(java_house, nb, engine=None, name="plain")
    ours = papermill(java_house, nb, name="ours")
    assert plain.returncode == ours.returncode == int(failing), ours.stderr
    expected = timeless(result(java_house, "plain"))
    assert timeless(result(java_house, "ours")) == expected

    java_house.worker()
    run = java_house.add(nb, notebook=str(java_house.folder / "in.ipynb"))
    java_house.wait(run)
    assert timeless(java_house.executed(run)) == expected


def test_the_engine_gives_parameters_as_the_worker_does(java_house: House) -> None:
    """Papermill alone learns its words for Java from us."""
    nb = java(
        'System.out.println(rate / 4 + " " + who);', parameters='double rate = 1; String who = "";'
    )
    given = ["-p", "rate", "2", "-p", "who", 'a"b']
    plain = papermill(java_house, nb, *given, engine=None, name="plain")
    assert plain.returncode == 0, plain.stderr
    ours = papermill(java_house, nb, *given, name="ours")
    assert ours.returncode == 0, ours.stderr
    assert '0.5 a"b' in shown(result(java_house, "ours"))
    (recorded,) = java_house.store.list_runs(DEFAULT_TEAM).items
    assert recorded.parameters == {"rate": 2, "who": 'a"b'}

    java_house.worker()
    run = java_house.add(nb, parameters={"rate": 2, "who": 'a"b'})
    java_house.wait(run)
    sources = [cell.source for cell in java_house.executed(run).cells]
    assert sources == [cell.source for cell in result(java_house, "ours").cells]
    assert sources[1] == '// Parameters\ndouble rate = 2.0;\nString who = "a\\"b";\n'
