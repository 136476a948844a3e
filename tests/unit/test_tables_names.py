"""Names of tables, branches and tags."""

import pytest

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.settings import load
from jupyter_orch.warehouse import names


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("analytics.delays", ("analytics", "delays")),
        ("Analytics.Delays", ("analytics", "delays")),
        ("lake.analytics.delays", ("analytics", "delays")),
        ("delays", ("default", "delays")),
        ("_a._1", ("_a", "_1")),
    ],
)
def test_names_are_read_as_sql_reads_them(name: str, wanted: tuple[str, str]) -> None:
    """Lower case, the default schema, the configured catalog."""
    assert names.identify(name, load({}).warehouse) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".b",
        "a.b.c",
        "other.a.b.c",
        "1a.b",
        "a.b$snapshots",
        'a."b"',
        "a.b; DROP TABLE x",
        "a.b\n",
        "../a.b",
        "a/b",
        "a b",
        "é.b",
        "a." + "b" * 129,
        "system.runtime",
        "information_schema.tables",
        None,
        7,
    ],
)
def test_hostile_names_are_refused(name: object) -> None:
    """The field is `table`, and the message stays short."""
    with pytest.raises(BadInput) as caught:
        names.identify(name, load({}).warehouse)  # type: ignore[arg-type]
    assert caught.value.field == "table"
    assert len(caught.value.message) < 200


def test_branches_and_tags_tell_run_attempt_and_output() -> None:
    """The first output has the plain name, which people type."""
    run = RunId("01abc")
    assert names.branch(run, 2, 1) == "run-01abc-2"
    assert names.branch(run, 2, 3) == "run-01abc-2.3"
    assert names.tag(run, 1) == "run-01abc"
    assert names.tag(run, 2) == "run-01abc.2"


@pytest.mark.parametrize("run", ["", "../x", "A", "a/b", "a" * 65, "main\n"])
def test_hostile_run_ids_are_refused(run: str) -> None:
    """They would name folders and branches."""
    with pytest.raises(BadInput):
        names.check_run(RunId(run))
