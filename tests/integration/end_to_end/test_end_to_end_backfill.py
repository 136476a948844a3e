"""A backfill of a table, day by day, with a real notebook and the real warehouse."""

import pytest

PUBLISH = (
    """import pandas as pd, jupyter_orch as orch
day = orch.context().interval_start.date()""",
    """with orch.output('fill.days', slice={'day': str(day)}) as out:
    out.write(pd.DataFrame({'day': [day] * n, 'n': [n] * n}))
    out.check(rows_min=1)""",
)

pytestmark = pytest.mark.timeout(600)  # seconds; a busy machine takes its time


def rows(served) -> dict[str, list[int]]:
    """The values of each day."""
    found: dict[str, list[int]] = {}
    with served.client() as client:
        for day, n in client.preview_table("fill.days")["rows"]:
            found.setdefault(day, []).append(n)
    return found


def test_inv5_a_backfill_replaces_exactly_its_intervals(served) -> None:
    """Three days filled twice: their rows are replaced, those of other days stay."""
    served.write("fill.ipynb", *PUBLISH, parameters="n: int = 1")
    when = ("--cron", "0 0 * * *", "--time-zone", "UTC")
    assert served.shell("schedule", "fill.ipynb", *when).returncode == 0
    served.shell("pause", "fill")

    def fill(first: str, last: str, *options: str):
        span = ("--from", first, "--to", last, "--concurrency", "3")
        done = served.json("backfill", "fill", *span, *options, "--yes", "--wait")
        assert done["state"] == "succeeded", done
        return done

    fill("2026-01-01", "2026-01-01", "-p", "n", "4")
    fill("2026-01-06", "2026-01-06", "-p", "n", "5")
    others = {"2025-12-31": [4] * 4, "2026-01-05": [5] * 5}
    assert rows(served) == others
    first = fill("2026-01-03", "2026-01-05", "-p", "n", "2")
    days = ("2026-01-02", "2026-01-03", "2026-01-04")
    assert rows(served) == others | {day: [2, 2] for day in days}
    second = fill("2026-01-03", "2026-01-05", "-p", "n", "3", "--only", "all", "--newest-first")
    assert rows(served) == others | {day: [3, 3, 3] for day in days}
    with served.client() as client:
        for each in (first, second):
            runs = client.runs(backfill=each["id"])["items"]
            assert [run["state"] for run in runs] == ["succeeded"] * 3
            assert {run["interval_start"][:10] for run in runs} == set(days)
            published = [client.run_detail(run["id"])["versions"] for run in runs]
            assert [len(versions) for versions in published] == [1, 1, 1]
