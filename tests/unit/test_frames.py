"""Tracebacks as frames: whose they are, and which line it was."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_orch.domain.frames import error_line, place_of, read_frames

CHAIN = """\
---------------------------------------------------------------------------
KeyError                                  Traceback (most recent call last)
File /opt/venv/lib/python3.11/site-packages/pandas/core/indexes/base.py:3816, in Index.get_loc(self)
   3815 try:
-> 3816     return self._engine.get_loc(casted_key)

File pandas/_libs/index.pyx:172, in pandas._libs.index.IndexEngine.get_loc()
--> 172 'Could not get source, probably due dynamically evaluated source code.'

KeyError: 'x'

The above exception was the direct cause of the following exception:

KeyError                                  Traceback (most recent call last)
Cell In[3], line 2
      1 found = 1
----> 2 pick(frame, 'x')

Cell In[2], line 2, in pick(frame, key)
      1 def pick(frame, key):
----> 2     return frame.loc[key]

File ~/reports/helpers.py:12, in load.<locals>.inner(path)
     11 pass
---> 12     return 1

File /opt/venv/lib/python3.11/site-packages/pandas/core/indexing.py:1342, in _Indexer.get(self, key)
-> 1342 return self._getitem_axis(maybe_callable, axis=axis)

KeyError: 'x'"""
PLAIN = """\
Traceback (most recent call last):
  File "/home/ann/job.py", line 3, in <module>
    main()
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError
           ^^^^^^^^^^^^^^^
ValueError: no"""
OLD = """\
KeyError                                  Traceback (most recent call last)
Input In [4], in <cell line: 2>()
      1 x = 1
----> 2 f(x)

/tmp/ipykernel_12/345.py in f(x)
----> 7     return {}[x]

~/lib/other.py in g()
      1 pass
"""


def test_frames_of_a_chain() -> None:
    """Cells and modules are the author's; installed and compiled files are libraries'."""
    frames = [each for each in read_frames(CHAIN) if each.kind != "words"]
    assert [(each.kind, each.function, each.line, each.exception) for each in frames] == [
        ("library", "Index.get_loc", 3816, 0),
        ("library", "pandas._libs.index.IndexEngine.get_loc", 172, 0),
        ("cell", "", 2, 1),
        ("cell", "pick", 2, 1),
        ("module", "load.<locals>.inner", 12, 1),
        ("library", "_Indexer.get", 1342, 1),
    ]
    assert [each.text.split("\n")[0] for each in read_frames(CHAIN) if each.kind == "words"] == [
        "KeyError: 'x'",
        "KeyError: 'x'",
    ]
    assert frames[4].code == "return 1"


def test_the_line_is_that_of_the_exception_that_ended_the_cell() -> None:
    """Not of the one that it was raised from; unknown where no cell is named."""
    assert error_line(read_frames(CHAIN)) == 2
    assert error_line(read_frames(PLAIN)) is None
    assert error_line(read_frames("  Cell In[1], line 2\n    1 +\n       ^\nSyntaxError: no")) == 2
    assert error_line(()) is None


def test_other_ways_of_writing_them() -> None:
    """Python's own, and IPython's of some years ago."""
    assert [(each.kind, each.function, each.line) for each in read_frames(PLAIN)] == [
        ("module", "", 3),
        ("library", "raw_decode", 355),
        ("words", "", None),
    ]
    assert [(each.kind, each.function, each.line) for each in read_frames(OLD)] == [
        ("cell", "", 2),
        ("cell", "f", 7),
        ("module", "g", None),
    ]


def test_the_place_is_the_innermost_line_of_the_author() -> None:
    """Of no known frame it is the last line that there is."""
    assert place_of(CHAIN) == "File ~/reports/helpers.py:12, in load.<locals>.inner(path): return 1"
    assert place_of(PLAIN) == 'File "/home/ann/job.py", line 3, in <module>: main()'
    assert place_of("Killed\nby the system\n\n") == "by the system"
    assert place_of("") == ""


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Nothing that is said gets lost, whatever it is."""
    said = "".join(each.text for each in read_frames(text))
    assert [c for c in said if c.isalnum()] == [c for c in text if c.isalnum()]
