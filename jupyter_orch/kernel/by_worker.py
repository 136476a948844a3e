"""Tables of a team in a run: the worker opens them, as no kernel has the passwords."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.outputs import Selection, TableVersion
from jupyter_orch.domain.versions import TableDiff
from jupyter_orch.kernel.channel import Channel
from jupyter_orch.settings import Settings
from jupyter_orch.settings_warehouse import BY_WORKER

if TYPE_CHECKING:
    import pyarrow as pa


def channel(settings: Settings) -> Channel | None:
    """The way to the worker, when tables are read through it alone."""
    if settings.warehouse.catalog_uri != BY_WORKER:
        return None
    return Channel.from_environment()


def read(worker: Channel, wanted: Selection) -> "pa.Table":
    """The rows, out of a file that the worker wrote for this kernel; it is gone at once."""
    import pyarrow as pa

    from jupyter_orch import wire

    file = Path(_ask(worker, do="read", wanted=wire.dump(wanted))["file"])
    try:
        with pa.memory_map(str(file)) as source:
            return pa.ipc.open_file(source).read_all()
    finally:
        file.unlink(missing_ok=True)


def versions(worker: Channel, table: str, limit: int) -> list[TableVersion]:
    """The newest versions, newest first."""
    return list(map(_version, _ask(worker, do="versions", table=table, limit=limit)))


def diff(worker: Channel, table: str, before: int, after: int, keys: Sequence[str]) -> TableDiff:
    """What changed from one version to another."""
    from jupyter_orch import wire

    asked = {"table": table, "before": before, "after": after, "keys": list(keys)}
    found: TableDiff = wire.load(TableDiff, _ask(worker, do="diff", **asked))
    return found


def rollback(worker: Channel, table: str, version: int, reason: str | None) -> TableVersion:
    """Makes an old version current again."""
    return _version(_ask(worker, do="rollback", table=table, version=version, **_said(reason)))


def undo(
    worker: Channel, table: str, run: str, *, force: bool, reason: str | None
) -> list[TableVersion]:
    """Takes back what a run published to the table."""
    made = _ask(worker, do="undo", table=table, run=run, force=force, **_said(reason))
    return list(map(_version, made))


def pin(worker: Channel, table: str, version: int, *, pinned: bool) -> TableVersion:
    """Keeps a version, or lets it go."""
    return _version(_ask(worker, do="pin", table=table, version=version, pinned=pinned))


def _version(found: Any) -> TableVersion:
    from jupyter_orch import wire

    made: TableVersion = wire.load(TableVersion, found)
    return made


def _said(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}


def _ask(worker: Channel, **message: Any) -> Any:
    try:
        return worker.request(message)
    finally:
        worker.close()
