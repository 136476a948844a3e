"""Tables that hold one large answer of a Trino for the time that it takes to read it.

Each belongs to one attempt, whose id is in its name; none is listed among the tables. Whoever made
it drops it. Before it is made a marker stands in the attempt's folder, so that `discard` finds what
a killed kernel left behind.
"""

import contextlib
import re

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.warehouse.names import SCRATCH_SCHEMA, Identifier, check_run

_NAME = re.compile(r"run_([a-z0-9][a-z0-9_]{0,63})__([1-9][0-9]{0,8})__[a-z0-9]+")


def name(run_id: RunId, attempt: int) -> str:
    """A new table's name."""
    return f"{_prefix(run_id, attempt)}{new_id()}"


def drop(catalog: Catalog, run_id: RunId, attempt: int) -> None:
    """Drops the attempt's scratch tables with their files; safe to repeat."""
    prefix = _prefix(run_id, attempt)
    for identifier in tables(catalog):
        rest = identifier[1].removeprefix(prefix)
        if rest != identifier[1] and rest.isalnum():
            with contextlib.suppress(NoSuchTableError):  # its maker was quicker
                catalog.purge_table(identifier)


def tables(catalog: Catalog) -> list[Identifier]:
    """All scratch tables of a catalog."""
    try:
        found = catalog.list_tables(SCRATCH_SCHEMA)
    except NoSuchNamespaceError:
        return []
    return [(SCRATCH_SCHEMA, each[-1]) for each in found if _NAME.fullmatch(each[-1])]


def maker(table: str) -> tuple[RunId, int] | None:
    """The attempt that a scratch table belongs to."""
    found = _NAME.fullmatch(table)
    return (RunId(found[1].replace("_", "-")), int(found[2])) if found else None


def _prefix(run_id: RunId, attempt: int) -> str:
    return f"run_{check_run(run_id).replace('-', '_')}__{int(attempt)}__"
