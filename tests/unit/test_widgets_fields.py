"""Form fields: a control that fits each kind of parameter, and reads back the same JSON."""

import warnings

import nbformat
import pytest

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.parameters import check, read_notebook
from jupyter_orch.widgets.fields import Field

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ipywidgets as widgets

CELL = """
from datetime import date, datetime
from typing import Literal

day: date = date(2013, 2, 14)  # the day to report
moment: datetime = datetime(2013, 2, 14, 6, 30)
origin: Literal["EWR", "JFK"] = "JFK"
level: Literal[1, 2, 3] = 2
limit: int = 15
share: float = 0.5
strict: bool = True
carriers: list[str] = ["DL", "B6"]
sizes: list[int] = [1, 2]
days: list[date] = [date(2013, 2, 14)]
options: dict[str, int] = {"a": 1}
longest: int | None = None
note: str | None = None
sure: bool | None = None
until: date | None = None
title: str = "x"
mixed = None
"""


def _schema() -> dict:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL, metadata={"tags": ["parameters"]})]
    )
    return read_notebook(nbformat.writes(notebook).encode()).schema


SCHEMA = _schema()


def _field(name: str, value: object = ...) -> Field:
    schema = SCHEMA["properties"][name]
    return Field(name, schema, schema.get("default") if value is ... else value)


@pytest.mark.parametrize("name", list(SCHEMA["properties"]))
def test_a_field_reads_back_the_default(name: str) -> None:
    """What the notebook says is what the untouched form sends, and the check accepts it."""
    value = _field(name).value()
    assert value == SCHEMA["properties"][name]["default"]
    check(SCHEMA, {name: value})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("day", widgets.DatePicker),
        ("origin", widgets.Dropdown),
        ("level", widgets.Dropdown),
        ("limit", widgets.IntText),
        ("share", widgets.FloatText),
        ("strict", widgets.Checkbox),
        ("carriers", widgets.TagsInput),
        ("sizes", widgets.IntsInput),
        ("options", widgets.Textarea),
        ("longest", widgets.Text),
        ("sure", widgets.Dropdown),
        ("until", widgets.DatePicker),
        ("title", widgets.Text),
    ],
)
def test_a_field_has_the_control_of_its_type(name: str, kind: type) -> None:
    """Dates get a picker, literals a list, lists get tags."""
    assert type(_field(name).control.widget) is kind


def test_bounds_make_a_slider() -> None:
    """A slider only where both ends are known."""
    field = Field("n", {"type": "integer", "minimum": 1, "maximum": 9}, 4)
    assert type(field.control.widget) is widgets.IntSlider
    assert field.value() == 4


def test_a_value_of_the_last_run_wins_over_the_default() -> None:
    """The form starts from what was run, not from what the notebook says."""
    assert _field("longest", 500).value() == 500
    assert _field("day", "2013-07-04").value() == "2013-07-04"


def test_a_value_that_no_longer_fits_does_not_break_the_form() -> None:
    """An old value outside the choices falls back to the first one."""
    assert _field("origin", "XXX").value() == "EWR"
    assert _field("day", "yesterday").value() is None


def test_text_that_is_not_json_is_named() -> None:
    """A list or object typed by hand has to be JSON, and the error says whose it is."""
    field = _field("options")
    field.control.widget.value = "{a: 1}"
    with pytest.raises(BadInput) as caught:
        field.value()
    assert caught.value.field == "parameters.options"


def test_help_and_errors_are_escaped() -> None:
    """A remark in a notebook is text, never markup."""
    field = Field("x", {"type": "string", "description": "<script>"}, "")
    field.complain("<img>")
    assert "&lt;script&gt;" in field.help.value
    assert "&lt;img&gt;" in field.error.value
    field.complain("")
    assert field.error.value == ""


@pytest.mark.parametrize(
    "name", ["day", "moment", "origin", "limit", "share", "strict", "carriers"]
)
def test_an_expression_is_shown_and_sent_as_it_is_written(name: str) -> None:
    """Whatever the type of the parameter: the service makes of it what it means."""
    field = _field(name, "{{ interval_start }}")
    assert isinstance(field.control.widget, widgets.Text)
    assert field.value() == "{{ interval_start }}"
