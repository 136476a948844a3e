"""A traceback as frames: which are the notebook's, which those of libraries.

Read are the formats of IPython and of Python itself. Of any other language all is words.
"""

import re
from dataclasses import dataclass
from typing import Literal

FrameKind = Literal["cell", "module", "library", "words"]

_HEADS = (
    # IPython: `Cell In[3], line 4`, `Cell In[2], line 5, in load(path)`, `Input In [3], in f()`
    re.compile(
        r"^\s*(?P<cell>Cell|Input) In ?\[[^\]]*\](?:, line (?P<line>\d+))?(?:, in (?P<in>.+))?$"
    ),
    # IPython: `File ~/helpers.py:12, in load(path)`
    re.compile(r"^File (?P<file>.+?):(?P<line>\d+)(?:, in (?P<in>.+))?$"),
    # Python: `  File "/srv/helpers.py", line 12, in load`
    re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<in>.+))?$'),
    # IPython before 8: `~/helpers.py in load(path)`, `<ipython-input-3-abc> in <module>`
    re.compile(r"^(?P<file>[~/][^\s:]*\.py|<ipython-input-[^>]+>) in (?P<in>.+)$"),
)
_MARKED = re.compile(r"^-+> ?(?P<line>\d+)(?: (?P<code>.*))?$")
_CELL_FILE = re.compile(r"<ipython-input-|/ipykernel_\d+/\d+\.py$")
#: Compiled modules name their sources without a folder.
_LIBRARY = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/python\d|/python\d[^/]*/lib/|^(?![~/]|\w:/)"
    r"|/jupyter_orch/(?:domain|execution|kernel|warehouse)/",
    re.IGNORECASE,
)
_RULE = re.compile(r"-{20,}$")
_BEGINNING = re.compile(r"^(?:[\w.]+ +)?Traceback \(most recent call last\):?$")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A part of a traceback, in the order in which it is written."""

    #: A cell of the notebook, a module of its author, a library, or words between frames.
    kind: FrameKind
    #: All of its lines.
    text: str
    #: The file; empty for a cell.
    file: str = ""
    #: The function, without its arguments; empty at the top of a cell or module.
    function: str = ""
    #: The line that was executed, from 1.
    line: int | None = None
    #: Which exception of a chain it is of, from 0: the last one ended the cell.
    exception: int = 0

    @property
    def yours(self) -> bool:
        """Whether who wrote the notebook wrote this."""
        return self.kind in {"cell", "module"}

    @property
    def code(self) -> str:
        """The line that was executed, as far as the traceback shows it."""
        _, *lines = self.text.split("\n")
        for line in lines:
            if marked := _MARKED.match(line):
                return (marked["code"] or "").strip()
        return lines[0].strip() if lines and lines[0].startswith("    ") else ""


def read_frames(traceback: str) -> tuple[Frame, ...]:
    """The parts of a traceback; together they hold all that it says, but for its headlines."""
    found: list[_Part] = []
    exception = -1
    for line in traceback.split("\n"):
        if _RULE.match(line):
            continue
        if _BEGINNING.match(line):
            exception += 1
            found.append(_Part(None, [], exception))
            continue
        head = next((match for each in _HEADS if (match := each.match(line))), None)
        if head is not None:
            found.append(_Part(head, [line], max(exception, 0)))
        elif found and found[-1].goes_on_with(line):
            found[-1].lines.append(line)
        else:
            found.append(_Part(None, [line], max(exception, 0)))
    frames = (each.frame() for each in found)
    return tuple(each for each in frames if each.text)


def error_line(frames: tuple[Frame, ...]) -> int | None:
    """The line of the failing cell, from 1, that the traceback says it was."""
    last = frames[-1].exception if frames else 0
    of_last = (each for each in frames if each.exception == last and each.kind != "words")
    first = next(of_last, None)
    return first.line if first and first.kind == "cell" else None


def place_of(traceback: str) -> str:
    """The innermost line of the notebook's author, on one line of text; else the last words."""
    frames = read_frames(traceback)
    innermost = next((each for each in reversed(frames) if each.yours), None)
    if innermost is None:
        lines = [line for line in traceback.split("\n") if line.strip()]
        return lines[-1].strip() if lines else ""
    head, _, _ = innermost.text.partition("\n")
    return f"{head.strip()}: {innermost.code}" if innermost.code else head.strip()


@dataclass
class _Part:
    head: re.Match[str] | None
    lines: list[str]
    exception: int

    def goes_on_with(self, line: str) -> bool:
        """Whether a line that begins no frame belongs to this part."""
        return self.head is None or (line[:1] in {" ", "\t", "-"} and bool(line.strip()))

    def frame(self) -> Frame:
        text = "\n".join(self.lines).strip("\n")
        if self.head is None:
            return Frame(kind="words", text=text.strip(), exception=self.exception)
        given = self.head.groupdict()
        file = (given.get("file") or "").replace("\\", "/")
        kind: FrameKind = "module"
        if given.get("cell") or _CELL_FILE.search(file):
            kind, file = "cell", ""
        elif _LIBRARY.search(file):
            kind = "library"
        return Frame(
            kind=kind,
            text=text,
            file=file,
            function=_function(given.get("in") or ""),
            line=int(given["line"]) if given.get("line") else self._marked(),
            exception=self.exception,
        )

    def _marked(self) -> int | None:
        found = (match for line in self.lines if (match := _MARKED.match(line)))
        return next((int(match["line"]) for match in found), None)


def _function(said: str) -> str:
    name = said.partition("(")[0].strip()
    return "" if name.startswith(("<module", "<cell line")) else name
