"""What a message says: one about a run, or a digest of many. Text of strangers is only text."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from jupyter_orch.domain.model import Json, Notice
from jupyter_orch.notify.groups import fact, group

MOST_SHOWN = 20  # runs that a mail tells of one by one
MOST_ITEMS = 100  # runs that the body of a webhook holds
LONGEST_SUBJECT = 150  # characters
LONGEST_ALONE = 2000  # characters of the error in a message about one run
LONGEST_IN_DIGEST = 300  # characters of each error in a digest
_PREFIX = "[jupyter_orch] "
_WORDS = {"failed": "failed", "recovered": "recovered", "late": "is late"}
_COUNTED = {"late": "late"}
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one target."""

    #: The same for the same notices: whoever gets a message twice can see that.
    id: str
    subject: str
    text: str
    html: str
    #: The runs as JSON, at most `MOST_ITEMS` of them.
    items: tuple[dict[str, Json], ...]
    #: How many runs it tells of.
    total: int


def compose(notices: Sequence[Notice], *, link_base: str = "") -> Message:
    """The message about all of the notices; about none: a test."""
    shown = group(notices)[:MOST_SHOWN]
    longest = LONGEST_ALONE if len(notices) == 1 else LONGEST_IN_DIGEST
    paragraphs = [_paragraph(each, link_base, longest) for each in shown]
    subject = _subject(notices)
    head = "" if len(notices) == 1 else subject  # one run has its own first line
    left_out = len(notices) - sum(map(len, shown))
    end = f"… and {left_out} more." if left_out else ""
    return Message(
        id=_id(notices),
        subject=_PREFIX + subject,
        text="\n\n".join(filter(None, [head, *("\n".join(lines) for lines in paragraphs), end])),
        html=_html(head, paragraphs, end),
        items=tuple(_item(each, link_base) for each in notices[:MOST_ITEMS]),
        total=len(notices),
    )


def line(value: object, longest: int = 200) -> str:
    """Any value as one line of text that fits into a header."""
    return " ".join(_clean(value, longest).split())


def _clean(value: object, longest: int) -> str:
    """Text without colours, control characters, and passwords in URLs."""
    text = _CREDENTIALS.sub("***@", _COLOURS.sub("", str(value)))
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
    return text if len(text) <= longest else text[:longest] + "…"


def _id(notices: Sequence[Notice]) -> str:
    named = "\n".join(f"{each.run_id} {each.kind} {each.target}" for each in notices)
    known = named or datetime.now(UTC).isoformat()
    return hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:32]


def _subject(notices: Sequence[Notice]) -> str:
    if not notices:
        return "A test: messages arrive here"
    if len(notices) == 1:
        return line(_headline(notices[0]), LONGEST_SUBJECT)
    counts = Counter(line(each.kind, 20) for each in notices)
    words = [f"{count} {_COUNTED.get(kind, kind)}" for kind, count in counts.most_common()]
    first, _, rest = words[0].partition(" ")
    words[0] = f"{first} run{'' if first == '1' else 's'} {rest}"
    jobs = {each.job_name for each in notices}
    whose = f"{line(jobs.pop(), 80)}: " if len(jobs) == 1 else ""
    return line(whose + ", ".join(words), LONGEST_SUBJECT)


def _headline(notice: Notice) -> str:
    return f"{line(notice.job_name, 80)} {_WORDS.get(notice.kind) or line(notice.kind, 20)}"


def _paragraph(notices: Sequence[Notice], link_base: str, longest: int) -> list[str]:
    """Lines about one run, or about equal failures; the first one says it all."""
    last = notices[-1]
    reason = fact(last, "reason")
    lines = [_headline_of(notices) + (f": {line(reason, 50)}" if reason else "")]
    about = [f"due {_time(fact(last, 'logical_time'))}"]
    if attempt := fact(last, "attempt"):
        about.append(f"attempt {line(attempt, 10)}")
    the_last = "the last one: " if len(notices) > 1 else ""
    lines.append(the_last + ", ".join([*about, f"run {line(last.run_id, 40)}"]))
    error = fact(last, "error")
    if isinstance(error, dict):
        cell = error.get("cell_index")
        where = f" (cell {cell + 1})" if isinstance(cell, int) else ""
        said = f"{error.get('name', '')}{where}: {error.get('message', '')}"
        lines.append(_clean(said, longest))
        if place := line(error.get("place") or ""):
            lines.append(place)
    if link_base:
        lines.append(link_base + line(last.run_id, 40))
    if last.kind == "failed":
        lines.append(_command(notices))
    return lines


def _headline_of(notices: Sequence[Notice]) -> str:
    if len(notices) == 1:
        return _headline(notices[0])
    jobs = {each.job_name for each in notices}
    first = line(notices[-1].job_name, 80)
    others = "" if len(jobs) == 1 else f" and {_jobs(len(jobs) - 1)}"
    return f"{first}{others} failed in the same way {len(notices)} times"


def _jobs(count: int) -> str:
    return f"{count} other job{'' if count == 1 else 's'}"


def _command(notices: Sequence[Notice]) -> str:
    """What to type to see more."""
    if len(notices) == 1:
        return f"jupyter orch show {line(notices[0].run_id, 40)}"
    return f"jupyter orch runs --fingerprint {line(fact(notices[0], 'fingerprint'), 40)}"


def _time(value: object) -> str:
    try:
        at = datetime.fromisoformat(str(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        return "at an unknown time"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _html(head: str, paragraphs: Sequence[Sequence[str]], end: str) -> str:
    parts = [f"<h3>{escape(head)}</h3>" if head else ""]
    for first, *others in paragraphs:
        inside = "<br>".join(_rich(each) for each in others)
        parts.append(f"<p><b>{escape(first)}</b><br>{inside}</p>")
    parts.append(f"<p>{escape(end)}</p>" if end else "")
    return f"<!doctype html><html><body>{''.join(parts)}</body></html>"


def _rich(text: str) -> str:
    safe = escape(text)
    if re.fullmatch(r"https?://\S+", text):
        return f'<a href="{safe}">{safe}</a>'
    return safe.replace("\n", "<br>")


def _item(notice: Notice, link_base: str) -> dict[str, Json]:
    facts: dict[str, Any] = notice.facts if isinstance(notice.facts, dict) else {}
    error = facts.get("error")
    cell = error.get("cell_index") if isinstance(error, dict) else None
    return {
        "kind": line(notice.kind, 20),
        "job": line(notice.job_name),
        "job_id": notice.job_id,
        "run_id": notice.run_id,
        "state": facts.get("state"),
        "reason": facts.get("reason"),
        "error": {
            "name": line(error.get("name", "")),
            "message": _clean(error.get("message", ""), LONGEST_ALONE),
            "cell": cell + 1 if isinstance(cell, int) else None,
            "place": line(error.get("place") or "") or None,
        }
        if isinstance(error, dict)
        else None,
        "fingerprint": facts.get("fingerprint"),
        "logical_time": facts.get("logical_time"),
        "attempt": facts.get("attempt"),
        "noted_at": notice.created_at.isoformat(),
        "link": link_base + notice.run_id if link_base else None,
        "command": _command([notice]) if notice.kind == "failed" else None,
    }
