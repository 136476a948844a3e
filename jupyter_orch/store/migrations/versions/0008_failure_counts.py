"""How often jobs failed in the same way, counted as runs end.

Those that have failed already are counted here. Code of the version before goes on working beside
this one; failures that it ends meanwhile are not counted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_COUNTED = """
INSERT INTO failure
  (team_id, fingerprint, job_id, job_name, times, first_at, last_at, last_run_id)
SELECT team_id, fingerprint, job, job_name, times, first_at, ended_at, id FROM (
  SELECT
    team_id, fingerprint, COALESCE(job_id, '') AS job, job_name, ended_at, id,
    COUNT(*) OVER alike AS times,
    MIN(ended_at) OVER alike AS first_at,
    ROW_NUMBER() OVER (
      PARTITION BY team_id, fingerprint, COALESCE(job_id, '') ORDER BY ended_at DESC, id DESC
    ) AS place
  FROM run
  WHERE fingerprint IS NOT NULL AND ended_at IS NOT NULL
  WINDOW alike AS (PARTITION BY team_id, fingerprint, COALESCE(job_id, ''))
) AS failed
WHERE place = 1
"""


def upgrade() -> None:
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
    op.execute(_COUNTED)
    op.create_index("ix_failure_last", "failure", ["team_id", "last_at", "fingerprint"])
    op.create_index("ix_failure_run", "failure", ["last_run_id"])
    op.drop_index("ix_run_failure", "run", if_exists=True)


def downgrade() -> None:
    op.drop_table("failure")
    op.create_index(
        "ix_run_failure",
        "run",
        ["team_id", "fingerprint", "ended_at", "job_id"],
        sqlite_where=sa.text("fingerprint IS NOT NULL"),
        postgresql_where=sa.text("fingerprint IS NOT NULL"),
    )
