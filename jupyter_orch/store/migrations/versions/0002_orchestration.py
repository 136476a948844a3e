"""Pools, priorities, backfills, notices, and what retention and planning look runs up by.

It only adds: code of the first version goes on working beside this one.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_QUEUED = "state = 'queued'"
_HELD = "state IN ('running', 'publishing')"
_ACTIVE = "state IN ('queued', 'running', 'publishing')"


def upgrade() -> None:
    for column in (
        sa.Column("trigger_id", sa.String(length=64), nullable=True),
        sa.Column("backfill_id", sa.String(length=26), nullable=True),
        sa.Column("max_parallel", sa.Integer(), nullable=True),
        sa.Column("pool", sa.Text(), nullable=False, server_default="default"),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("free_attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("queue_until", sa.BigInteger(), nullable=True),
        sa.Column("late_at", sa.BigInteger(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("run", column)
    priority = sa.text("priority DESC")
    filtered = ["job_id", "overlap", "max_parallel", "backfill_id", "team_id", "pool"]
    _partial("ix_run_claim", "run", [priority, "not_before", "id", *filtered], _QUEUED)
    _partial("ix_run_turn", "run", ["job_id", priority, "not_before", "id"], _QUEUED)
    _partial("ix_run_lease", "run", ["lease_until"], _HELD)
    _partial("ix_run_pool", "run", ["team_id", "pool"], _ACTIVE)
    _partial("ix_run_queue_until", "run", ["queue_until"], "queue_until IS NOT NULL")
    _partial("ix_run_late", "run", ["late_at"], "late_at IS NOT NULL")
    _partial("ix_run_backfill", "run", ["backfill_id", "id"], "backfill_id IS NOT NULL")
    state = ["backfill_id", "state"]
    _partial("ix_run_backfill_state", "run", state, "backfill_id IS NOT NULL")
    interval = ["job_id", "trigger_id", "logical_time"]
    _partial("ix_run_interval", "run", interval, "trigger_id IS NOT NULL")
    _partial("ix_run_ended", "run", ["ended_at"], "ended_at IS NOT NULL")
    by_job = ["job_id", "state", "ended_at"]
    _partial("ix_run_job_ended", "run", by_job, "ended_at IS NOT NULL")
    op.create_index("ix_run_notebook", "run", ["notebook_sha256"])
    op.create_index("ix_job_notebook", "job", ["team_id", "notebook"])
    op.create_table(
        "pool",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("team_id", "name", name="pk_pool"),
    )
    op.create_table(
        "backfill",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=False),
        sa.Column("job_name", sa.Text(), nullable=False),
        sa.Column("job_version", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("only", sa.Text(), nullable=False),
        sa.Column("newest_first", sa.Boolean(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("notebook_sha256", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("exhausted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("fed_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_backfill"),
    )
    op.create_index("ix_backfill_job", "backfill", ["job_id", "created_at", "id"])
    op.create_index("ix_backfill_team", "backfill", ["team_id", "created_at", "id"])
    _partial("ix_backfill_running", "backfill", ["id"], "state = 'running'")
    op.create_table(
        "notice",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=True),
        sa.Column("job_name", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("run_id", "kind", "target", name="uq_notice_run_id_kind_target"),
    )
    op.create_index("ix_notice_due", "notice", ["not_before"])


def _partial(name: str, table: str, columns: Sequence[str | sa.TextClause], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for table in ("notice", "backfill", "pool"):
        op.drop_table(table)
    op.drop_index("ix_job_notebook", "job")
    for index in (
        "claim",
        "turn",
        "lease",
        "pool",
        "queue_until",
        "late",
        "backfill",
        "backfill_state",
        "interval",
        "ended",
        "job_ended",
        "notebook",
    ):
        op.drop_index(f"ix_run_{index}", "run")
    for column in (
        "trigger_id",
        "backfill_id",
        "max_parallel",
        "pool",
        "priority",
        "free_attempts",
        "queue_until",
        "late_at",
        "pinned",
    ):
        op.drop_column("run", column)
