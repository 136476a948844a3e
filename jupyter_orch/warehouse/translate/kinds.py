"""DuckDB's type names: what they are to Trino."""

import re

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38}
_FLOATS = ("FLOAT", "DOUBLE")
_INSTANTS = (
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NS",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP WITH TIME ZONE",
)
_NAMES = {
    "FLOAT": "real",
    "BLOB": "varbinary",
    "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP_NS": "timestamp(9)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(6) with time zone",
    "TIME": "time(6)",
    "INTERVAL": "interval day to second",
    '"NULL"': "unknown",
    "HUGEINT": "decimal(38,0)",
}


def is_integer(kind: str) -> bool:
    """Whether it is one of Trino's four integer types."""
    return kind in INTEGERS


def is_decimal(kind: str) -> bool:
    """Whether it is a decimal."""
    return kind.startswith("DECIMAL(") and not kind.endswith("]")


def is_exact(kind: str) -> bool:
    """Whether it is an integer or a decimal."""
    return kind in _DIGITS or is_decimal(kind)


def is_number(kind: str) -> bool:
    """Whether arithmetic is defined on it."""
    return is_exact(kind) or kind in _FLOATS


def is_float(kind: str) -> bool:
    """Whether it is real or double."""
    return kind in _FLOATS


def is_null(kind: str) -> bool:
    """Whether it is the type of a bare NULL."""
    return kind.strip('"') == "NULL"


def decimal(kind: str) -> tuple[int, int]:
    """Precision and scale of an exact number as Trino coerces it to a decimal."""
    if kind in _DIGITS:
        return _DIGITS[kind], 0
    precision, scale = re.findall(r"\d+", kind)[:2]
    return int(precision), int(scale)


def comparable(left: str, right: str) -> bool:
    """Whether Trino compares the two without a cast."""
    return is_null(left) or is_null(right) or _family(left) == _family(right)


def assignable(source: str, target: str) -> bool:
    """Whether Trino stores a value of one type in a column of the other without a cast."""
    if is_null(source) or source == target:
        return True
    if is_float(target):
        return is_number(source)
    if is_exact(target):
        narrowed = is_integer(target) and is_decimal(source)
        return is_exact(source) and not narrowed
    return _family(source) == _family(target)


def _family(kind: str) -> str:
    if is_number(kind):
        return "number"
    if kind in _INSTANTS:
        return "instant"
    if kind.endswith("]"):
        return "array"
    return re.split(r"[( ]", kind)[0].replace("TUPLE", "STRUCT")


def trino_name(kind: str) -> str:
    """The type as Trino writes it."""
    if kind.endswith("[]"):
        return f"array({trino_name(kind[:-2])})"
    return _NAMES.get(kind, kind.lower().replace("struct(", "row(").replace("tuple(", "row("))
