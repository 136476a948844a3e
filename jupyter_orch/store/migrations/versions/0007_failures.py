"""The source of the cell that failed, and what equal failures are looked up by.

It only adds: code of the version before goes on working beside this one. On PostgreSQL the start-up
builds these indices beside running writers (`postgres.build_indices`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_INDICES = {
    "ix_run_failure": ["team_id", "fingerprint", "ended_at", "job_id"],
    "ix_run_failure_page": ["team_id", "fingerprint", "id"],
    "ix_run_job_failure": ["job_id", "fingerprint", "id"],
}


def upgrade() -> None:
    for table in ("run", "attempt"):
        for column in ("cell_source", "fingerprint"):
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, columns in _INDICES.items():
        condition = sa.text("fingerprint IS NOT NULL")
        op.create_index(name, "run", columns, sqlite_where=condition)


def downgrade() -> None:
    for name in _INDICES:
        op.drop_index(name, "run", if_exists=True)
    for table in ("run", "attempt"):
        for column in ("cell_source", "fingerprint"):
            op.drop_column(table, column)
