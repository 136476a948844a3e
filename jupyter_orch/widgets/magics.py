"""The cell magic `%%sql`: Trino's SQL on the configured warehouse, its result as a DataFrame.

`%load_ext jupyter_orch` registers it. `:name` takes the value of the Python variable of that name,
as a bound value and never as text; `%%sql name <<` keeps the result under a name.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.kernel.query import fetched, pandas, query
from jupyter_orch.settings import load

if TYPE_CHECKING:
    import pandas as pd

#: What is left alone, and then what is replaced: quoted text, remarks, `::`, and `:name`.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | ::
    | (?<![\w:]):(?P<name>[^\W\d]\w*)""",
    re.DOTALL | re.VERBOSE,
)
_TARGET = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*<<\s*")


def register(shell: Any) -> None:
    """Makes `%%sql` known to a kernel."""

    def sql(line: str, cell: str) -> "pd.DataFrame | None":
        """Runs one statement of Trino's SQL; `%%sql name <<` keeps the result as `name`."""
        target = _TARGET.fullmatch(line)
        if line.strip() and target is None:
            raise BadInput(
                f"%%sql does not understand {line.strip()!r}.",
                hint="Write %%sql, or %%sql name << to keep the result under a name.",
            )
        if target is None:
            return show(cell, shell.user_ns)
        statement, values = bind(cell, shell.user_ns)
        shell.push({target["name"]: query(statement, values)})
        return None

    shell.register_magic_function(sql, magic_kind="cell", magic_name="sql")


def show(text: str, variables: Mapping[str, Any]) -> "pd.DataFrame | None":
    """The first rows of a statement for people to look at, or None when it has none.

    Raises:
        BadInput: The statement names a variable that does not exist.
        trino.exceptions.Error: The warehouse refuses the statement.
    """
    statement, values = bind(text, variables)
    most = load().warehouse.shown_rows
    found = fetched(statement, values, limit=most + 1 if most else None)
    if found is None:
        return None
    frame: pd.DataFrame = pandas(*found)
    if most and len(frame) > most:
        print(  # noqa: T201
            f"These are the first {most:,} rows, there are more: %%sql name << keeps all of them, "
            "and warehouse.shown_rows says how many are shown."
        )
        frame = frame.head(most)
    return frame


def bind(text: str, variables: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with `?` for each `:name`, and the values in that order."""
    values: list[Any] = []

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0]
        if name not in variables:
            raise BadInput(
                f"The statement names :{name}, and there is no variable {name}.",
                hint=f"Set {name} in a cell above.",
            )
        values.append(variables[name])
        return "?"

    return _TOKEN.sub(replace, text.strip().removesuffix(";")), values
