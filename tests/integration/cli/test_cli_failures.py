"""What a person sees of a run that failed, in a shell."""

import pytest

LOAD = "import pandas as pd\nframe = pd.DataFrame({'n': [1]}, index=['EWR'])"
ASK = "import jupyter_orch as orch\ncursor = orch.connect().cursor()\ncursor.execute('SELECT 1')"
PICK = "def pick(frame, key):\n    return frame.loc[key]"
FAIL = "found = 1\npick(frame, origin)  # [red]not markup[/red]"
ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def failed(served) -> dict:
    """Its run, twice with different parameters; the answer is that of the last one."""
    served.write("flights.ipynb", LOAD, ASK, PICK, FAIL, parameters="origin: str = 'JFK'")
    assert served.shell("schedule", "flights.ipynb").returncode == 0
    first = served.shell("run", "flights", "--wait", "--json")
    assert first.returncode == 1
    last = served.shell("run", "flights", "-p", "origin", "LGA", "--wait")
    assert last.returncode == 1
    assert "KeyError: 'LGA'" in last.stdout
    assert "Run it again: jupyter orch rerun " in last.stdout
    return served.json("runs", "flights")["items"][0]


def test_a_failed_run_is_shown_with_all_that_helps(served, failed) -> None:
    """Cell and source, error, folded traceback, parameters, queries, log, and what to type next."""
    said = served.shell("show", failed["id"])
    assert said.returncode == 0, said.stderr
    out = said.stdout
    assert ESCAPE not in out
    head, _, rest = out.partition("\ncell ")
    assert "✕ failed user_error flights" in head
    assert "origin=LGA" in head
    (query,) = served.json("show", failed["id"])["queries"]
    assert query in head
    number, _, source = rest.partition("\n")
    assert number == str(failed["error"]["cell_index"] + 1)
    assert "    1 found = 1\n→   2 pick(frame, origin)  # [red]not markup[/red]\n" in source
    assert "\nKeyError: 'LGA'\n" in source
    assert "return frame.loc[key]" in source
    assert "frames of libraries" in source
    assert "site-packages" not in source
    assert "2 of the last 2 runs, 2 since " in source
    assert "attempt.ended" in source
    assert source.rstrip().endswith(f"Run it again: jupyter orch rerun {failed['id']}")
    assert "site-packages" in served.shell("show", failed["id"], "--full").stdout


def test_what_is_stored_has_no_terminal_codes(served, failed) -> None:
    """In the error, its source and the log."""
    detail = served.json("show", failed["id"])
    error = detail["run"]["error"]
    assert error["cell_source"] == FAIL
    assert [each["error"] for each in detail["attempts"]] == [error]
    log = served.json("logs", failed["id"])
    assert ESCAPE not in str([detail, log])
    assert "\\x1b" not in repr([detail, log])


def test_frames_are_told_apart(served, failed) -> None:
    """The notebook's cells are the author's, pandas is a library; the failing line is known."""
    failure = served.json("show", failed["id"])["failure"]
    frames = [frame for frame in failure["frames"] if frame["kind"] != "words"]
    yours = [frame for frame in frames if frame["kind"] != "library"]
    assert [(frame["kind"], frame["function"]) for frame in yours] == [
        ("cell", ""),
        ("cell", "pick"),
    ]
    assert {
        "site-packages" in frame["file"] or frame["file"].endswith((".pyx", ".pxi"))
        for frame in frames
        if frame not in yours
    } == {True}
    assert failure["error_line"] == 2


def test_equal_failures_are_one_line(served, failed) -> None:
    """And its runs are found by the fingerprint."""
    fingerprint = served.json("show", failed["id"])["failure"]["history"]["fingerprint"]
    (group,) = [
        each for each in served.json("failures")["items"] if each["fingerprint"] == fingerprint
    ]
    assert (group["count"], group["jobs"], group["last_run_id"]) == (2, ["flights"], failed["id"])
    said = served.shell("failures", "--since", "1h")
    assert "KeyError: 'LGA'" in said.stdout
    for arguments in (["flights"], []):
        listed = served.json("runs", *arguments, "--fingerprint", fingerprint)["items"]
        assert [each["parameters"] for each in listed] == [{"origin": "LGA"}, {}]
    refused = served.shell("runs", "--fingerprint", fingerprint, "--state", "failed")
    assert refused.returncode == 2
    assert "field: fingerprint" in refused.stderr


def test_what_is_neither_a_job_nor_a_run(served) -> None:
    """Is said to be neither."""
    said = served.shell("show", "nothing")
    assert said.returncode == 3
    assert "There is no job and no run nothing." in said.stderr
    assert served.shell("failures", "--since", "soon").returncode == 2
