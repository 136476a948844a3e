"""Bad input is refused at the door with its field named, and nothing is stored (invariant 9)."""

from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_orch.domain.errors import BadFields, BadInput, OrchError, Refused
from jupyter_orch.domain.model import JobSpec, Policies, Trigger

SPEC = JobSpec(name="report", notebook="report.ipynb")


def cron(text: str, **more: str) -> tuple[Trigger, ...]:
    """A trigger of these five fields."""
    return (Trigger(id="t", kind="cron", cron=text, **more),)


def every(seconds: int) -> tuple[Trigger, ...]:
    """A trigger of this distance."""
    return (Trigger(id="t", kind="interval", every_seconds=seconds),)


BAD = {
    "empty name": ({"name": "  "}, "name"),
    "name with a control character": ({"name": "a\nb"}, "name"),
    "name of 201 characters": ({"name": "n" * 201}, "name"),
    "empty path": ({"notebook": ""}, "notebook"),
    "path with a NUL": ({"notebook": "a\0b.ipynb"}, "notebook"),
    "missing file": ({"notebook": "nope.ipynb"}, "notebook"),
    "a folder": ({"notebook": "."}, "notebook"),
    "outside by dots": ({"notebook": "../outside.ipynb"}, "notebook"),
    "outside by absolute path": ({"notebook": "/etc/passwd"}, "notebook"),
    "not JSON": ({"notebook": "text.ipynb"}, "notebook"),
    "JSON, not a notebook": ({"notebook": "list.ipynb"}, "notebook"),
    "symlink that leads out": ({"notebook": "escape.ipynb"}, "notebook"),
    "missing kernel": ({"kernel": "cobol"}, "kernel"),
    "kernel named by the notebook is missing": ({"notebook": "cobol.ipynb"}, "kernel"),
    "wrong type": ({"parameters": {"x": "many"}}, "parameters.x"),
    "unknown parameter": ({"parameters": {"y": 1}}, "parameters.y"),
    "values without a parameters cell": (
        {"notebook": "plain.ipynb", "parameters": {"x": 1}},
        "parameters.x",
    ),
    "invalid cron": ({"triggers": cron("every day")}, "triggers.0.cron"),
    "cron that never fires": ({"triggers": cron("0 0 31 2 *")}, "triggers.0.cron"),
    "unknown time zone": (
        {"triggers": cron("0 6 * * *", time_zone="Mars/Base")},
        "triggers.0.time_zone",
    ),
    "interval of no length": ({"triggers": every(0)}, "triggers.0.every_seconds"),
    "two triggers of one id": ({"triggers": every(5) + every(6)}, "triggers.1.id"),
    "value of a trigger": (
        {"triggers": (replace(every(5)[0], parameters={"x": "many"}),)},
        "triggers.0.parameters.x",
    ),
    "negative retries": ({"policies": Policies(retries=-1)}, "policies.retries"),
    "time limit of nothing": (
        {"policies": Policies(timeout_seconds=0)},
        "policies.timeout_seconds",
    ),
    "catching up with nothing": ({"policies": Policies(max_catch_up=0)}, "policies.max_catch_up"),
    "delay that is no number": (
        {"policies": Policies(retry_delay_seconds=float("nan"))},
        "policies.retry_delay_seconds",
    ),
}


@pytest.fixture
def files(notebook, root: Path, tmp_path: Path) -> None:
    """Everything that the table names."""
    outside = notebook().rename(tmp_path / "outside.ipynb")
    notebook()
    notebook("plain.ipynb", None)
    notebook("cobol.ipynb", kernel="cobol")
    (root / "text.ipynb").write_text("not a notebook")
    (root / "list.ipynb").write_text("[]")
    (root / "escape.ipynb").symlink_to(outside)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("case", BAD)
def test_inv9_bad_field_is_named_and_nothing_is_stored(service, ann, case: str) -> None:
    """One sentence names the field, and no job is there afterwards."""
    change, field = BAD[case]
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, replace(SPEC, **change))
    assert [error.field for error in caught.value.errors] == [field]
    assert caught.value.message
    assert service.jobs.list(ann).items == ()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("case", BAD)
def test_inv9_bad_edit_leaves_the_job_as_it_was(service, ann, case: str) -> None:
    """An edit is held to the same rules, and a refused one changes nothing."""
    job = service.jobs.create(ann, SPEC)
    change, field = BAD[case]
    with pytest.raises(BadFields) as caught:
        service.jobs.update(ann, job.id, replace(SPEC, **change), expected_version=1)
    assert caught.value.field == field
    assert service.jobs.show(ann, job.id).job == job


def test_inv9_all_bad_fields_are_named_at_once(service, ann, notebook) -> None:
    """A person mends a form once, not field by field."""
    notebook()
    spec = replace(SPEC, name="", kernel="cobol", parameters={"y": 1}, triggers=cron("x"))
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, spec)
    fields = {error.field for error in caught.value.errors}
    assert fields == {"name", "kernel", "parameters.y", "triggers.0.cron"}


def test_inv9_sibling_folder_with_the_roots_prefix_is_outside(service, ann, notebook, root) -> None:
    """`/notebooks2` is not inside of `/notebooks`."""
    sibling = root.with_name(root.name + "2")
    sibling.mkdir()
    moved = notebook().rename(sibling / "report.ipynb")
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, replace(SPEC, notebook=str(moved)))
    assert caught.value.field == "notebook"
    assert "notebooks.roots" in caught.value.hint


def test_inv9_folder_that_leads_out_is_refused(service, ann, notebook, root, tmp_path) -> None:
    """The real path counts, also for folders on the way."""
    away = tmp_path / "away"
    away.mkdir()
    notebook().rename(away / "report.ipynb")
    (root / "inside").symlink_to(away)
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, replace(SPEC, notebook="inside/report.ipynb"))
    assert caught.value.field == "notebook"


def test_symlink_that_stays_inside_is_fine(service, ann, notebook, root) -> None:
    """A link from one notebook of the root to another harms nobody."""
    notebook("real.ipynb")
    (root / "report.ipynb").symlink_to(root / "real.ipynb")
    assert service.jobs.create(ann, SPEC).spec.notebook == str(root / "report.ipynb")


def test_relative_path_starts_at_the_labs_root(service, ann, notebook, root) -> None:
    """The same relative path means another file in another Lab."""
    notebook("team/report.ipynb")
    job = service.jobs.create(ann, SPEC, root=root / "team")
    assert job.spec.notebook == str(root / "team" / "report.ipynb")


def test_lab_whose_root_is_outside_cannot_schedule(service, ann, tmp_path, notebook) -> None:
    """A Lab's own root opens no door."""
    notebook().rename(tmp_path / "report.ipynb")
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, SPEC, root=tmp_path)
    assert caught.value.field == "notebook"


def test_notebook_without_parameters_is_schedulable_with_a_hint(service, ann, notebook) -> None:
    """It says how to add parameters, and runs without."""
    notebook(parameters=None)
    info = service.notebooks.inspect(ann, "report.ipynb")
    assert not info["parameters_cell"]
    assert "parameters" in info["hint"]
    assert service.jobs.create(ann, SPEC).spec.parameters == {}


@pytest.mark.parametrize(
    "hostile", ['"; import os', "'''", "line\nbreak", "{ {x} }", "\\", "\0", "💥"]
)
def test_hostile_text_is_a_value_and_nothing_else(service, ann, notebook, hostile: str) -> None:
    """Quotes, newlines and code arrive as the very text that was given."""
    notebook(parameters='word: str = "a"')
    service.jobs.create(ann, SPEC)
    assert service.jobs.run(ann, "report", {"word": hostile}).parameters == {"word": hostile}


def test_missing_required_value_is_named(service, ann, notebook) -> None:
    """A job with triggers has a value for everything before it is saved."""
    notebook(parameters="day: str")
    spec = replace(SPEC, triggers=every(5))
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, spec)
    assert caught.value.field == "parameters.day"
    service.jobs.create(ann, SPEC)
    with pytest.raises(BadInput) as refused:
        service.jobs.run(ann, "report", {})
    assert refused.value.field == "parameters.day"


def test_name_is_taken_once(service, ann, notebook) -> None:
    """Names are unique in a team."""
    notebook()
    service.jobs.create(ann, SPEC)
    with pytest.raises(Refused) as caught:
        service.jobs.create(ann, SPEC)
    assert caught.value.field == "name"


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_page_has_a_sane_size(service, ann, limit: int) -> None:
    """Nobody asks for a million rows by mistake."""
    with pytest.raises(OrchError) as caught:
        service.jobs.list(ann, limit=limit)
    assert caught.value.field == "limit"


@pytest.mark.parametrize("table", ["no", "a.b.c.d", "a.b; DROP TABLE x", "../x.y", ""])
def test_bad_table_name_is_refused(service, ann, table: str) -> None:
    """A table is `schema.table`, and never a path or a statement."""
    with pytest.raises(OrchError) as caught:
        service.tables.versions(ann, table)
    assert caught.value.status in {404, 422}
