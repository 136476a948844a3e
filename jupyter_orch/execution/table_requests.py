"""Reading for a kernel that cannot reach the tables of its team itself."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import Selection, TableVersion
from jupyter_orch.domain.versions import checked_reason
from jupyter_orch.execution.channel_server import Handler
from jupyter_orch.ports import Warehouse

_PAGE = 500
_MOST_VERSIONS = 100_000


class TableRequests:
    """Answers what a kernel asks about tables, for one attempt."""

    def __init__(self, warehouse: Warehouse, folder: Path, *, user: str) -> None:
        """Keeps where answers go.

        Args:
            warehouse: What is read.
            folder: The attempt's private folder, which is removed with it.
            user: Whose run it is.
        """
        self._warehouse = warehouse
        self._folder = folder
        self._user = user
        #: A comparison takes the engine's memory.
        self._comparing = threading.Lock()

    def handlers(self) -> dict[str, Handler]:
        """By the name in `do`."""
        return {
            "read": self._read,
            "versions": self._versions,
            "diff": self._diff,
            "rollback": self._rollback,
            "undo": self._undo,
            "pin": self._pin,
        }

    def _read(self, message: Mapping[str, Any]) -> dict[str, Any]:
        wanted: Selection = wire.load(Selection, message.get("wanted"), field="wanted")
        file = self._folder / f"read-{new_id()}.arrow"
        try:
            rows = self._warehouse.export(wanted, file)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return {"file": str(file), "rows": rows}

    def _versions(self, message: Mapping[str, Any]) -> Any:
        table, limit = _text(message, "table"), _whole(message, "limit")
        found: list[TableVersion] = []
        cursor: str | None = None
        while len(found) < min(limit, _MOST_VERSIONS):
            page = self._warehouse.versions(
                table, cursor=cursor, limit=min(limit - len(found), _PAGE)
            )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return wire.dump(found)

    def _diff(self, message: Mapping[str, Any]) -> Any:
        table = _text(message, "table")
        before, after = _whole(message, "before"), _whole(message, "after")
        keys = message.get("keys", [])
        if not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
            raise BadInput("keys must be texts.", field="keys")
        with self._comparing:
            return wire.dump(self._warehouse.diff(table, before, after, keys=keys))

    def _rollback(self, message: Mapping[str, Any]) -> Any:
        table, version = _text(message, "table"), _whole(message, "version")
        made = self._warehouse.rollback(table, version, user=self._user, reason=_reason(message))
        return wire.dump(made)

    def _undo(self, message: Mapping[str, Any]) -> Any:
        table, run_id = _text(message, "table"), RunId(_text(message, "run"))
        history = self._warehouse.history(table).versions
        made = self._warehouse.undo(
            run_id,
            [version for version in history if version.run_id == run_id],
            user=self._user,
            force=message.get("force") is True,
            reason=_reason(message),
        )
        return wire.dump(made)

    def _pin(self, message: Mapping[str, Any]) -> Any:
        table, version = _text(message, "table"), _whole(message, "version")
        if not isinstance(pinned := message.get("pinned", True), bool):
            raise BadInput("pinned must be true or false.", field="pinned")
        return wire.dump(self._warehouse.pin(table, version, pinned=pinned))


def _reason(message: Mapping[str, Any]) -> str | None:
    return checked_reason(_text(message, "reason")) if "reason" in message else None


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} must be text.", field=name)
    return value


def _whole(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} must be a whole number.", field=name)
    return value
