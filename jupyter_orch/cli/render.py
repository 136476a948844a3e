"""How things look in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jupyter_orch.domain.states import GLYPHS

_COLOURS = {
    "running": "cyan",
    "publishing": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "paused": "yellow",
}
PIPE_WIDTH = 240  # columns where nobody looks: a line per row for grep
_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


def console() -> Console:
    """The terminal, or plain text where there is none."""
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    return out


def state(name: str, reason: str | None = None) -> str:
    """A state as glyph and word, never colour alone."""
    colour = _COLOURS.get(name, "default")
    why = f" [dim]{reason}[/dim]" if reason else ""
    return f"[{colour}]{GLYPHS.get(name, '?')} {name}[/{colour}]{why}"


def checks(results: Sequence[Mapping[str, Any]]) -> str:
    """Whether a version's checks hold: glyph and number, never colour alone."""
    failed = sum(not item["passed"] for item in results)
    if failed:
        return f"[yellow]⚠ {failed} of {len(results)}[/yellow]"
    return f"[green]✓ {len(results)}[/green]" if results else "-"


def moment(text: str | None) -> str:
    """An instant on this machine's clock, with its distance from UTC."""
    if not text:
        return "-"
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def local(text: str) -> str:
    """An instant on the clock that it names, with its distance from UTC."""
    at = datetime.fromisoformat(text)
    return at.strftime("%a %Y-%m-%d %H:%M:%S %z" if at.second else "%a %Y-%m-%d %H:%M %z")


def there(text: str, zone: str) -> str:
    """An instant on the clock of a time zone."""
    return local(datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).isoformat())


def until(text: str | None) -> str:
    """How far away an instant is, with the instant."""
    if not text:
        return "-"
    seconds = (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()
    return f"{moment(text)} [dim](in {span(max(seconds, 0))})[/dim]"


def duration(start: str | None, end: str | None) -> str:
    """How long something took, or has taken so far."""
    if not start:
        return "-"
    last = datetime.fromisoformat(end) if end else datetime.now(UTC)
    return span((last - datetime.fromisoformat(start)).total_seconds())


def span(seconds: float) -> str:
    """A length of time for people: `1.8 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds < 10:  # noqa: PLR2004 - below it a tenth matters
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def values(mapping: Mapping[str, Any]) -> str:
    """Parameters on one line."""
    return escape(", ".join(f"{name}={value}" for name, value in mapping.items())) or "-"


def grid(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, nothing: str) -> None:
    """Prints a table, or one sentence that says what would be in it."""
    lines = [[str(cell) for cell in row] for row in rows]
    if not lines:
        console().print(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*line)
    console().print(table)


def more(page: Mapping[str, Any]) -> None:
    """Says how to see the following page."""
    if page.get("next_cursor"):
        console().print(f"[dim]more: --cursor {page['next_cursor']}[/dim]")


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints names and values, the names in one column."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        console().print(f"[dim]{name:<{width}}[/dim]  {value}")


__all__ = [
    "console",
    "duration",
    "escape",
    "facts",
    "grid",
    "local",
    "moment",
    "more",
    "span",
    "state",
    "there",
    "until",
    "values",
]
