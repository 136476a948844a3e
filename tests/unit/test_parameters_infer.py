"""What a `parameters` cell says, read without executing it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.parameters import NotebookFacts, read_notebook


def document(*cells: tuple[str, list[str]], **metadata: Any) -> bytes:
    """A notebook of code cells with tags."""
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "language": "python"}, **metadata},
            "cells": [
                {"cell_type": "code", "metadata": {"tags": tags}, "source": source}
                for source, tags in cells
            ],
        }
    ).encode()


def facts(source: str) -> NotebookFacts:
    """What a notebook with this parameters cell says."""
    return read_notebook(document((source, ["parameters"])))


def property_of(line: str) -> dict[str, Any]:
    """The JSON Schema of the one parameter in this line, without its title."""
    (found,) = facts(line).schema["properties"].values()
    return {name: value for name, value in found.items() if name != "title"}


DATE = {"type": "string", "format": "date"}
TIME = {"type": "string", "format": "date-time"}
ANY = {"type": ["string", "number", "boolean", "null"]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x: int = 5", {"type": "integer", "default": 5}),
        ("x: float = 5", {"type": "number", "default": 5.0}),
        ("x: bool = True", {"type": "boolean", "default": True}),
        ("x: str = 'a'", {"type": "string", "default": "a"}),
        ("x: 'int' = 5", {"type": "integer", "default": 5}),
        ("x: date = date(2013, 1, 31)", {**DATE, "default": "2013-01-31"}),
        ("x: datetime.date = '2013-01-31'", {**DATE, "default": "2013-01-31"}),
        ("x: datetime = datetime(2013, 1, 1, 6)", {**TIME, "default": "2013-01-01T06:00:00"}),
        ("x: Literal['a', 'b'] = 'b'", {"type": "string", "enum": ["a", "b"], "default": "b"}),
        ("x: Literal[1, 2] = 2", {"type": "integer", "enum": [1, 2], "default": 2}),
        (
            "x: Literal['a'] | None = None",
            {"type": ["string", "null"], "enum": ["a", None], "default": None},
        ),
        ("x: Optional[int] = None", {"type": ["integer", "null"], "default": None}),
        ("x: typing.Optional[date] = None", {**DATE, "type": ["string", "null"], "default": None}),
        ("x: int | None = 3", {"type": ["integer", "null"], "default": 3}),
        ("x: int = None", {"type": ["integer", "null"], "default": None}),
        ("x: Union[int, str] = 1", {"type": ["integer", "string"], "default": 1}),
        (
            "x: list[str] = ['a']",
            {"type": "array", "items": {"type": "string"}, "default": ["a"]},
        ),
        ("x: list[date] = []", {"type": "array", "items": DATE, "default": []}),
        ("x: list = []", {"type": "array", "items": ANY, "default": []}),
        ("x: dict = {'a': [1]}", {"type": "object", "default": {"a": [1]}}),
        (
            "x: dict[str, int] = {}",
            {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
        ),
        ("x: Annotated[int, 'days'] = 1", {"type": "integer", "description": "days", "default": 1}),
        ("x = 5", {"type": "integer", "default": 5}),
        ("x = -0.5", {"type": "number", "default": -0.5}),
        ("x = False", {"type": "boolean", "default": False}),
        ("x = 'a # b'", {"type": "string", "default": "a # b"}),
        ("x = None", {**ANY, "default": None}),
        ("x = [1, 2.5]", {"type": "array", "items": {"type": "number"}, "default": [1.0, 2.5]}),
        ("x = ('a', 1)", {"type": "array", "items": ANY, "default": ["a", 1]}),
        ("x = date(2013, 1, 1)", {**DATE, "default": "2013-01-01"}),
        ("x = datetime.date(2013, 1, 1)", {**DATE, "default": "2013-01-01"}),
        ("x = date.fromisoformat('2013-01-01')", {**DATE, "default": "2013-01-01"}),
        (
            "x = datetime(2013, 1, 1, tzinfo=timezone.utc)",
            {**TIME, "default": "2013-01-01T00:00:00+00:00"},
        ),
        ("x = date.today()", {**DATE, "x-default-expression": "date.today()"}),
        ("x: int = f()", {"type": "integer", "x-default-expression": "f()"}),
        ("x = float('nan')", {"type": "number", "x-default-expression": "float('nan')"}),
        ("x = 1e999", {"type": "number", "x-default-expression": "1e309"}),
        ("x: int = 'no'", {"type": "integer", "x-default-expression": "'no'"}),
        ("x = date(2013, 99, 1)", {**ANY, "x-default-expression": "date(2013, 99, 1)"}),
        ("x: Unknown = 1", {"type": "integer", "default": 1}),
    ],
)
def test_a_line_gives_its_type_and_default(line: str, expected: dict[str, Any]) -> None:
    """By annotation, else by the literal; what is no literal is shown as an expression."""
    assert property_of(line) == expected


def test_order_comments_and_required_names_are_kept() -> None:
    """Parameters come in the order of the cell, with what the comments say about them."""
    found = facts(
        "# Parameters\n"
        "day: date  # the day to report\n"
        "# Shortest delay that counts,\n"
        "# seen at the gate.\n"
        "min_delay = 15  # minutes\n"
        "x, y = 1, 2\n"
        "_private = 3\n"
        "quiet = 1  # noqa: E501\n"
    )
    properties = found.schema["properties"]
    assert list(properties) == ["day", "min_delay", "x", "y", "quiet"]
    assert found.schema["required"] == ["day"]
    assert properties["day"]["description"] == "the day to report"
    assert (
        properties["min_delay"]["description"]
        == "Shortest delay that counts, seen at the gate. (minutes)"
    )
    assert "description" not in properties["quiet"]
    assert found.schema["additionalProperties"] is False


def test_magics_do_not_hide_parameters() -> None:
    """Lines that only IPython understands are passed over."""
    found = facts("%matplotlib inline\n!ls\nx = 1\nx?")
    assert list(found.schema["properties"]) == ["x"]


def test_a_notebook_without_parameters_cell_says_how_to_add_one() -> None:
    """It can be scheduled, and the hint names the tag."""
    found = read_notebook(document(("x = 1", [])))
    assert not found.parameters_cell
    assert found.schema["properties"] == {}
    assert found.hint is not None
    assert '"parameters"' in found.hint


def test_a_broken_parameters_cell_is_a_hint_not_an_error() -> None:
    """A cell that is not Python gives no parameters, and says so."""
    found = facts("x = = 1")
    assert found.parameters_cell
    assert found.hint is not None
    assert not found.parameters


def test_another_language_takes_any_name() -> None:
    """What cannot be inferred is not refused either."""
    content = document(
        ("x <- 1", ["parameters"]), kernelspec={"name": "ir"}, language_info={"name": "R"}
    )
    found = read_notebook(content)
    assert (found.kernel, found.language) == ("ir", "r")
    assert found.schema["additionalProperties"] is True


def test_output_tables_are_found_by_the_names_that_the_notebook_uses() -> None:
    """Only our `output` counts, under whatever name it is imported."""
    found = read_notebook(
        document(
            ("import jupyter_orch as orch\nfrom jupyter_orch import output as o", []),
            ("with orch.output('a.b') as x:\n  pass\no(table='c.d', mode='append')", []),
            ("widgets.output('no')\norch.output(name)\norch.output('; drop')\no('a.b')", []),
        )
    )
    assert found.outputs == ("a.b", "c.d")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b'{"nbformat": 4}',
        b'{"nbformat": 4, "cells": [1]}',
        b'{"nbformat": "4", "cells": []}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_is_refused(content: bytes) -> None:
    """One clear message, whatever the bytes are."""
    with pytest.raises(BadInput) as caught:
        read_notebook(content)
    assert caught.value.field == "notebook"
    assert "not a notebook" in caught.value.message


def test_version_3_notebooks_are_read() -> None:
    """Old notebooks keep their cells in worksheets."""
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": []}]}
    assert read_notebook(json.dumps(old).encode()).kernel is None


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5000 + ")" * 5000,
        "x = " + "9" * 5000,
        "x = '\x00'",
        "x = " + "-" * 9000 + "1",
    ],
)
def test_hostile_cells_are_survived(source: str) -> None:
    """A cell may be anything; reading it neither fails nor hangs."""
    assert facts(source).parameters_cell


@given(st.text(max_size=200))
def test_any_cell_gives_valid_facts(source: str) -> None:
    """Whatever stands in the cell, the schema is JSON."""
    assert json.dumps(facts(source).schema)
