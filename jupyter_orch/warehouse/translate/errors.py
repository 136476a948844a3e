"""What a statement can fail with, in Trino's own names and codes.

Nothing that DuckDB says reaches a user as it is: `from_duckdb` gives every message a Trino error.
"""

import re
from typing import Any, Literal

from jupyter_orch.domain.errors import BadInput, OrchError

ErrorType = Literal["USER_ERROR", "INTERNAL_ERROR", "INSUFFICIENT_RESOURCES", "EXTERNAL"]

_CODES: dict[str, int] = {
    "GENERIC_USER_ERROR": 0,
    "SYNTAX_ERROR": 1,
    "USER_CANCELED": 3,
    "NOT_FOUND": 5,
    "FUNCTION_NOT_FOUND": 6,
    "INVALID_FUNCTION_ARGUMENT": 7,
    "DIVISION_BY_ZERO": 8,
    "INVALID_CAST_ARGUMENT": 9,
    "ALREADY_EXISTS": 12,
    "NOT_SUPPORTED": 13,
    "CONSTRAINT_VIOLATION": 16,
    "TRANSACTION_CONFLICT": 17,
    "INVALID_TABLE_PROPERTY": 18,
    "NUMERIC_VALUE_OUT_OF_RANGE": 19,
    "SUBQUERY_MULTIPLE_ROWS": 28,
    "SCHEMA_NOT_EMPTY": 34,
    "CATALOG_NOT_FOUND": 44,
    "SCHEMA_NOT_FOUND": 45,
    "TABLE_NOT_FOUND": 46,
    "COLUMN_NOT_FOUND": 47,
    "SCHEMA_ALREADY_EXISTS": 49,
    "TABLE_ALREADY_EXISTS": 50,
    "TYPE_MISMATCH": 58,
    "INVALID_LITERAL": 59,
    "MISMATCHED_COLUMN_ALIASES": 61,
    "AMBIGUOUS_NAME": 62,
    "EXPRESSION_NOT_AGGREGATE": 73,
    "MISSING_COLUMN_NAME": 80,
    "INVALID_ARGUMENTS": 86,
    "INVALID_PARAMETER_USAGE": 87,
    "GENERIC_INTERNAL_ERROR": 65536,
    "EXCEEDED_TIME_LIMIT": 131075,
    "EXCEEDED_LOCAL_MEMORY_LIMIT": 131079,
    "ICEBERG_MISSING_METADATA": 84148232,
    "ICEBERG_COMMIT_ERROR": 84148229,
}
_TYPES: dict[str, ErrorType] = {
    "GENERIC_INTERNAL_ERROR": "INTERNAL_ERROR",
    "EXCEEDED_TIME_LIMIT": "INSUFFICIENT_RESOURCES",
    "EXCEEDED_LOCAL_MEMORY_LIMIT": "INSUFFICIENT_RESOURCES",
    "ICEBERG_COMMIT_ERROR": "EXTERNAL",
    "ICEBERG_MISSING_METADATA": "EXTERNAL",
}


class SqlError(Exception):
    """A statement failed; `name` is one of Trino's error names."""

    def __init__(
        self, name: str, message: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.line = line
        self.column = column

    def to_json(self) -> dict[str, Any]:
        """The `error` member of an answer of Trino's client protocol."""
        located = self.line is not None
        where = {"lineNumber": self.line, "columnNumber": self.column}
        prefix = f"line {self.line}:{self.column}: " if located else ""
        failure: dict[str, Any] = {
            "type": "io.trino.spi.TrinoException",
            "message": prefix + self.message,
            "stack": [],
            "suppressed": [],
        }
        error = {
            "message": prefix + self.message,
            "errorCode": _CODES[self.name],
            "errorName": self.name,
            "errorType": _TYPES.get(self.name, "USER_ERROR"),
            "failureInfo": failure,
        }
        if located:
            error["errorLocation"] = failure["errorLocation"] = where
        return error


def unsupported(what: str) -> SqlError:
    """The one sentence for whatever the embedded engine does not do."""
    return SqlError(
        "NOT_SUPPORTED",
        f"{what} is not available on the embedded engine; "
        "set warehouse.trino.url to run it on a real Trino",
    )


#: DuckDB's texts, most specific first: a pattern, Trino's name, and our words (groups filled in).
_DUCKDB: tuple[tuple[str, str, str], ...] = (
    (r"DIVISION_BY_ZERO", "DIVISION_BY_ZERO", "Division by zero"),
    (r"INVALID_ARGUMENT: ([^'\n]+)", "INVALID_FUNCTION_ARGUMENT", "{0}"),
    (r"SUBSCRIPT: ([^'\n]+)", "INVALID_FUNCTION_ARGUMENT", "{0}"),
    (
        r"More than one row returned by a subquery",
        "SUBQUERY_MULTIPLE_ROWS",
        "Scalar sub-query has returned multiple rows",
    ),
    (
        r"Out of Memory|could not allocate|failed to offload",
        "EXCEEDED_LOCAL_MEMORY_LIMIT",
        "Query exceeded the memory limit of the embedded engine (warehouse.memory_limit)",
    ),
    (r'Referenced column "([^"]+)"', "COLUMN_NOT_FOUND", "Column '{0}' cannot be resolved"),
    (
        r'does not have a column named "([^"]+)"',
        "COLUMN_NOT_FOUND",
        "Column '{0}' cannot be resolved",
    ),
    (
        r'Column "([^"]+)" referenced that exists in the SELECT clause',
        "COLUMN_NOT_FOUND",
        "Column '{0}' cannot be resolved",
    ),
    (
        r"Cannot extract field '([^']+)' from expression",
        "COLUMN_NOT_FOUND",
        "Column '{0}' cannot be resolved",
    ),
    (
        r'Could not choose a best candidate function for the function call "([^"]+)"',
        "TYPE_MISMATCH",
        "Unexpected parameters for {0}",
    ),
    (r'Could not find key "([^"]+)"', "COLUMN_NOT_FOUND", "Column '{0}' cannot be resolved"),
    (
        r'Ambiguous reference to (?:column|table)[^"]*"([^"]+)"',
        "AMBIGUOUS_NAME",
        "Column '{0}' is ambiguous",
    ),
    (r'Referenced table "([^"]+)" not found', "TABLE_NOT_FOUND", "Table '{0}' does not exist"),
    (
        r'column "([^"]+)" must appear in the GROUP BY',
        "EXPRESSION_NOT_AGGREGATE",
        "'{0}' must be an aggregate expression or appear in GROUP BY clause",
    ),
    (
        r"[Oo]verflow|out of range|Casting value .* failed: value is out of range|too large to fit",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "A value is out of the range of its type",
    ),
    (r"'INVALID_CAST (.*?)' to", "INVALID_CAST_ARGUMENT", "Cannot cast '{0}' to an integer"),
    (
        r"Could not (?:convert|cast) (?:string|value)?\s*'?(.*?)'? to (\w+)",
        "INVALID_CAST_ARGUMENT",
        "Cannot cast '{0}' to {1}",
    ),
    (
        r"invalid (?:date|timestamp|time) field format: \"([^\"]*)\"",
        "INVALID_CAST_ARGUMENT",
        "Value cannot be cast to date or time: {0}",
    ),
    (r"Conversion Error", "INVALID_CAST_ARGUMENT", "A value cannot be cast to the wanted type"),
    (r"Unimplemented type for cast \((.+?) -> (.+?)\)", "TYPE_MISMATCH", "Cannot cast {0} to {1}"),
    (
        r"No function matches the given name and argument types '([^']+)'",
        "TYPE_MISMATCH",
        "Unexpected parameters for {0}",
    ),
    (
        r"Cannot compare values of type (.+?) and (?:type )?(.+?)[ -]",
        "TYPE_MISMATCH",
        "Cannot apply operator: {0} = {1}",
    ),
    (r"Cannot mix values of type|Cannot combine types", "TYPE_MISMATCH", "The types do not match"),
    (r"regular expression|invalid perl operator", "INVALID_FUNCTION_ARGUMENT", "Invalid pattern"),
    (
        r"[Ss]et operations can only apply to expressions with the same number",
        "TYPE_MISMATCH",
        "The queries have different numbers of columns",
    ),
)


def from_duckdb(error: BaseException) -> SqlError:
    """Gives a DuckDB failure its Trino name; unknown ones say only which kind they are."""
    text = str(error)
    for pattern, name, words in _DUCKDB:
        found = re.search(pattern, text)
        if found:
            return SqlError(name, words.format(*(group or "" for group in found.groups())))
    kind = text.split(":", 1)[0].strip()
    if kind in ("Binder Error", "Parser Error", "Catalog Error", "Not implemented Error"):
        return unsupported("This form of the statement")
    return SqlError(
        "GENERIC_INTERNAL_ERROR", f"The embedded engine failed ({kind or type(error).__name__})"
    )


def failure(error: BaseException) -> SqlError:
    """Any failure as one that the client can be told."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, OrchError):
        mistaken = isinstance(error, BadInput)
        name = "GENERIC_USER_ERROR" if mistaken else "GENERIC_INTERNAL_ERROR"
        return SqlError(name, error.message)
    kind = type(error).__name__
    if kind in ("CommitFailedException", "CommitStateUnknownException"):
        return SqlError("ICEBERG_COMMIT_ERROR", "Somebody else changed the table meanwhile")
    if isinstance(error, FileNotFoundError):
        return SqlError("ICEBERG_MISSING_METADATA", "A file of the table is missing")
    return SqlError("GENERIC_INTERNAL_ERROR", f"The embedded engine failed ({kind})")
