"""Every version that tables ever had, also those that have expired.

It only adds: code of the version before goes on working beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEPT = sa.text("NOT expired")


def upgrade() -> None:
    op.create_table(
        "lake_table",
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lake_table"),
    )
    op.create_table(
        "table_version",
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("expired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "position", name="pk_table_version"),
    )
    op.create_index("ix_table_version_snapshot", "table_version", ["name", "snapshot_id"])
    op.create_index(
        "ix_table_version_kept",
        "table_version",
        ["name", "snapshot_id", "pinned"],
        sqlite_where=_KEPT,
        postgresql_where=_KEPT,
    )
    op.create_table(
        "removal",
        sa.Column("id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("what", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removal"),
    )


def downgrade() -> None:
    for name in ("removal", "table_version", "lake_table"):
        op.drop_table(name)
