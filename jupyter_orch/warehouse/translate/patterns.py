"""Joda patterns of `format_datetime` as strftime patterns."""

import re

from jupyter_orch.warehouse.translate.errors import unsupported

_JODA = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "y": "%Y",
    "yy": "%y",
    "MM": "%m",
    "M": "%-m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "d": "%-d",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "SSSSSS": "%f",
    "EEEE": "%A",
    "EEE": "%a",
    "E": "%a",
    "a": "%p",
    "DDD": "%j",
    "e": "%u",
}
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|%")


def strftime(joda: str) -> str:
    """The strftime pattern.

    Raises:
        SqlError: A letter has no counterpart.
    """
    return _PART.sub(_part, joda)


def _part(found: "re.Match[str]") -> str:
    whole = found[0]
    if whole == "%":
        return "%%"
    if whole.startswith("'"):
        return "'" if whole == "''" else found[1].replace("''", "'").replace("%", "%%")
    if whole not in _JODA:
        raise unsupported(f"The date pattern {whole}")
    return _JODA[whole]
