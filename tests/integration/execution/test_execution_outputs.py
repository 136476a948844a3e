"""What a run publishes, and what it does not."""

import json

import pytest

from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.runner import supervisor as supervisor_module

from .conftest import House, notebook, text_of

WRITE = (
    "import jupyter_orch, pandas\n"
    "with jupyter_orch.output('analytics.sales', **options) as out:\n"
    "    out.write(pandas.DataFrame({'day': ['a', 'b'], 'n': [1, 2]}))\n"
)
CHECK = WRITE + "    out.check(rows_min=rows_min)\n"


def test_a_run_publishes_after_its_last_cell(house: House) -> None:
    """The table has one version, which names the run."""
    house.worker()
    run = house.add(notebook(WRITE, "print('last')", parameters="options = {}"))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    versions = house.warehouse.versions("analytics.sales").items
    assert [(version.run_id, version.rows, version.current) for version in versions] == [
        (run.id, 2, True)
    ]
    assert [version.table for version in house.store.published(run.id)] == ["analytics.sales"]


def test_inv6_a_failed_run_publishes_nothing(house: House) -> None:
    """What was staged before the failing cell is dropped."""
    house.worker()
    run = house.add(notebook(WRITE, "1 / 0", parameters="options = {}"))
    assert house.wait(run).reason is Reason.USER_ERROR
    assert "analytics.sales" not in house.warehouse.heads()


def test_inv6_a_failed_check_fails_the_run(house: House) -> None:
    """The reason is check_failed, and nothing is published."""
    house.worker()
    run = house.add(
        notebook(CHECK, parameters="options = {}\nrows_min = 1"), parameters={"rows_min": 3}
    )
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.CHECK_FAILED), house.log(run)
    assert "analytics.sales" not in house.warehouse.heads()


def test_results_of_checks_are_in_the_log_and_with_the_version(house: House) -> None:
    """A warning lets the run succeed; the notebook shows it, the log and the version keep it."""
    house.worker()
    checks = (
        "    out.check(rows_min=1, sql='SELECT * FROM {output} WHERE n < 0')\n"
        "    out.check(accepted={'day': ['a']}, severity='warn')\n"
    )
    run = house.add(notebook(WRITE + checks, parameters="options = {}"))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    (version,) = house.store.published(run.id)
    assert {item.name.split()[0]: item.passed for item in version.checks} == {
        "rows_min": True,
        "sql": True,
        "accepted": False,
    }
    assert "1 of 2 rows have another day, such as b" in text_of(house.executed(run))
    lines = [json.loads(line) for line in house.log(run).splitlines()]
    (warned,) = [line for line in lines if line["event"] == "check.warned"]
    assert (warned["level"], warned["check"]) == ("warning", "accepted day")


def test_inv6_a_failed_run_lists_every_check_that_failed(house: House) -> None:
    """Its error has all of them; the log has the warnings as well."""
    house.worker()
    checks = "    out.check(rows_min=3, unique='n', not_null='n')\n    out.check(rows_max=1)\n"
    warning = "    out.check(rows_min=9, severity='warn')\n"
    run = house.add(notebook(WRITE + checks + warning, parameters="options = {}"))
    done = house.wait(run)
    assert done.reason is Reason.CHECK_FAILED
    assert done.error is not None
    assert "at least 3 are wanted; 2 rows came, at most 1" in done.error.message
    events = [json.loads(line)["event"] for line in house.log(run).splitlines()]
    assert (events.count("check.failed"), events.count("check.warned")) == (2, 1)


def test_a_check_that_cannot_be_run_is_one_clear_message(house: House) -> None:
    """Nothing is published, and nothing is left of it."""
    house.worker()
    checks = "    out.check(sql='SELECT nope FROM {output}')\n"
    run = house.add(notebook(WRITE + checks, parameters="options = {}"))
    done = house.wait(run)
    assert done.state is RunState.FAILED
    assert done.error is not None
    assert "cannot be run" in done.error.message
    assert house.store.published(run.id) == ()


@pytest.mark.parametrize("committed", [True, False])
def test_inv5_an_intent_whose_answer_is_lost_is_published_once(
    house: House, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Whether or not the database had it, the run succeeds and its table has one version."""
    begin, asked = house.store.begin_publishing, []

    def losing(*values: object) -> bool:
        asked.append(values)
        if len(asked) > 1:
            return begin(*values)
        if committed:
            assert begin(*values)
        raise Unavailable("The database went away.")

    monkeypatch.setattr(house.store, "begin_publishing", losing)
    house.worker()
    run = house.add(notebook(WRITE, parameters="options = {}"))
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    assert [version.rows for version in house.store.published(run.id)] == [2]
    assert len(house.warehouse.versions("analytics.sales").items) == 1


def test_files_outside_the_staging_folder_are_refused(house: House) -> None:
    """A kernel may stage only what it put into its own folder."""
    house.worker()
    secret = house.folder / "secret.parquet"
    secret.write_text("x")
    ask = (
        "from jupyter_orch.kernel.channel import Channel\n"
        "request = {'table': 'a.b', 'mode': 'append', 'files': [path]}\n"
        "try:\n    Channel.from_environment().request({'do': 'stage', 'request': request})\n"
        "except Exception as e:\n    print(type(e).__name__, e)"
    )
    run = house.add(notebook(ask, parameters="path = ''"), parameters={"path": str(secret)})
    house.wait(run)
    assert "BadInput" in text_of(house.executed(run))
    assert "outside the staging folder" in text_of(house.executed(run))


def test_inv5_a_publish_intent_is_rolled_forward_by_the_next_worker(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the warehouse is away the run stays publishing, and is finished without executing."""
    real = house.warehouse.publish
    away = True

    def publish(*arguments: object) -> object:
        if away:
            raise Unavailable("The catalog is away.")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(house.warehouse, "publish", publish)
    monkeypatch.setattr(supervisor_module, "_PROGRESS_PAUSE", 3600.0)  # as in a short notebook
    worker = house.worker(lease_seconds=2.0)
    run = house.add(notebook(WRITE, parameters="options = {}"))
    house.wait(run, RunState.PUBLISHING)
    found = house.get(run)
    assert found.cells_done == found.cells_total > 0  # also when the end is told by another worker
    worker.stop(30)
    away = False
    house.worker()
    done = house.wait(run)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 1)
    events = [json.loads(line)["event"] for line in house.log(run).splitlines()]
    assert events.count("attempt.started") == 1
    assert "publish.taken_over" in events
    assert len(house.warehouse.versions("analytics.sales").items) == 1


def test_a_conflict_while_publishing_fails_the_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is publish_conflict; the run does not roll forward for ever."""

    def publish(*_: object) -> None:
        raise OrchError("Somebody else changed the table.")

    monkeypatch.setattr(house.warehouse, "publish", publish)
    house.worker()
    run = house.add(notebook(WRITE, parameters="options = {}"))
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.PUBLISH_CONFLICT)
    assert done.error is not None
    assert "analytics.sales" in done.error.message
