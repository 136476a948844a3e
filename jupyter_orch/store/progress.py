"""How far attempts are, by the word of their holders: several of them in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.tables import in_state, run
from jupyter_orch.store.together import Together

_RUNNING = (
    sa.select(run.c.id, run.c.owner, run.c.attempt)
    .where(run.c.id.in_(sa.bindparam("ids", expanding=True)), in_state(run, RunState.RUNNING))
    .order_by(run.c.id)  # so that two who do this at once never wait in a circle
    .with_for_update()
)
_TELL = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("of_run"))
    .values(cells_done=sa.bindparam("done"), cells_total=sa.bindparam("total"))
)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the holder of an attempt says of it; see `ports.Ledger.progress`."""

    worker: str
    run_id: RunId
    attempt: int
    done: int
    total: int


class SqlProgress:
    """The part of ports.Ledger that follows attempts."""

    _database: Database
    #: What is told side by side shares a transaction.
    _telling: Together[Progress, bool]

    def progress(self, worker: str, run_id: RunId, attempt: int, *, done: int, total: int) -> bool:
        """Tells how far the run is."""
        told = Progress(worker=worker, run_id=run_id, attempt=attempt, done=done, total=total)
        return self._telling.ask(told)

    def progress_all(self, told: Sequence[Progress]) -> tuple[bool, ...]:
        """`progress` for several attempts in one transaction."""
        with self._database.writing(durable=False) as connection:
            ids = sorted({each.run_id for each in told})
            held = {
                (row.id, row.owner, row.attempt)
                for row in connection.execute(_RUNNING, {"ids": ids})
            }
            answers = tuple((each.run_id, each.worker, each.attempt) in held for each in told)
            rows: dict[str, dict[str, Any]] = {
                each.run_id: {"of_run": each.run_id, "done": each.done, "total": each.total}
                for each, ours in zip(told, answers, strict=True)
                if ours
            }
            if rows:
                connection.execute(_TELL, list(rows.values()))
                record(connection, "run", rows)
            return answers
