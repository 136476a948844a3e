"""A process that stays in the middle of a transaction: `frozen_writer.py URL POOL`.

It holds the row of the pool, and on SQLite the only right to write; then it says so and waits.
"""

import sys

import sqlalchemy as sa

from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import pool


def main() -> None:
    """Holds on until its input ends."""
    store = SqlStore(sys.argv[1])
    with store._database.writing() as connection:
        connection.execute(sa.update(pool).where(pool.c.name == sys.argv[2]).values(slots=7))
        sys.stdout.write("holding\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
