"""Versioned tables: staged where nobody reads, checked, and published in one commit.

An output of a table that exists is staged as one snapshot on a branch of the attempt's own;
publishing moves `main` to it. When main moved meanwhile, the same data files are put onto the new
main. An output of a table that does not exist yet waits as Parquet files; publishing makes the
table with its rows in one commit. So does an output that changes the table's columns: they are
changed by the commit that brings the rows. `publication` has that commit.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from jupyter_orch.domain.errors import BadInput
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
    checks,
    evolution,
    layout,
    names,
    publish,
    scratch,
    snapshots,
    staged_rows,
    staging,
)
from jupyter_orch.warehouse.handover import Handover
from jupyter_orch.warehouse.names import SCRATCH_SCHEMA, Identifier
from jupyter_orch.warehouse.publication import Publication
from jupyter_orch.warehouse.slices import Slice


class Outputs:
    """Stages, publishes and discards outputs; safe to call from any thread."""

    def __init__(self, settings: Settings, catalog: Callable[[], SqlCatalog]) -> None:
        self._settings = settings
        self._open = catalog
        self._handover = Handover(settings, catalog)
        self._publication = Publication(settings.warehouse.location, catalog)

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
        spec = staged_rows.partitions(table, request, part, schema, name)
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
            self._settings,
            identifier,
            lambda: self._publication.publish(identifier, staged, provenance),
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
        change = staged_rows.change(table, staged, write_id)
        noted = staged_rows.properties(staged, provenance, write_id)
        branch, head, base = self._branch(table, staged, provenance, change, noted)
        return replace(staged, branch=branch, snapshot_id=head, base_snapshot_id=base)

    def _fence(self, table: Table, staged: StagedOutput, provenance: Provenance) -> StagedOutput:
        """A branch without rows: the rows wait as files, as the table lacks their columns yet.

        A table has one list of columns for all of its branches.
        """
        nothing = snapshots.Change(
            mode="append", part=Slice({}, {}), keys=(), key_rows=None, files=(), rows=0
        )
        noted = staged_rows.properties(staged, provenance, uuid.uuid4())
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
                raise staged_rows.dropped(staged.table)
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
        raise staged_rows.changed(".".join(latest.name()))
