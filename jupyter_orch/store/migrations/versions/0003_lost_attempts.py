"""Whether what a lost worker's attempt left behind has been cleared away.

It only adds: code of earlier versions goes on working beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_LEFT_BEHIND = sa.text("state = 'failed' AND reason = 'worker_lost' AND swept_at IS NULL")


def upgrade() -> None:
    op.add_column("attempt", sa.Column("swept_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_attempt_lost",
        "attempt",
        ["ended_at"],
        sqlite_where=_LEFT_BEHIND,
        postgresql_where=_LEFT_BEHIND,
    )


def downgrade() -> None:
    op.drop_index("ix_attempt_lost", "attempt")
    op.drop_column("attempt", "swept_at")
