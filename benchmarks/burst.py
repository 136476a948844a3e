"""Notebooks that are due at one instant: how late the last of them is done, and what that takes.

The whole product, as `jupyter orch up` starts it, on SQLite: jobs that fire once, each with a
notebook of one cell. Memory is that of all its processes (PSS), looked at while they run.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from kit import report
from peers_ours import ONE_PROCESS, Ours, ours

SOON = timedelta(seconds=15)
LONGEST = 120.0  # seconds
LOOK_SECONDS = 0.2


def measure(peer: Ours, count: int) -> dict[str, Any]:
    """Saves the jobs, waits for their runs, and tells when those ended."""
    peer.trigger()  # from here on the executor is ready
    notebook = str(peer.log.parent / "notebook.ipynb")
    due = datetime.now(UTC).replace(microsecond=0) + SOON
    for number in range(count):
        once = {"kind": "once", "at": due.isoformat()}
        peer.client.create_job({"name": f"{number}", "notebook": notebook, "triggers": [once]})
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    most, deadline = 0.0, time.monotonic() + LONGEST
    while len(ends := ended(peer)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"Only {len(ends)} of {count} runs have ended.")
        most = max(most, memory(peer))
        time.sleep(LOOK_SECONDS)
    late = sorted((datetime.fromisoformat(end) - due).total_seconds() for end in ends)
    return {
        "notebooks": count,
        "first_done_s": round(late[0], 3),
        "half_done_s": round(late[count // 2], 3),
        "last_done_s": round(late[-1], 3),
        "memory_mb": round(most, 1),
    }


def ended(peer: Ours) -> list[str]:
    """When the runs by schedule have succeeded; one that failed ends the measurement."""
    runs, cursor = [], None
    while True:
        page = peer.client.runs(limit=200, cursor=cursor)
        runs += [run for run in page["items"] if run["kind"] == "schedule" and run["ended_at"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    failed = [run for run in runs if run["state"] != "succeeded"]
    if failed:
        raise SystemExit(f"A run ended as {failed[0]}.")
    return [run["ended_at"] for run in runs]


def memory(peer: Ours) -> float:
    """Megabytes of the service with everything that it has started."""
    total = 0
    for process in peer.processes:
        for each in (process, *process.children(recursive=True)):
            try:
                total += each.memory_full_info().pss
            except psutil.Error:  # a kernel that has just ended
                continue
    return total / 1e6


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebooks", type=int, nargs="*", default=[50])
    given = parser.parse_args()
    results = []
    for count in given.notebooks:
        with (
            TemporaryDirectory(prefix="orch-burst-") as name,
            ours("sqlite", Path(name), "", ONE_PROCESS, notebooks=True) as peer,
        ):
            results.append(measure(peer, count))
    report("burst", results, "papermill", "ipykernel")


if __name__ == "__main__":
    main()
