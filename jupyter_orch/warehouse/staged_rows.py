"""What an attempt staged for a table: its files, what they do to the table, and its words."""

import json
import uuid
from pathlib import Path
from typing import Any

from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from jupyter_orch.domain.errors import Refused
from jupyter_orch.domain.outputs import OutputRequest, Provenance, StagedOutput
from jupyter_orch.warehouse import check_results, layout, snapshots, staging, versions
from jupyter_orch.warehouse.slices import Slice


def files(staged: StagedOutput) -> staging.StagedFiles:
    """Its rows, as the attempt left them.

    Raises:
        Refused: They are gone.
    """
    missing = [name for name in staged.files if not Path(name).is_file()]
    if missing:
        raise Refused(
            f"{staged.table} was not changed: its staged files are gone.",
            field="table",
            hint="This attempt was discarded.",
        )
    return staging.StagedFiles(Path("/"), staged.files)


def change(table: Table, staged: StagedOutput, write_id: uuid.UUID) -> snapshots.Change:
    """What it does to the table; its rows are written as data files, which nobody sees yet."""
    schema = table.schema()
    order = layout.order(staged.sort_by, schema) if staged.sort_by else None
    return snapshots.Change(
        mode=staged.mode,
        part=Slice.bind(staged.slice, schema),
        keys=staged.keys,
        key_rows=key_rows(table, staged),
        files=snapshots.write(table, files(staged).conformed(schema), write_id, order),
        rows=staged.rows,
    )


def key_rows(table: Table, staged: StagedOutput) -> Any:
    """The keys of an upsert's rows, each once, as Arrow; None when there is none."""
    if not staged.keys or not staged.rows:
        return None
    pieces = files(staged).conformed(table.schema(), staged.keys)
    return snapshots.distinct(staged.keys, pieces)


def properties(staged: StagedOutput, provenance: Provenance, write_id: uuid.UUID) -> dict[str, str]:
    """What its snapshot says of itself."""
    noted = versions.properties(provenance, operation=staged.mode, sequence=staged.sequence)
    noted |= {"orch.rows": str(staged.rows), snapshots.WRITE_ID: str(write_id)}
    if staged.slice:
        noted["orch.slice"] = json.dumps(staged.slice)
    if staged.checks:
        noted[versions.CHECKS] = check_results.to_text(staged.checks)
    if staged.keys:
        noted["orch.keys"] = json.dumps(staged.keys)
    return noted


def partitions(
    table: Table | None,
    wanted: OutputRequest | StagedOutput,
    part: Slice,
    schema: Schema,
    name: str,
) -> PartitionSpec:
    """The table's partitions; refuses a layout that cannot be, or is not the table's."""
    if table is None:
        layout.order(wanted.sort_by, schema)
        return layout.partitions(wanted.partition_by, part, schema)
    layout.check_same(
        wanted.partition_by,
        wanted.sort_by,
        schema=schema,
        spec=table.spec(),
        sorted_by=table.sort_order(),
        table=name,
    )
    layout.order(wanted.sort_by, schema)
    return table.spec()


def replaced(name: str) -> Refused:
    """The branch is not the attempt's any more."""
    return Refused(
        f"{name} was not changed: this attempt may not publish any more.",
        field="table",
        hint="Its branch was dropped, by a cancel or because another worker took over.",
    )


def dropped(name: str) -> Refused:
    """There is no such table any more."""
    return Refused(f"{name} was dropped while it was written to.", field="table")


def changed(name: str) -> Refused:
    """The table has other columns than when it was staged."""
    return Refused(
        f"The columns of {name} were changed while it was written to.",
        field="table",
        hint="Run it again.",
    )
