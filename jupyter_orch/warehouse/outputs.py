"""Versioned tables: staged where nobody reads, checked, and published in one commit.

An output of a table that exists is staged as one snapshot on a branch of the attempt's own;
publishing moves `main` to it. When main moved meanwhile, the same data files are put onto the new
main. An output of a table that does not exist yet waits as Parquet files; publishing makes the
table with its rows in one commit. So does an output that changes the table's columns: they are
changed by the commit that brings the rows.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StagedTable, Table

from jupyter_orch.domain.errors import BadInput, Refused
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    StagedOutput,
    TableVersion,
)
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import (
    attempt_folder,
    check_results,
    checks,
    evolution,
    layout,
    names,
    publish,
    scratch,
    snapshots,
    staging,
    versions,
)
from jupyter_orch.warehouse.handover import Handover
from jupyter_orch.warehouse.names import SCRATCH_SCHEMA, Identifier
from jupyter_orch.warehouse.slices import Slice

#: Partitions' values stay out of paths, where they could be too long or be read back wrongly. Old
#: metadata files are removed as new ones are made; each run makes two.
_TABLE_PROPERTIES = {
    "write.object-storage.enabled": "true",
    "write.object-storage.partitioned-paths": "false",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
    "write.parquet.compression-codec": "zstd",
}


class Outputs:
    """Stages, publishes and discards outputs; safe to call from any thread."""

    def __init__(self, settings: Settings, catalog: Callable[[], SqlCatalog]) -> None:
        self._settings = settings
        self._open = catalog
        self._handover = Handover(settings, catalog)

    @property
    def _catalog(self) -> SqlCatalog:
        return self._open()

    def stage(self, request: OutputRequest, provenance: Provenance) -> StagedOutput:
        """Checks the rows, and writes them to the attempt's branch."""
        identifier = names.identify(request.table, self._settings.warehouse)
        name = ".".join(identifier)
        _check_shape(request)
        if identifier[0] == SCRATCH_SCHEMA:
            raise BadInput(
                f"Tables in {SCRATCH_SCHEMA} are dropped when they were read.",
                field="table",
                hint="Choose another schema.",
            )
        place = attempt_folder.locate(self._settings, provenance.run_id, provenance.attempt)
        files = staging.StagedFiles(place, request.files)
        table = publish.load(self._catalog, identifier)
        evolved = evolution.plan(table, files, name) if table and request.evolve else None
        if table is None:
            schema = staging.new_schema(files, name)
        else:
            schema = (evolved.table if evolved else table).schema()
        staging.check_columns(files, schema, name, evolve=request.evolve is not None)
        part = Slice.bind(request.slice, schema)
        staging.check_slice(files, part, schema)
        self._check_keys(request, files, schema)
        spec = _layout(table, request, part, schema, name)
        columns = layout.sources(spec, schema)
        if set(columns) - set(part.values):  # else all rows lie in one partition
            layout.check_count(files.conformed(schema, columns), spec, schema)
        subject = checks.Subject(
            settings=self._settings,
            files=files,
            schema=schema,
            name=name,
            table=table,
            part=part,
            mode=request.mode,
            reference=provenance.interval_end or provenance.logical_time or datetime.now(UTC),
        )
        results = checks.run((request.checks, *request.more_checks), subject)

        sequence = attempt_folder.mark(place, identifier)
        who = (provenance.run_id, provenance.attempt)
        self._handover.mark(*who, identifier, sequence)
        staged = StagedOutput(
            table=name,
            mode=request.mode,
            slice=dict(request.slice),
            keys=tuple(request.keys),
            branch=None,
            snapshot_id=None,
            base_snapshot_id=None,
            files=tuple(map(str, files.paths)),
            rows=files.rows,
            sequence=sequence,
            checks=results,
            partition_by=request.partition_by,
            sort_by=request.sort_by,
        )
        if table is not None and evolved is None:
            staged = self._stage_on_branch(table, staged, provenance)
        elif table is not None:
            staged = self._fence(table, replace(staged, evolve=request.evolve), provenance)
        self._handover.keep(*who, staged)
        self._check_open(place, *who, identifier, sequence)
        return staged

    def publish(self, staged: StagedOutput, provenance: Provenance) -> TableVersion:
        """Makes it visible in one commit with the run's tag; safe to repeat."""
        identifier = names.identify(staged.table, self._settings.warehouse)
        who = (provenance.run_id, provenance.attempt)
        staged = self._handover.fetch(*who, staged)
        version = publish.settled(
            self._settings, identifier, lambda: self._publish(identifier, staged, provenance)
        )
        place = attempt_folder.locate(self._settings, provenance.run_id, provenance.attempt)
        attempt_folder.tidy(place, identifier, staged.sequence, staged.files)
        self._handover.forget(*who, staged)
        return version

    def discard(self, run_id: RunId, attempt: int) -> None:
        """Drops the branches and scratch tables of an attempt; safe to repeat."""
        place = attempt_folder.locate(self._settings, run_id, attempt)
        attempt_folder.close(place)
        self._handover.close(run_id, attempt)
        marked = {*attempt_folder.marked(place), *self._handover.marked(run_id, attempt)}
        for identifier, sequence in sorted(marked):
            branch = names.branch(run_id, attempt, sequence)
            publish.settled(self._settings, identifier, partial(self._drop, identifier, branch))
        scratch.drop(self._catalog, run_id, attempt)
        self._handover.drop(run_id, attempt)

    def _check_open(
        self, place: Path, run_id: RunId, attempt: int, identifier: Identifier, sequence: int
    ) -> None:
        """Takes back what was staged after the attempt was discarded: nobody else knows of it.

        Raises:
            Refused: That is so.
        """
        if attempt_folder.is_open(place, identifier, sequence) and self._handover.is_open(
            run_id, attempt, identifier, sequence
        ):
            return
        branch = names.branch(run_id, attempt, sequence)
        publish.settled(self._settings, identifier, partial(self._drop, identifier, branch))
        self._handover.drop(run_id, attempt)
        raise attempt_folder.discarded()

    def _stage_on_branch(
        self, table: Table, staged: StagedOutput, provenance: Provenance
    ) -> StagedOutput:
        write_id = uuid.uuid4()
        change = self._change(table, staged, write_id)
        noted = _properties(staged, provenance, write_id)
        branch, head, base = self._branch(table, staged, provenance, change, noted)
        return replace(staged, branch=branch, snapshot_id=head, base_snapshot_id=base)

    def _fence(self, table: Table, staged: StagedOutput, provenance: Provenance) -> StagedOutput:
        """A branch without rows: the rows wait as files, as the table lacks their columns yet.

        A table has one list of columns for all of its branches.
        """
        nothing = snapshots.Change(
            mode="append", part=Slice({}, {}), keys=(), key_rows=None, files=(), rows=0
        )
        noted = _properties(staged, provenance, uuid.uuid4())
        branch, head, _ = self._branch(table, staged, provenance, nothing, noted)
        return replace(staged, fence_branch=branch, fence_snapshot_id=head)

    def _branch(
        self,
        table: Table,
        staged: StagedOutput,
        provenance: Provenance,
        change: snapshots.Change,
        noted: dict[str, str],
    ) -> tuple[str, int, int | None]:
        """The attempt's branch with the change after main: its name, its head, and main then."""
        branch = names.branch(provenance.run_id, provenance.attempt, staged.sequence)
        identifier: Identifier = table.name()  # type: ignore[assignment]

        def attempt() -> tuple[int, int | None]:
            latest = publish.load(self._catalog, identifier)
            if latest is None:
                raise _dropped(staged.table)
            _same_shape(table, latest)
            reference = latest.metadata.refs.get(branch)
            if reference is not None:
                head = latest.metadata.snapshot_by_id(reference.snapshot_id)
                return reference.snapshot_id, head.parent_snapshot_id if head else None
            updates, head_id = snapshots.build(latest, change, noted)
            publish.make_branch(latest, updates, head_id, branch)
            return head_id, latest.metadata.current_snapshot_id

        head, base = publish.settled(self._settings, identifier, attempt)
        return branch, head, base

    def _publish(
        self, identifier: Identifier, staged: StagedOutput, provenance: Provenance
    ) -> TableVersion:
        table = publish.load(self._catalog, identifier)
        if table is not None:
            version = versions.find(table, provenance.run_id, staged.sequence)
            if version is not None:
                return version
        tag = names.tag(provenance.run_id, staged.sequence)
        if table is None:
            self._create(identifier, staged, provenance, tag)
        elif staged.branch is None:
            self._publish_files(table, staged, provenance, tag)
        else:
            self._publish_branch(table, staged, staged.branch, tag)
        return self._publish(identifier, staged, provenance)

    def _publish_branch(self, table: Table, staged: StagedOutput, branch: str, tag: str) -> None:
        reference = table.metadata.refs.get(branch)
        if reference is None or reference.snapshot_id != staged.snapshot_id:
            raise _replaced(staged.table)
        head = reference.snapshot_id
        if table.metadata.current_snapshot_id == staged.base_snapshot_id:
            publish.move_main(table, (), head, tag=tag, branch=branch, staged=head)
            return
        snapshot = table.metadata.snapshot_by_id(head)
        if snapshot is None or snapshot.schema_id != table.metadata.current_schema_id:
            raise _changed(staged.table)
        noted = dict(snapshot.summary.additional_properties) if snapshot.summary else {}
        noted = {key: value for key, value in noted.items() if key.startswith("orch.")}
        change = snapshots.Change(
            mode=staged.mode,
            part=Slice.bind(staged.slice, table.schema()),
            keys=staged.keys,
            key_rows=self._key_rows(table, staged),
            files=snapshots.written(table, snapshot),
            rows=staged.rows,
        )
        if any(file.spec_id != table.metadata.default_spec_id for file in change.files):
            raise _changed(staged.table)
        noted[snapshots.SOURCE_SNAPSHOT] = str(head)
        updates, new_head = snapshots.build(table, change, noted)
        publish.move_main(table, updates, new_head, tag=tag, branch=branch, staged=head)

    def _publish_files(
        self, table: Table, staged: StagedOutput, provenance: Provenance, tag: str
    ) -> None:
        """Rows of a table that was made meanwhile, or whose columns change with them."""
        _check_fence(table, staged)
        files = _files(staged)
        evolved = None
        try:
            if staged.evolve is not None:
                evolved = evolution.plan(table, files, staged.table)
            target = evolved.table if evolved else table
            schema = target.schema()
            staging.check_columns(files, schema, staged.table)
            part = Slice.bind(staged.slice, schema)
            _layout(table, staged, part, schema, staged.table)
        except BadInput as error:
            done = "changed" if staged.evolve is not None else "made"
            raise Refused(
                f"Somebody else {done} {staged.table} meanwhile. {error.message}", field="table"
            ) from error
        write_id = uuid.uuid4()
        change = self._change(target, staged, write_id)
        updates, head = snapshots.build(target, change, _properties(staged, provenance, write_id))
        publish.move_main(
            target,
            (*evolved.updates, *updates) if evolved else updates,
            head,
            tag=tag,
            branch=staged.fence_branch,
            staged=staged.fence_snapshot_id,
            requirements=evolved.requirements if evolved else (),
        )

    def _create(
        self, identifier: Identifier, staged: StagedOutput, provenance: Provenance, tag: str
    ) -> None:
        if staged.branch is not None or staged.fence_branch is not None:
            raise _dropped(staged.table)
        files = _files(staged)
        schema = staging.new_schema(files, staged.table)
        part = Slice.bind(staged.slice, schema)
        self._catalog.create_namespace_if_not_exists(identifier[:1])
        transaction = self._catalog.create_table_transaction(
            identifier,
            schema,
            location=self._new_folder(identifier),
            partition_spec=layout.partitions(staged.partition_by, part, schema),
            sort_order=layout.order(staged.sort_by, schema),
            properties=_TABLE_PROPERTIES,
        )
        table: StagedTable = transaction._table  # type: ignore[assignment]  # noqa: SLF001
        write_id = uuid.uuid4()
        change = self._change(table, staged, write_id)
        updates, head = snapshots.build(table, change, _properties(staged, provenance, write_id))
        publish.create(table, updates, head, tag=tag)

    def _new_folder(self, identifier: Identifier) -> str:
        """A folder that no table has: a renamed one keeps its own, which its drop removes."""
        schema, table = identifier
        return f"{self._settings.warehouse.location}/{schema}/{table}-{uuid.uuid4().hex}"

    def _change(self, table: Table, staged: StagedOutput, write_id: uuid.UUID) -> snapshots.Change:
        schema = table.schema()
        order = layout.order(staged.sort_by, schema) if staged.sort_by else None
        return snapshots.Change(
            mode=staged.mode,
            part=Slice.bind(staged.slice, schema),
            keys=staged.keys,
            key_rows=self._key_rows(table, staged),
            files=snapshots.write(table, _files(staged).conformed(schema), write_id, order),
            rows=staged.rows,
        )

    def _key_rows(self, table: Table, staged: StagedOutput) -> Any:
        if not staged.keys or not staged.rows:
            return None
        pieces = _files(staged).conformed(table.schema(), staged.keys)
        return snapshots.distinct(staged.keys, pieces)

    def _check_keys(
        self, request: OutputRequest, files: staging.StagedFiles, schema: Schema
    ) -> None:
        """Keys must name rows: there, not null, and once each."""
        unknown = [name for name in request.keys if name not in schema.column_names]
        if unknown:
            raise BadInput(f"The key {unknown[0]!r} is not a column.", field="keys")
        if not request.keys or not files.rows:
            return
        for piece in files.pieces(list(request.keys)):
            for name in request.keys:
                if piece.column(name).null_count:
                    raise BadInput(
                        f"Rows without the key {name!r} cannot be upserted.", field="keys"
                    )
        count, example = checks.repeated(self._settings, request.keys, files, schema)
        if count:
            shown = ", ".join(f"{name} = {value}" for name, value in example.items())
            raise BadInput(
                f"{count} keys come more than once, such as {shown}.",
                field="keys",
                hint="Keep one row of each before writing.",
            )

    def _drop(self, identifier: Identifier, branch: str) -> None:
        table = publish.load(self._catalog, identifier)
        snapshot = publish.drop_branch(table, branch) if table is not None else None
        if table is not None and snapshot is not None:
            publish.remove_files(table, snapshot)


def _files(staged: StagedOutput) -> staging.StagedFiles:
    missing = [name for name in staged.files if not Path(name).is_file()]
    if missing:
        raise Refused(
            f"{staged.table} was not changed: its staged files are gone.",
            field="table",
            hint="This attempt was discarded.",
        )
    return staging.StagedFiles(Path("/"), staged.files)


def _properties(
    staged: StagedOutput, provenance: Provenance, write_id: uuid.UUID
) -> dict[str, str]:
    noted = versions.properties(provenance, operation=staged.mode, sequence=staged.sequence)
    noted |= {"orch.rows": str(staged.rows), snapshots.WRITE_ID: str(write_id)}
    if staged.slice:
        noted["orch.slice"] = json.dumps(staged.slice)
    if staged.checks:
        noted[versions.CHECKS] = check_results.to_text(staged.checks)
    if staged.keys:
        noted["orch.keys"] = json.dumps(staged.keys)
    return noted


def _layout(
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


def _check_fence(table: Table, staged: StagedOutput) -> None:
    if staged.fence_branch is None:
        return
    reference = table.metadata.refs.get(staged.fence_branch)
    if reference is None or reference.snapshot_id != staged.fence_snapshot_id:
        raise _replaced(staged.table)


def _check_shape(request: OutputRequest) -> None:
    if request.mode not in ("append", "replace", "upsert"):
        raise BadInput(
            f"{request.mode!r} is not a way to write.",
            field="mode",
            hint="Use append, replace or upsert.",
        )
    if request.slice and request.mode != "replace":
        raise BadInput(f"Mode {request.mode} takes no slice.", field="slice")
    if request.mode == "upsert" and not request.keys:
        raise BadInput("Mode upsert needs the key columns.", field="keys", hint='keys=["id"]')
    if request.keys and request.mode != "upsert":
        raise BadInput(f"Mode {request.mode} takes no keys.", field="keys")


def _same_shape(seen: Table, latest: Table) -> None:
    if (
        seen.metadata.table_uuid != latest.metadata.table_uuid
        or seen.metadata.current_schema_id != latest.metadata.current_schema_id
        or seen.metadata.default_spec_id != latest.metadata.default_spec_id
    ):
        raise _changed(".".join(latest.name()))


def _replaced(name: str) -> Refused:
    return Refused(
        f"{name} was not changed: this attempt may not publish any more.",
        field="table",
        hint="Its branch was dropped, by a cancel or because another worker took over.",
    )


def _dropped(name: str) -> Refused:
    return Refused(f"{name} was dropped while it was written to.", field="table")


def _changed(name: str) -> Refused:
    return Refused(
        f"The columns of {name} were changed while it was written to.",
        field="table",
        hint="Run it again.",
    )
