"""The commit that makes a staged output visible, whatever happened to the table meanwhile."""

import uuid
from collections.abc import Callable

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StagedTable, Table

from jupyter_orch.domain.errors import BadInput, Refused
from jupyter_orch.domain.outputs import Provenance, StagedOutput, TableVersion
from jupyter_orch.warehouse import (
    evolution,
    layout,
    names,
    publish,
    snapshots,
    staged_rows,
    staging,
    versions,
)
from jupyter_orch.warehouse.names import Identifier
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


class Publication:
    """Publishes staged outputs of one catalog.

    Args:
        location: Folder of the warehouse, for tables that are made.
        catalog: Opens the catalog.
    """

    def __init__(self, location: str, catalog: Callable[[], SqlCatalog]) -> None:
        self._location = location
        self._open = catalog

    @property
    def _catalog(self) -> SqlCatalog:
        return self._open()

    def publish(
        self, identifier: Identifier, staged: StagedOutput, provenance: Provenance
    ) -> TableVersion:
        """Makes it visible unless that has happened, in one commit with the run's tag.

        Raises:
            Refused: The attempt may not publish any more, or the table is another one by now.
        """
        table = publish.load(self._catalog, identifier)
        if table is not None:
            version = versions.find(table, provenance.run_id, staged.sequence)
            if version is not None:
                return version
        tag = names.tag(provenance.run_id, staged.sequence)
        if table is None:
            self._create(identifier, staged, provenance, tag)
        elif staged.branch is None:
            self._add_files(table, staged, provenance, tag)
        else:
            self._move_main(table, staged, staged.branch, tag)
        return self.publish(identifier, staged, provenance)

    def _move_main(self, table: Table, staged: StagedOutput, branch: str, tag: str) -> None:
        reference = table.metadata.refs.get(branch)
        if reference is None or reference.snapshot_id != staged.snapshot_id:
            raise staged_rows.replaced(staged.table)
        head = reference.snapshot_id
        if table.metadata.current_snapshot_id == staged.base_snapshot_id:
            publish.move_main(table, (), head, tag=tag, branch=branch, staged=head)
            return
        snapshot = table.metadata.snapshot_by_id(head)
        if snapshot is None or snapshot.schema_id != table.metadata.current_schema_id:
            raise staged_rows.changed(staged.table)
        noted = dict(snapshot.summary.additional_properties) if snapshot.summary else {}
        noted = {key: value for key, value in noted.items() if key.startswith("orch.")}
        change = snapshots.Change(
            mode=staged.mode,
            part=Slice.bind(staged.slice, table.schema()),
            keys=staged.keys,
            key_rows=staged_rows.key_rows(table, staged),
            files=snapshots.written(table, snapshot),
            rows=staged.rows,
        )
        if any(file.spec_id != table.metadata.default_spec_id for file in change.files):
            raise staged_rows.changed(staged.table)
        noted[snapshots.SOURCE_SNAPSHOT] = str(head)
        updates, new_head = snapshots.build(table, change, noted)
        publish.move_main(table, updates, new_head, tag=tag, branch=branch, staged=head)

    def _add_files(
        self, table: Table, staged: StagedOutput, provenance: Provenance, tag: str
    ) -> None:
        """Rows of a table that was made meanwhile, or whose columns change with them."""
        _check_fence(table, staged)
        files = staged_rows.files(staged)
        evolved = None
        try:
            if staged.evolve is not None:
                evolved = evolution.plan(table, files, staged.table)
            target = evolved.table if evolved else table
            schema = target.schema()
            staging.check_columns(files, schema, staged.table)
            part = Slice.bind(staged.slice, schema)
            staged_rows.partitions(table, staged, part, schema, staged.table)
        except BadInput as error:
            done = "changed" if staged.evolve is not None else "made"
            raise Refused(
                f"Somebody else {done} {staged.table} meanwhile. {error.message}", field="table"
            ) from error
        write_id = uuid.uuid4()
        change = staged_rows.change(target, staged, write_id)
        updates, head = snapshots.build(
            target, change, staged_rows.properties(staged, provenance, write_id)
        )
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
            raise staged_rows.dropped(staged.table)
        files = staged_rows.files(staged)
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
        change = staged_rows.change(table, staged, write_id)
        updates, head = snapshots.build(
            table, change, staged_rows.properties(staged, provenance, write_id)
        )
        publish.create(table, updates, head, tag=tag)

    def _new_folder(self, identifier: Identifier) -> str:
        """A folder that no table has: a renamed one keeps its own, which its drop removes."""
        schema, table = identifier
        return f"{self._location}/{schema}/{table}-{uuid.uuid4().hex}"


def _check_fence(table: Table, staged: StagedOutput) -> None:
    if staged.fence_branch is None:
        return
    reference = table.metadata.refs.get(staged.fence_branch)
    if reference is None or reference.snapshot_id != staged.fence_snapshot_id:
        raise staged_rows.replaced(staged.table)
