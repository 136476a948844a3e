"""Whether two failures are the same one: equal fingerprints mean yes.

A fingerprint is made of why the run failed, the kind of error, the cell's source, the innermost
frames of the notebook's author, and the message without what differs from run to run: quoted
values, numbers, ids, times, addresses and paths. It is the same in every process, on every machine
and in every job with that cell. It is stored: another way of making it is another `_VERSION`, and
failures of both sides of it do not group.
"""

import hashlib
import json
import re

from jupyter_orch.domain.frames import read_frames
from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.text import plain

_VERSION = 1
_LENGTH = 16  # hexadecimal digits
_FRAMES = 3
_READ = 4_000  # characters of a message that are looked at
_KEPT = 1_000  # characters of what is left of it
_VALUE = "·"
#: What differs from run to run. The outermost quotes come first: all between them is one value.
_VALUES = re.compile(
    r"(?<!\w)'(?:[^'\\\n]|\\.){0,500}'(?!\w)"  # bounded, or what never ends takes for ever
    r'|(?<!\w)"(?:[^"\\\n]|\\.){0,500}"(?!\w)'
    r"|`[^`\n]{0,500}`"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|(?:\b\w{1,20}:/)?(?:/[\w.@~+%-]+){2,}/?"
    r"|[-+]?\b\w*\d\w*"
    r"|\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b"
    r"|\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
)
#: Dates, versions and lists of values are one value, however many there are.
_ROW_OF_VALUES = re.compile(rf"{_VALUE}(?:[\s.:,;/+-]*{_VALUE})+")


def fingerprint(reason: str | None, error: RunError) -> str:
    """The same for equal failures.

    Args:
        reason: Why the run failed.
        error: What is known of it.
    """
    frames = [
        [each.kind, each.file.rpartition("/")[2], each.function]
        for each in read_frames(error.traceback)
        if each.yours
    ]
    where: str | int | None = _normal_source(error.cell_source) or error.cell_index
    parts = [
        _VERSION,
        reason and str(reason),
        error.name,
        where,
        frames[-_FRAMES:],
        without_values(error.message),
    ]
    said = json.dumps(parts, ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()[:_LENGTH]


def without_values(message: str) -> str:
    """The message with one dot in place of whatever differs from run to run."""
    text = _VALUES.sub(_VALUE, plain(message[:_READ]))
    return " ".join(_ROW_OF_VALUES.sub(_VALUE, text).split())[:_KEPT]


def _normal_source(source: str) -> str:
    """Without blank lines and blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in source.splitlines() if line.strip())
