"""The change feed while many write at once, in every store."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from store_kit import add_job, note_change, run_of, spec_of

from jupyter_orch.store.changes import record
from jupyter_orch.store.sql import SqlStore

WRITERS, EACH = 6, 60


def test_no_change_is_lost_to_a_reader_beside_many_writers(store: SqlStore) -> None:
    """Whoever follows the feed by its cursor sees each change once, in the order of cursors."""
    writing = threading.Event()
    writing.set()

    def write(name: int) -> list[str]:
        keys = [f"w{name}.t{number}" for number in range(EACH)]
        for number, key in enumerate(keys):
            with store._database.writing() as connection:
                record(connection, "table", [key])
                time.sleep(0.002 * ((name + number) % 3))  # ids are taken, and not committed yet
        return keys

    def follow() -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        while True:
            last = not writing.is_set()
            found = store.changes(after=seen[-1][0] if seen else 0)
            seen += [(change.cursor, change.key) for change in found]
            if last and not found:
                return seen
            time.sleep(0.001)

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(follow)
        wanted = [key for keys in pool.map(write, range(WRITERS)) for key in keys]
        writing.clear()
        seen = reader.result()
    assert [cursor for cursor, _ in seen] == sorted(cursor for cursor, _ in seen)
    assert sorted(key for _, key in seen) == sorted(wanted)


def test_a_cursor_that_was_given_comes_before_what_is_not_committed(store: SqlStore) -> None:
    """Who begins to follow now still hears of a transaction that is under way."""
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with store._database.writing() as connection:
            record(connection, "table", ["slow"])
            begun.set()
            go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        under_way = pool.submit(slow)
        assert begun.wait(30)
        quick = pool.submit(note_change, store, "quick")
        time.sleep(0.2)
        # A file lets its readers in beside the writer; memory has one place for all.
        cursor = pool.submit(store.last_change) if quick.done() else None
        start = cursor.result() if cursor else 0
        go_on.set()
        under_way.result()
        quick.result()
    assert {change.key for change in store.changes(after=start)} == {"slow", "quick"}


def test_many_changes_of_one_transaction_keep_their_order(store: SqlStore) -> None:
    """They are written at once and come back as they were said."""
    job = add_job(store, spec_of())
    runs = [store.add_run(run_of(job)).id for _ in range(3)]
    start = store.last_change()
    with store._database.writing() as connection:
        record(connection, "run", reversed(runs))
        record(connection, "run", [])
        record(connection, "job", [job.id])
    assert [change.key for change in store.changes(after=start)] == [*reversed(runs), job.id]
