"""Which failures are the same one."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_orch.domain.fingerprint import fingerprint, without_values
from jupyter_orch.domain.model import RunError

TRACEBACK = """\
---------------------------------------------------------------------------
KeyError                                  Traceback (most recent call last)
Cell In[3], line 2
      1 frame = load(day)
----> 2 frame.loc[origin]

File ~/reports/helpers.py:12, in pick(frame, origin)
     11 def pick(frame, origin):
---> 12     return frame.loc[origin]

File /opt/venv/lib/python3.11/site-packages/pandas/core/indexing.py:1191, in _LocIndexer.__getitem__(self, key)
-> 1191 return self._getitem_axis(maybe_callable, axis=axis)

KeyError: 'JFK'"""  # noqa: E501 - as IPython writes it
KEY_ERROR = RunError(
    name="KeyError",
    message="'JFK'",
    cell_index=6,
    traceback=TRACEBACK,
    cell_source="frame = load(day)\nframe.loc[origin]",
)
QUERY = 'TrinoUserError(type=USER_ERROR, name={}, message="line 1:15: {}", query_id={})'


def same(one: RunError, other: RunError, reason: str = "user_error") -> bool:
    """Whether two errors of one reason group."""
    return fingerprint(reason, one) == fingerprint(reason, other)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY_ERROR, message="'LGA'"),
        replace(KEY_ERROR, message="20261124"),
        replace(KEY_ERROR, message='"O\'Hare"'),
        replace(KEY_ERROR, cell_index=8),
        replace(KEY_ERROR, cell_source="frame = load(day)  \n\nframe.loc[origin]\n"),
        replace(KEY_ERROR, traceback=TRACEBACK.replace(":12,", ":14,").replace("In[3]", "In[33]")),
        replace(KEY_ERROR, traceback=TRACEBACK.replace("~/reports", "/home/ann/work")),
        replace(KEY_ERROR, traceback=TRACEBACK.replace("pandas/core", "pandas/_core")),
        replace(KEY_ERROR, traceback=TRACEBACK.replace("KeyError", "\x1b[31mKeyError\x1b[0m")),
    ],
)
def test_one_failure_on_two_days_is_the_same(other: RunError) -> None:
    """Another key, line, machine or version of a library makes no other failure."""
    assert same(KEY_ERROR, other)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY_ERROR, name="IndexError"),
        replace(KEY_ERROR, cell_source="frame.loc[carrier]"),
        replace(KEY_ERROR, message="not in index"),
        replace(KEY_ERROR, traceback=TRACEBACK.replace("in pick(", "in choose(")),
        replace(KEY_ERROR, traceback=TRACEBACK.replace("helpers.py", "other.py")),
    ],
)
def test_other_failures_are_others(other: RunError) -> None:
    """Another kind of error, cell, message or place in the author's code."""
    assert not same(KEY_ERROR, other)


def test_the_reason_counts() -> None:
    """A failed check is not the error that a notebook raises with the same words."""
    assert fingerprint("user_error", KEY_ERROR) != fingerprint("check_failed", KEY_ERROR)
    assert fingerprint(None, KEY_ERROR) != fingerprint("user_error", KEY_ERROR)


def test_a_query_of_another_id_is_the_same() -> None:
    """What Trino says names the query, which is another one in each run."""
    said = ("TABLE_NOT_FOUND", "Table 'x' does not exist")
    one, other = (
        RunError(name="TrinoUserError", message=QUERY.format(*said, query), cell_source="q()")
        for query in ("20261123_101010_00012_abcde", "20261124_060001_00007_zyxwv")
    )
    assert same(one, other)
    another = QUERY.format("SYNTAX_ERROR", "mismatched input", "20261123_101010_00012_abcde")
    assert not same(one, replace(one, message=another))


def test_a_kernel_out_of_memory_in_another_cell_is_another_failure() -> None:
    """The cell is what one has to look at."""
    one = RunError(
        name="OutOfMemory",
        message="The kernel was killed: it took more than the 512 MB that a run may.",
        cell_index=3,
        cell_source="rows = load()",
    )
    assert same(one, replace(one, message=one.message.replace("512", "2048")), "kernel_died")
    assert not same(one, replace(one, cell_source="rows * 2"), "kernel_died")
    assert not same(
        replace(one, cell_source=""), replace(one, cell_source="", cell_index=4), "kernel_died"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no rows for 2013-02-14", "no rows for 2026-11-26T10:00:00.5+01:00"),
        ("<Thing object at 0x7f3a2b>", "<Thing object at 0xdeadbeef>"),
        ("got [1, 2, 3]", "got [4]"),
        ("took 1.5e-3 s", "took 12 s"),
        ("run 01j9zq6y3v8m5r2k7t4w1x0abc", "run 01k3zq6y3v8m5r2k7t4w1x0abd"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id abcdefab-abcd-abcd-abcd-abcdefabcdef"),
        ("no file /tmp/tmpab_cdef/a.csv", "no file /srv/data/b.csv"),
        ("https://a.example/x/y failed", "https://b.example/z/y failed"),
        ("on Thu, 26 Nov 2026", "on Fri, 27 Nov 2026"),
        ("can't read 'a'", "can't read 'b c'"),
        ("expected int64", "expected int32"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(one: str, other: str) -> None:
    """Numbers, ids, times, addresses, paths and quoted values."""
    assert without_values(one) == without_values(other)


def test_words_stay() -> None:
    """What is left still says what went wrong, also round an apostrophe."""
    assert without_values("can't read 'a' of 3 files") == "can't read · of · files"
    assert without_values("name 'x' is not defined") == "name · is not defined"


@given(st.text(), st.text(), st.integers(), st.integers())
def test_any_values_group(one: str, other: str, first: int, second: int) -> None:
    """As Python quotes them, they make no difference."""
    said = "no {!r} in the {} rows of the day"
    assert without_values(said.format(one, abs(first))) == without_values(
        said.format(other, abs(second))
    )


@given(st.text(max_size=200))
def test_it_takes_whatever_a_notebook_says(text: str) -> None:
    """And what it has left out of a message once, it leaves out again the same."""
    once = without_values(text)
    assert without_values(once) == once
    error = RunError(name=text, message=text, traceback=text, cell_source=text)
    assert len(fingerprint("user_error", error)) == len(fingerprint(None, KEY_ERROR))


def test_long_and_nasty_texts_have_a_fingerprint_like_others() -> None:
    """They are no way to keep a service busy: a step too many would take longer than a test may."""
    nasty = "'" * 200_000, '"\\' * 100_000, "/a" * 100_000, "1 " * 100_000, "·, " * 100_000
    usual = fingerprint("user_error", KEY_ERROR)
    for text in nasty:
        found = fingerprint("user_error", replace(KEY_ERROR, message=text, traceback=text))
        assert len(found) == len(usual)
        assert found != usual


def test_it_is_the_same_in_every_process() -> None:
    """It is stored: neither the hash seed nor the machine may change it."""
    code = (
        "from jupyter_orch.domain.fingerprint import fingerprint;"
        "from jupyter_orch.domain.model import RunError;"
        "print(fingerprint('user_error', RunError(name='KeyError', message=\"'é'\","
        " cell_index=1, cell_source='x[1]')))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "random")
    }
    assert said == {"d289eaaaa469b393"}
