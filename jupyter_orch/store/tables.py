"""The tables. Instants are microseconds since 1970 in UTC; ids are ULIDs in text."""

from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.states import RunState

#: States of a run that has not ended, and of one that a worker holds.
ACTIVE = (RunState.QUEUED, RunState.RUNNING, RunState.PUBLISHING)
HELD = (RunState.RUNNING, RunState.PUBLISHING)

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

#: SQLite counts rows only for a column of type INTEGER.
_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ID = sa.String(26)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


schema_info = sa.Table(
    "schema_info",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    #: The oldest version of the code that can work with this schema.
    _text("min_code"),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("team_id"),
    _text("name"),
    #: The name without case: what lists are sorted and searched by.
    _text("name_key"),
    _text("notebook"),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("paused", sa.Boolean(), nullable=False),
    _text("error", nullable=True),
    #: The run of the job that ended last, skipped ones apart, and how; written as it ends.
    sa.Column("last_run_id", _ID, nullable=True),
    _text("last_state", nullable=True),
    _text("created_by"),
    _instant("created_at"),
    _instant("updated_at"),
    sa.UniqueConstraint("team_id", "name"),
    sa.Index("ix_job_list", "team_id", "name_key", "id"),
    sa.Index("ix_job_notebook", "team_id", "notebook"),
    sa.Index("ix_job_last_state", "team_id", "last_state", "name_key", "id"),
)

job_version = sa.Table(
    "job_version",
    metadata,
    sa.Column("job_id", _ID, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    _text("team_id"),
    _json("spec"),
    _text("notebook_sha256", nullable=True),
    _text("created_by"),
    _instant("created_at"),
)

trigger = sa.Table(
    "trigger",
    metadata,
    sa.Column("job_id", _ID, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("id", sa.String(64), primary_key=True),
    _text("team_id"),
    _instant("next_due", nullable=True),
    _instant("last_due", nullable=True),
    sa.Index("ix_trigger_due", "next_due"),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("team_id"),
    #: No foreign key: history outlives the job.
    sa.Column("job_id", _ID, nullable=True),
    _text("job_name"),
    _text("job_name_key"),
    sa.Column("job_version", sa.Integer(), nullable=True),
    _text("run_key"),
    _text("kind"),
    sa.Column("trigger_id", sa.String(64), nullable=True),
    sa.Column("backfill_id", _ID, nullable=True),
    _text("state"),
    _text("reason", nullable=True),
    _json("error", nullable=True),
    #: Of a run that has failed, beside its error: earlier code refuses an error with more fields.
    _text("cell_source", nullable=True),
    _text("fingerprint", nullable=True),
    _instant("logical_time"),
    _instant("interval_start", nullable=True),
    _instant("interval_end", nullable=True),
    _instant("not_before"),
    _json("parameters"),
    _text("notebook"),
    _text("notebook_sha256"),
    _text("kernel", nullable=True),
    _json("policies"),
    #: Some policies once more, for the queries that claim and sweep.
    _text("overlap"),
    sa.Column("max_parallel", sa.Integer(), nullable=True),
    sa.Column("pool", sa.Text(), nullable=False, server_default="default"),
    sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
    #: When a run that still waits fails for it.
    _instant("queue_until", nullable=True),
    #: When a run that still waits is late; absent: never, or told already.
    _instant("late_at", nullable=True),
    sa.Column("attempt", sa.Integer(), nullable=False),
    sa.Column("free_attempts", sa.Integer(), nullable=False, server_default="0"),
    _text("owner", nullable=True),
    _instant("lease_until", nullable=True),
    sa.Column("cells_done", sa.Integer(), nullable=False),
    sa.Column("cells_total", sa.Integer(), nullable=False),
    sa.Column("skipped_count", sa.BigInteger(), nullable=False),
    _instant("skipped_first", nullable=True),
    _instant("skipped_last", nullable=True),
    sa.Column("rerun_of", _ID, nullable=True),
    sa.Column("cancel_requested", sa.Boolean(), nullable=False),
    sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
    _text("created_by"),
    _instant("created_at"),
    _instant("started_at", nullable=True),
    _instant("ended_at", nullable=True),
    sa.UniqueConstraint("job_id", "run_key"),
    sa.Index("ix_run_team", "team_id", "id"),
    sa.Index("ix_run_state", "team_id", "state", "id"),
    sa.Index("ix_run_job", "job_id", "id"),
    #: For pages with filters: each combination of state and kind has its newest runs in one place.
    sa.Index("ix_run_team_filter", "team_id", "state", "kind", "id"),
    sa.Index("ix_run_job_filter", "job_id", "state", "kind", "id"),
    sa.Index("ix_run_name_filter", "team_id", "job_name_key", "state", "kind", "id"),
    #: Whether anybody still needs a frozen notebook.
    sa.Index("ix_run_notebook", "notebook_sha256"),
)
sa.Index(
    "uq_run_without_job",
    run.c.team_id,
    run.c.run_key,
    unique=True,
    sqlite_where=run.c.job_id.is_(None),
    postgresql_where=run.c.job_id.is_(None),
)


def in_state(runs: sa.FromClause, *states: RunState) -> sa.ColumnElement[bool]:
    """Whether a run is in one of the states, in words that match the partial indices.

    States stand as literals: with bound values SQLite cannot know that such an index applies.
    """
    literals = [sa.literal_column(f"'{state}'", sa.Text()) for state in states]
    return runs.c.state.in_(literals) if len(literals) > 1 else runs.c.state == literals[0]


for _name, _columns, _where in (
    ("ix_run_queue", (run.c.not_before, run.c.id), in_state(run, RunState.QUEUED)),
    (
        "ix_run_claim",
        (
            run.c.priority.desc(),
            run.c.not_before,
            run.c.id,
            # what a look through the queue filters by
            run.c.job_id,
            run.c.overlap,
            run.c.max_parallel,
            run.c.backfill_id,
            run.c.team_id,
            run.c.pool,
        ),
        in_state(run, RunState.QUEUED),
    ),
    (
        "ix_run_turn",
        (run.c.job_id, run.c.priority.desc(), run.c.not_before, run.c.id),
        in_state(run, RunState.QUEUED),
    ),
    ("ix_run_active", (run.c.job_id, run.c.state), in_state(run, *ACTIVE)),
    ("ix_run_lease", (run.c.lease_until,), in_state(run, *HELD)),
    ("ix_run_pool", (run.c.team_id, run.c.pool), in_state(run, *ACTIVE)),
    ("ix_run_queue_until", (run.c.queue_until,), run.c.queue_until.is_not(None)),
    ("ix_run_late", (run.c.late_at,), run.c.late_at.is_not(None)),
    ("ix_run_backfill", (run.c.backfill_id, run.c.id), run.c.backfill_id.is_not(None)),
    (
        "ix_run_backfill_state",
        (run.c.backfill_id, run.c.state),
        run.c.backfill_id.is_not(None),
    ),
    (
        "ix_run_backfill_filter",
        (run.c.backfill_id, run.c.state, run.c.kind, run.c.id),
        run.c.backfill_id.is_not(None),
    ),
    (
        "ix_run_interval",
        (run.c.job_id, run.c.trigger_id, run.c.logical_time),
        run.c.trigger_id.is_not(None),
    ),
    #: The same with the state, so that a grid of intervals is read from the index alone.
    (
        "ix_run_grid",
        (run.c.job_id, run.c.trigger_id, run.c.logical_time, run.c.state),
        run.c.trigger_id.is_not(None),
    ),
    #: Pages of equal failures.
    (
        "ix_run_failure_page",
        (run.c.team_id, run.c.fingerprint, run.c.id),
        run.c.fingerprint.is_not(None),
    ),
    (
        "ix_run_job_failure",
        (run.c.job_id, run.c.fingerprint, run.c.id),
        run.c.fingerprint.is_not(None),
    ),
    ("ix_run_ended", (run.c.ended_at,), run.c.ended_at.is_not(None)),
    (
        "ix_run_job_ended",
        (run.c.job_id, run.c.state, run.c.ended_at),
        run.c.ended_at.is_not(None),
    ),
):
    sa.Index(_name, *_columns, sqlite_where=_where, postgresql_where=_where)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("run_id", _ID, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    _text("worker"),
    _instant("started_at"),
    _instant("ended_at", nullable=True),
    _text("state", nullable=True),
    _text("reason", nullable=True),
    _json("error", nullable=True),
    _text("cell_source", nullable=True),
    _text("fingerprint", nullable=True),
    #: When somebody cleared away what a lost worker's attempt left; absent: not yet, or no need.
    _instant("swept_at", nullable=True),
)
_left_behind = sa.text("state = 'failed' AND reason = 'worker_lost' AND swept_at IS NULL")
sa.Index(
    "ix_attempt_lost",
    attempt.c.ended_at,
    sqlite_where=_left_behind,
    postgresql_where=_left_behind,
)

#: Equal failures of a job, counted as its runs end.
failure = sa.Table(
    "failure",
    metadata,
    sa.Column("team_id", sa.Text(), primary_key=True),
    sa.Column("fingerprint", sa.Text(), primary_key=True),
    #: Empty for runs of no job.
    sa.Column("job_id", _ID, primary_key=True),
    _text("job_name"),
    sa.Column("times", sa.BigInteger(), nullable=False),
    _instant("first_at"),
    _instant("last_at"),
    sa.Column("last_run_id", _ID, nullable=False),
    sa.Index("ix_failure_last", "team_id", "last_at", "fingerprint"),
    sa.Index("ix_failure_run", "last_run_id"),
)

publish_intent = sa.Table(
    "publish_intent",
    metadata,
    sa.Column("run_id", _ID, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer(), nullable=False),
    _json("staged"),
)

published_version = sa.Table(
    "published_version",
    metadata,
    sa.Column("run_id", _ID, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
    _text("table_name"),
    sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
    _json("version"),
    sa.Index("ix_published_version_table", "table_name", "snapshot_id"),
)

#: Tables of the warehouse, as the catalog showed them when it was last looked at.
lake_table = sa.Table(
    "lake_table",
    metadata,
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("uuid", sa.String(36), nullable=False),
    #: Of the metadata that was looked at.
    _text("location"),
    #: Position of the newest version; absent: it has none.
    sa.Column("newest", sa.Integer(), nullable=True),
    #: Whether that one is what readers see; else there is nothing to see.
    sa.Column("current", sa.Boolean(), nullable=False),
)

#: Every version that a table ever had, in the order in which `main` reached them.
table_version = sa.Table(
    "table_version",
    metadata,
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
    _instant("committed_at"),
    _json("version"),
    sa.Column("pinned", sa.Boolean(), nullable=False),
    #: Whether the catalog no longer has it.
    sa.Column("expired", sa.Boolean(), nullable=False),
    sa.Index("ix_table_version_snapshot", "name", "snapshot_id"),
)
sa.Index(
    "ix_table_version_kept",
    table_version.c.name,
    table_version.c.snapshot_id,
    table_version.c.pinned,
    sqlite_where=sa.text("NOT expired"),
    postgresql_where=sa.text("NOT expired"),
)

#: Files that go once their snapshots are gone: written before those go, deleted afterwards.
removal = sa.Table(
    "removal",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(300), nullable=False),
    _json("what"),
    _instant("made_at"),
)

query = sa.Table(
    "query",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("run_id", _ID, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("attempt", sa.Integer(), nullable=False),
    _text("query_id"),
    _instant("recorded_at"),
    sa.Index("ix_query_run", "run_id", "id"),
)

change = sa.Table(
    "change",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("key"),
    sqlite_autoincrement=True,  # a pruned cursor must never come back
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    _text("host"),
    sa.Column("pid", sa.Integer(), nullable=False),
    sa.Column("slots", sa.Integer(), nullable=False),
    sa.Column("busy", sa.Integer(), nullable=False),
    _instant("last_seen"),
)

#: Slots that limit how many runs go on; a pool without a row has none.
pool = sa.Table(
    "pool",
    metadata,
    sa.Column("team_id", sa.Text(), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("slots", sa.Integer(), nullable=True),
)

backfill = sa.Table(
    "backfill",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("team_id"),
    #: No foreign key: history outlives the job.
    sa.Column("job_id", _ID, nullable=False),
    _text("job_name"),
    sa.Column("job_version", sa.Integer(), nullable=False),
    _json("trigger"),
    _instant("first"),
    _instant("last"),
    _text("only"),
    sa.Column("newest_first", sa.Boolean(), nullable=False),
    sa.Column("concurrency", sa.Integer(), nullable=False),
    sa.Column("priority", sa.Integer(), nullable=False),
    _json("parameters"),
    _text("notebook_sha256", nullable=True),
    _text("state"),
    _text("error", nullable=True),
    sa.Column("planned", sa.Integer(), nullable=False),
    #: Runs of it that retention has removed, by state.
    sa.Column(
        "removed", sa.JSON(none_as_null=True), nullable=False, server_default=sa.text("'{}'")
    ),
    _instant("cursor", nullable=True),
    #: Whether nothing comes after the cursor.
    sa.Column("exhausted", sa.Boolean(), nullable=False, server_default=sa.false()),
    #: When it was last gone on with: who waited longest is next.
    sa.Column("fed_at", sa.BigInteger(), nullable=False, server_default="0"),
    _text("created_by"),
    _instant("created_at"),
    _instant("ended_at", nullable=True),
    sa.Index("ix_backfill_job", "job_id", "created_at", "id"),
    sa.Index("ix_backfill_team", "team_id", "created_at", "id"),
)
sa.Index(
    "ix_backfill_running",
    backfill.c.id,
    sqlite_where=backfill.c.state == sa.literal_column("'running'"),
    postgresql_where=backfill.c.state == sa.literal_column("'running'"),
)

#: The outbox: written in the transaction of what it tells about, deleted once it is sent.
notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    _text("team_id"),
    _text("kind"),
    sa.Column("job_id", _ID, nullable=True),
    _text("job_name"),
    #: No foreign key: what is told may outlive the run's row.
    sa.Column("run_id", _ID, nullable=False),
    _text("target"),
    _json("facts"),
    _instant("created_at"),
    #: When it may be sent (again); while one sends it, when others may try.
    _instant("not_before"),
    sa.Column("tries", sa.Integer(), nullable=False),
    _text("last_error", nullable=True),
    sa.Index("ix_notice_due", "not_before"),
    sa.UniqueConstraint("run_id", "kind", "target"),
)
