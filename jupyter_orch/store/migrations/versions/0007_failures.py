"""The source of the cell that failed, what equal failures are looked up by, and their number.

It only adds: code of the version before goes on working beside this one. On PostgreSQL the start-up
builds these indices beside running writers (`postgres.build_indices`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_INDICES = {
    "ix_run_failure_page": ["team_id", "fingerprint", "id"],
    "ix_run_job_failure": ["job_id", "fingerprint", "id"],
}


def upgrade() -> None:
    for table in ("run", "attempt"):
        for column in ("cell_source", "fingerprint"):
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
    op.create_table(
        "failure",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("job_name", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("last_run_id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "fingerprint", "job_id", name="pk_failure"),
    )
    op.create_index("ix_failure_last", "failure", ["team_id", "last_at", "fingerprint"])
    op.create_index("ix_failure_run", "failure", ["last_run_id"])
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, columns in _INDICES.items():
        condition = sa.text("fingerprint IS NOT NULL")
        op.create_index(name, "run", columns, sqlite_where=condition)


def downgrade() -> None:
    op.drop_table("failure")
    for name in _INDICES:
        op.drop_index(name, "run", if_exists=True)
    for table in ("run", "attempt"):
        for column in ("cell_source", "fingerprint"):
            op.drop_column(table, column)
