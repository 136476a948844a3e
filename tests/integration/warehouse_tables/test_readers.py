"""Readers see the old version or the new one, also later, by time travel."""

import threading

from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days

TABLE = "analytics.flights"
SLICE = {"day": "2013-01-01"}
REPLACES = 25


def test_inv6_a_reader_beside_replaces_sees_whole_versions_only(lake: Lake) -> None:
    """Polling through replaces never shows an empty, partial or mixed slice."""
    lake.write(TABLE, days("2013-01-02", -1), slice={"day": "2013-01-02"})
    lake.write(TABLE, days("2013-01-01", 0, 0, 0), slice=SLICE)
    done = threading.Event()
    seen: list[tuple[int, ...]] = []

    def poll() -> None:
        reader = IcebergWarehouse(lake.settings)
        while not done.is_set():
            found = reader.load(TABLE).scan().to_arrow()
            seen.append(tuple(sorted(found.column("n").to_pylist())))
        reader.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        for number in range(1, REPLACES):
            lake.write(TABLE, days("2013-01-01", number, number, number), slice=SLICE)
    finally:
        done.set()
        thread.join()
    whole = {(-1, number, number, number) for number in range(REPLACES)}
    assert seen
    assert set(seen) <= whole
    assert [values[1] for values in seen] == sorted(values[1] for values in seen)


def test_inv6_every_snapshot_of_mains_log_is_whole(lake: Lake) -> None:
    """Time travel goes from one published version to the next, with nothing between."""
    lake.write(TABLE, days("2013-01-02", -1))
    for number in range(5):
        lake.write(TABLE, days("2013-01-01", number, number), slice=SLICE)
    log = lake.warehouse.load(TABLE).metadata.snapshot_log
    assert [lake.values(TABLE, entry.snapshot_id) for entry in log] == [
        [-1],
        *([-1, number, number] for number in range(5)),
    ]
