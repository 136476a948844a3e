"""What pages of runs with filters and grids of intervals are looked up by.

On PostgreSQL the start-up builds these indices beside running writers (`postgres.build_indices`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_INDICES = {
    "ix_run_team_filter": (["team_id", "state", "kind", "id"], None),
    "ix_run_job_filter": (["job_id", "state", "kind", "id"], None),
    "ix_run_name_filter": (["team_id", "job_name_key", "state", "kind", "id"], None),
    "ix_run_backfill_filter": (["backfill_id", "state", "kind", "id"], "backfill_id IS NOT NULL"),
    "ix_run_grid": (["job_id", "trigger_id", "logical_time", "state"], "trigger_id IS NOT NULL"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, (columns, where) in _INDICES.items():
        condition = None if where is None else sa.text(where)
        op.create_index(name, "run", columns, sqlite_where=condition)


def downgrade() -> None:
    for name in _INDICES:
        op.drop_index(name, "run", if_exists=True)
