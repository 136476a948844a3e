"""Counts what became of every due instant and every attempt, against what must have.

Runs are read as they end, before retention removes them. What is remembered of them does not grow:
one bit for each due instant that the oracle names, and counters.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.model import JobSpec
from jupyter_orch.store.tables import attempt, run
from motion.fate import fate
from motion.oracle import Oracle
from motion.world import SECOND

_NOTED = 20  # findings that are told word for word


@dataclass
class _Expected:
    """The due instants of one trigger, and which of them have a row."""

    due: "array[int]"
    seen: bytearray


@dataclass
class Findings:
    """What the end of the simulation tells."""

    due: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    skipped_instants: int = 0
    missing: int = 0
    doubled: int = 0
    invented: int = 0
    wrong: int = 0
    #: Ends that somebody had to be told of.
    to_tell: int = 0
    notes: list[str] = field(default_factory=list)


class Audit:
    """One for a whole simulation."""

    def __init__(self, oracle: Oracle, specs: Sequence[JobSpec], seed: int) -> None:
        self._seed = seed
        self._specs = {spec.name: spec for spec in specs}
        self._expected = {
            (spec.name, trigger.id): _of(oracle.due(trigger))
            for spec in specs
            for trigger in spec.triggers
        }
        self._until = 0
        self.backfilled: Counter[str] = Counter()
        self.found = Findings(due=sum(len(each.due) for each in self._expected.values()))

    def read(self, connection: sa.Connection, until: int) -> None:
        """Looks at the runs that ended since the last time and before `until`."""
        ended = sa.and_(run.c.ended_at >= self._until, run.c.ended_at < until)
        self._until = until
        tries: dict[str, list[Any]] = {}
        found = sa.select(attempt).join(run, run.c.id == attempt.c.run_id).where(ended)
        for row in connection.execute(found.order_by(attempt.c.run_id, attempt.c.number)):
            tries.setdefault(row.run_id, []).append(row)
        for row in connection.execute(sa.select(*_COLUMNS).where(ended)):
            self._count(row)
            self._judge(row, tries.get(row.id, []))

    def close(self) -> Findings:
        """What is missing now has no row at all."""
        for (job, trigger), each in self._expected.items():
            holes = each.seen.count(0)
            if holes:
                at = each.due[each.seen.index(0)]
                self._note("missing", f"{job}/{trigger}: {holes}, the first at {at}", holes)
        return self.found

    def _count(self, row: sa.Row[Any]) -> None:
        self.found.runs[row.state] += 1
        self.found.kinds[row.kind] += 1
        if row.reason:
            self.found.reasons[row.reason] += 1
        if row.kind == "backfill":
            self.backfilled[row.backfill_id] += 1
            return
        if row.state == "failed" and self._specs[row.job_name].notifications:
            self.found.to_tell += 1
        each = self._expected[row.job_name, row.trigger_id]
        first, last = row.logical_time, row.logical_time
        if row.state == "skipped":
            first, last = row.skipped_first, row.skipped_last
            self.found.skipped_instants += row.skipped_count
        begin = bisect_left(each.due, first // SECOND)
        end = bisect_right(each.due, last // SECOND)
        covered = max(1, row.skipped_count)
        if end - begin != covered or each.due[begin] * SECOND != first:
            self._note("invented", f"{row.job_name} {row.run_key}: {end - begin} of {covered}")
        doubled = sum(each.seen[begin:end])
        if doubled:
            self._note("doubled", f"{row.job_name} {row.run_key}", doubled)
        each.seen[begin:end] = b"\1" * (end - begin)

    def _judge(self, row: sa.Row[Any], tries: list[Any]) -> None:
        """Whether the attempts are those that their fates and the policy lead to."""
        for each in tries:
            self.found.attempts[each.reason or each.state] += 1
        policies = self._specs[row.job_name].policies
        spent = lost = 0
        expected: set[str] = {"queued"}
        for number, each in enumerate(tries, 1):
            drawn = fate(self._seed, row.job_name, row.run_key, number)
            if each.number != number or "queued" not in expected:
                self._note("wrong", f"{row.job_name} {row.run_key}: attempt {each.number}")
                return
            spent += 1
            again = {"queued"} if spent <= policies.retries else {"failed"}
            if each.reason == "worker_lost":
                spent -= lost == 0
                expected = {"queued", "cancelled"} if lost == 0 else again
                lost += 1
            elif each.state == "cancelled":
                expected = {"cancelled"}
            elif drawn.fails == (each.state == "failed"):
                expected = {"succeeded"} if not drawn.fails else again
                expected = {"failed"} if drawn.hopeless else expected
            else:
                self._note("wrong", f"{row.job_name} {row.run_key}: {each.state} by {drawn}")
                return
        if "queued" in expected:  # it ended while it waited
            expected = {"cancelled", "skipped"} if not tries else {"cancelled"}
            if policies.queue_timeout_seconds and row.reason == "queue_timeout":
                expected.add("failed")
        if row.state not in expected:
            self._note("wrong", f"{row.job_name} {row.run_key}: {row.state}, not {expected}")

    def _note(self, what: str, words: str, count: int = 1) -> None:
        setattr(self.found, what, getattr(self.found, what) + count)
        if len(self.found.notes) < _NOTED:
            self.found.notes.append(f"{what}: {words}")


_COLUMNS = (
    run.c.id,
    run.c.job_name,
    run.c.run_key,
    run.c.kind,
    run.c.trigger_id,
    run.c.backfill_id,
    run.c.state,
    run.c.reason,
    run.c.logical_time,
    run.c.skipped_count,
    run.c.skipped_first,
    run.c.skipped_last,
)


def _of(due: "array[int]") -> _Expected:
    return _Expected(due=due, seen=bytearray(len(due)))
