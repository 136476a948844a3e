"""The command that compares two versions of a table."""

import json
from collections.abc import Mapping
from typing import Any

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, print_json

_SHOWN = 20  # rows of the sample
_SIGNS = {"added": "[green]+[/green]", "removed": "[red]-[/red]", "changed": "[yellow]~[/yellow]"}
_LONGEST = 40  # characters of a value


@click.command(
    epilog="Example: jupyter orch diff analytics.flight_delays 5519342870 7719342001 --key day"
)
@click.argument("table")
@click.argument("before", type=int)
@click.argument("after", type=int)
@click.option("--key", "keys", multiple=True, help="A column that tells rows apart; repeatable.")
@json_option
def diff(table: str, before: int, after: int, *, keys: tuple[str, ...], as_json: bool) -> None:
    """Compare versions BEFORE and AFTER of TABLE: columns, counts, and rows."""
    with open_client() as client:
        found = client.diff(table, before, after, keys=keys)
    if as_json:
        print_json(found)
        return
    _tell_schema(found)
    by = f" by {', '.join(found['keys'])}" if found["keys"] else ""
    render.console().print(
        f"Rows {found['rows_before']} → {found['rows_after']}: {found['added']} added,"
        f" {found['removed']} removed, {found['changed']} changed{render.escape(by)}."
    )
    if not (found["added"] or found["removed"] or found["changed"]):
        return
    _tell_columns(found)
    _tell_rows(found)


def _tell_schema(found: Mapping[str, Any]) -> None:
    words = {"added": "new", "removed": "gone", "type": "other type"}
    for column in found["schema"]:
        kinds = " → ".join(kind for kind in (column["before"], column["after"]) if kind)
        name = render.escape(f"{column['name']} {kinds}")
        render.console().print(f"Column {name}: {words[column['change']]}.")


def _tell_columns(found: Mapping[str, Any]) -> None:
    render.grid(
        ("COLUMN", "TYPE", "NULL", "DISTINCT", "MIN", "MAX", "MEAN"),
        (
            (
                render.escape(column["name"]),
                render.escape(column["type"]),
                _both(column, "null_rate", _share),
                _both(column, "distinct", _value),
                _both(column, "least", _value),
                _both(column, "most", _value),
                _both(column, "mean", _mean),
            )
            for column in found["columns"]
        ),
        nothing="No column to compare.",
    )


def _both(column: Mapping[str, Any], fact: str, show: Any) -> str:
    """A fact of both versions, once if it is the same."""
    before, after = (show(column[side][fact]) for side in ("before", "after"))
    return render.escape(before if before == after else f"{before} → {after}")


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _mean(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _tell_rows(found: Mapping[str, Any]) -> None:
    names = found["compared"]
    lines = []
    for row in found["sample"][:_SHOWN]:
        old, new = row["before"], row["after"]
        cells = []
        for place in range(len(names)):
            was, now = ("-" if side is None else _value(side[place]) for side in (old, new))
            same = old is None or new is None or old[place] == new[place]
            cells.append(render.escape((was if new is None else now) if same else f"{was} → {now}"))
        times = f" {row['times']} times" if row["times"] > 1 else ""
        lines.append((_SIGNS[row["change"]] + times, *cells))
    render.grid(("", *map(render.escape, names)), lines, nothing="No row to show.")
    left = found["added"] + found["removed"] + found["changed"] - len(lines)
    if left > 0:
        render.console().print(f"[dim]… and {left} more[/dim]")
