"""Tables of a team, read in a run: the worker opens them, as no kernel has the passwords."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.outputs import Selection, TableVersion
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
    from jupyter_orch import wire

    found = _ask(worker, do="versions", table=table, limit=limit)
    return [wire.load(TableVersion, item) for item in found]


def rollback(worker: Channel, table: str, version: int, reason: str | None) -> TableVersion:
    """Makes an old version current again."""
    from jupyter_orch import wire

    said = {} if reason is None else {"reason": reason}
    found: TableVersion = wire.load(
        TableVersion, _ask(worker, do="rollback", table=table, version=version, **said)
    )
    return found


def _ask(worker: Channel, **message: Any) -> Any:
    try:
        return worker.request(message)
    finally:
        worker.close()
