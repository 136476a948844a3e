"""The cell magic `%%sql`: Trino's SQL on the configured warehouse, its result as a DataFrame.

`%load_ext jupyter_orch` registers it. `:name` takes the value of the Python variable of that name,
as a bound value and never as text; `%%sql name <<` keeps the result under a name.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import BadInput

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
        frame = run(cell, shell.user_ns)
        if target is None:
            return frame
        shell.push({target["name"]: frame})
        return None

    shell.register_magic_function(sql, magic_kind="cell", magic_name="sql")


def run(text: str, variables: Mapping[str, Any]) -> "pd.DataFrame | None":
    """The rows of a statement, or None when it has none.

    Raises:
        BadInput: The statement names a variable that does not exist.
        trino.exceptions.Error: The warehouse refuses the statement.
    """
    import pandas as pd

    from jupyter_orch.warehouse.connect import connect

    statement, values = bind(text, variables)
    with connect() as connection:
        cursor = connection.cursor()
        # A statement without values is sent as it is: not every one can be prepared.
        cursor.execute(statement, values or None)
        rows = cursor.fetchall()
        if not cursor.description:
            return None
        return pd.DataFrame(rows, columns=[column[0] for column in cursor.description])


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
