"""How the intervals of a trigger stand, over all runs that there are of them."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from jupyter_orch.domain.ids import JobId
from jupyter_orch.domain.states import RunState, best
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant, micros
from jupyter_orch.store.tables import run

#: Looked up far faster than made: a grid may have a hundred thousand of them.
_STATES = {state.value: state for state in RunState}


def interval_states(
    connection: sa.Connection, job_id: JobId, trigger_id: str, first: datetime, last: datetime
) -> dict[datetime, RunState]:
    """`RunStore.interval_states` inside a transaction: one walk down `ix_run_grid`."""
    rows = connection.execute(
        sa.select(run.c.logical_time, run.c.state).where(
            run.c.job_id == job_id,
            run.c.trigger_id == trigger_id,
            run.c.logical_time.between(micros(first), micros(last)),
        )
    )
    found: dict[int, RunState] = {}
    for at, written in rows:
        state = _STATES[written]
        found[at] = best(found[at], state) if at in found else state
    return {instant(at): state for at, state in found.items()}


class SqlIntervals:
    """The part of ports.RunStore that is about intervals."""

    _database: Database

    def interval_states(
        self, job_id: JobId, trigger_id: str, first: datetime, last: datetime
    ) -> Mapping[datetime, RunState]:
        """By logical time from `first` to `last`: the best state that a run of it has."""
        with self._database.reading() as connection:
            return interval_states(connection, job_id, trigger_id, first, last)
