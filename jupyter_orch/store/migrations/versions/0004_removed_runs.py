"""What a backfill counts, once retention has removed its runs.

It only adds: code of the version before goes on working beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    removed = sa.Column(
        "removed", sa.JSON(none_as_null=True), nullable=False, server_default=sa.text("'{}'")
    )
    op.add_column("backfill", removed)


def downgrade() -> None:
    op.drop_column("backfill", "removed")
