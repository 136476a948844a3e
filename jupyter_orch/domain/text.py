"""Text of strangers as plain text: no terminal codes, no more than there is room for."""

import re
from typing import Any

_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, movements of the cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\ud800-\udfff]"  # halves of a character, which no file and no database takes
)
_ENDS_OF_LINES = re.compile(r"\r\n?")


def plain(text: str) -> str:
    """The text without terminal codes and control characters; tabs and ends of lines stay."""
    return _CONTROLS.sub("", _ENDS_OF_LINES.sub("\n", text))


def plain_value(value: Any) -> Any:
    """The JSON value with every text in it made plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain_value(name): plain_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return value


def cut(text: str, longest: int) -> str:
    """The beginning of the text, with a note when that is not all of it."""
    left_out = len(text) - longest
    return text if left_out <= 0 else f"{text[:longest]}\n… {left_out} more characters"


def cut_middle(text: str, longest: int) -> str:
    """Beginning and end of the text, with a note where something is left out."""
    left_out = len(text) - longest
    if left_out <= 0:
        return text
    half = longest // 2
    return f"{text[:half]}\n… {left_out} characters left out …\n{text[-half:]}"
