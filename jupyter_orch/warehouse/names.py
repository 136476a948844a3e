"""Names of tables, branches and tags. Everything here is hostile until it passed."""

import re

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.settings import WarehouseSettings

Identifier = tuple[str, str]

_PART = re.compile(r"[a-z_][a-z0-9_]{0,127}")
_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
#: Where it is tried what a catalog keeps.
PROBE_SCHEMA = "jupyter_orch_probe"
#: Where large answers of a Trino are, for the time that it takes to read them.
SCRATCH_SCHEMA = "orch_scratch"
#: Nobody else's tables are in these, and none of theirs are listed.
HIDDEN_SCHEMAS = frozenset({PROBE_SCHEMA, SCRATCH_SCHEMA})
_RESERVED_SCHEMAS = frozenset({"information_schema", "system", PROBE_SCHEMA})
_MAX_PARTS = 3
PIN = "pin-"
RUN = "run-"


def identify(table: str, warehouse: WarehouseSettings) -> Identifier:
    """Schema and table of a name, in lower case as SQL reads them.

    An unqualified name gets the default schema; the configured catalog may stand in front.

    Raises:
        BadInput: The name cannot be that of a table (field `table`).
    """
    parts = table.lower().split(".") if isinstance(table, str) else []
    if len(parts) == _MAX_PARTS and parts[0] == warehouse.catalog.lower():
        parts = parts[1:]
    if len(parts) == 1:
        parts = [warehouse.schema.lower(), *parts]
    if len(parts) != _MAX_PARTS - 1 or not all(_PART.fullmatch(part) for part in parts):
        raise BadInput(
            f"{_shown(table)} is not the name of a table.",
            field="table",
            hint="Write schema.table with letters, digits and underscores, not led by a digit.",
        )
    if parts[0] in _RESERVED_SCHEMAS:
        raise BadInput(
            f"The schema {parts[0]} belongs to the engine.",
            field="table",
            hint="Choose another schema.",
        )
    return parts[0], parts[1]


def is_identifier(identifier: Identifier) -> bool:
    """Whether both parts could have come from `identify`."""
    return all(_PART.fullmatch(part) for part in identifier)


def check_run(run_id: RunId) -> str:
    """The id, when it can stand in a path and in a branch's name."""
    if not _RUN.fullmatch(run_id):
        raise BadInput(f"{_shown(run_id)} is not the id of a run.", field="run")
    return run_id


def is_run(name: str) -> bool:
    """Whether it could be the id of a run."""
    return _RUN.fullmatch(name) is not None


def branch(run_id: RunId, attempt: int, sequence: int) -> str:
    """The branch that one output of one attempt is staged on."""
    return f"{RUN}{check_run(run_id)}-{attempt}" + (f".{sequence}" if sequence > 1 else "")


def tag(run_id: RunId, sequence: int) -> str:
    """The tag of what the run published; the first output of a table has the plain name."""
    return f"{RUN}{check_run(run_id)}" + (f".{sequence}" if sequence > 1 else "")


def pin(version: int) -> str:
    """The tag that keeps a version from retention, ours and everybody else's."""
    return f"{PIN}{version}"


def is_remote(path: str) -> bool:
    """Whether a file lies in a bucket."""
    return path.startswith(("s3://", "s3a://", "s3n://"))


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 100 else text[:97] + "…'"  # noqa: PLR2004
