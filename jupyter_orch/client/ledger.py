"""The ledger over the service: for workers elsewhere, such as `papermill` beside it."""

from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, TypeVar, cast

from jupyter_orch.client.http import Client
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.outputs import StagedOutput, TableVersion
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import Held, News, WorkerInfo
from jupyter_orch.wire import dump, load

T = TypeVar("T")
#: The part of an error that a service of older code refuses.
_NEW = "cell_source"


class LedgerClient:
    """`ports.Ledger` over the service: for `papermill` beside it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def news(self, worker: str, held: Iterable[RunId], *, room: bool) -> News:
        """See `ports.Ledger`."""
        return self._call(News, "news", worker=worker, held=list(held), room=room)

    def claim_runs(self, worker: str, *, limit: int, lease_seconds: float) -> tuple[Run, ...]:
        """See `ports.Ledger`."""
        return self._call(
            tuple[Run, ...], "claim_runs", worker=worker, limit=limit, lease_seconds=lease_seconds
        )

    def claim_publications(
        self, worker: str, *, limit: int, lease_seconds: float
    ) -> tuple[tuple[Run, tuple[StagedOutput, ...]], ...]:
        """See `ports.Ledger`."""
        return self._call(
            tuple[tuple[Run, tuple[StagedOutput, ...]], ...],
            "claim_publications",
            worker=worker,
            limit=limit,
            lease_seconds=lease_seconds,
        )

    def open_adhoc(self, run: Run, *, worker: str, lease_seconds: float) -> Run:
        """See `ports.Ledger`."""
        return self._call(Run, "open_adhoc", run=run, worker=worker, lease_seconds=lease_seconds)

    def heartbeat(
        self, worker: str, held: Iterable[tuple[RunId, int]], *, lease_seconds: float
    ) -> tuple[Held, ...]:
        """See `ports.Ledger`."""
        return self._call(
            tuple[Held, ...],
            "heartbeat",
            worker=worker,
            held=list(held),
            lease_seconds=lease_seconds,
        )

    def progress(self, worker: str, run_id: RunId, attempt: int, *, done: int, total: int) -> bool:
        """See `ports.Ledger`."""
        return self._call(
            bool, "progress", worker=worker, run_id=run_id, attempt=attempt, done=done, total=total
        )

    def record_query(self, worker: str, run_id: RunId, attempt: int, query_id: str) -> bool:
        """See `ports.Ledger`."""
        return self._call(
            bool, "record_query", worker=worker, run_id=run_id, attempt=attempt, query_id=query_id
        )

    def begin_publishing(
        self, worker: str, run_id: RunId, attempt: int, staged: Sequence[StagedOutput]
    ) -> bool:
        """See `ports.Ledger`."""
        return self._call(
            bool, "begin_publishing", worker=worker, run_id=run_id, attempt=attempt, staged=staged
        )

    def finish(
        self,
        worker: str,
        run_id: RunId,
        attempt: int,
        *,
        state: RunState,
        reason: Reason | None = None,
        error: RunError | None = None,
        versions: Sequence[TableVersion] = (),
        retry_in_seconds: float | None = None,
        cells: tuple[int, int] | None = None,
    ) -> bool:
        """See `ports.Ledger`."""
        told: dict[str, Any] = {
            "worker": worker,
            "run_id": run_id,
            "attempt": attempt,
            "state": state,
            "reason": reason,
            "versions": versions,
            "retry_in_seconds": retry_in_seconds,
        }
        if cells is not None:  # a service of older code refuses it
            told["cells"] = cells
        try:
            return self._call(bool, "finish", **told, error=error)
        except BadInput as refused:
            if error is None or refused.field != f"error.{_NEW}":
                raise
        older = {name: value for name, value in dump(error).items() if name != _NEW}
        return self._call(bool, "finish", **told, error=older)

    def reap(self) -> int:
        """See `ports.Ledger`."""
        return self._call(int, "reap")

    def beat(self, worker: WorkerInfo) -> None:
        """See `ports.Ledger`."""
        self._call(NoneType, "beat", worker=worker)

    def workers(self) -> tuple[WorkerInfo, ...]:
        """See `ports.Ledger`."""
        return self._call(tuple[WorkerInfo, ...], "workers")

    def _call(self, kind: type[T], method: str, **arguments: Any) -> T:
        answer = self._client.call_ledger(method, dump(arguments))
        return cast("T", load(kind, answer))
