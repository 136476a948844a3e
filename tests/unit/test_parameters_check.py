"""Values against the parameters of a notebook."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.parameters import check, parse, problems, schema
from jupyter_orch.domain.parameters_infer import infer

CELL = """
day: date = date(2013, 1, 1)
origin: Literal["EWR", "JFK"] = "JFK"
min_delay: int = 15
ratio: float = 0.5
verbose: bool = False
carriers: list[str] = []
limit: int | None = None
since: datetime = datetime(2013, 1, 1)
options: dict = {}
anything = None
flag: Literal[1, 2] = 1
"""
SCHEMA = schema(infer(CELL)[0])


@pytest.mark.parametrize(
    ("name", "value", "canonical"),
    [
        ("day", "2013-02-28", "2013-02-28"),
        ("day", dt.date(2013, 2, 28), "2013-02-28"),
        ("origin", "EWR", "EWR"),
        ("min_delay", 3, 3),
        ("min_delay", 3.0, 3),
        ("ratio", 1, 1.0),
        ("verbose", True, True),
        ("carriers", ("AA", "UA"), ["AA", "UA"]),
        ("limit", None, None),
        ("limit", 7, 7),
        ("since", "2013-01-01T06:00:00Z", "2013-01-01T06:00:00+00:00"),
        ("options", {"a": [1, None, {"b": "c"}]}, {"a": [1, None, {"b": "c"}]}),
        ("anything", "text", "text"),
        ("anything", True, True),
        ("anything", 1, 1),
        ("anything", None, None),
    ],
)
def test_values_that_fit_become_canonical_json(name: str, value: Any, canonical: Any) -> None:
    """Each has the declared type afterwards."""
    found = check(SCHEMA, {name: value})
    assert found == {name: canonical}
    assert type(found[name]) is type(canonical)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("day", "2013-02-30", "must be a date"),
        ("day", "20130228", "must be a date"),
        ("day", 20130228, "must be a date"),
        ("day", dt.datetime(2013, 1, 1, tzinfo=dt.UTC), "must be a date"),
        ("origin", "LAX", 'must be one of "EWR", "JFK"'),
        ("flag", True, "must be"),
        ("min_delay", "15", "must be a whole number"),
        ("min_delay", True, "must be a whole number"),
        ("min_delay", 1.5, "must be a whole number"),
        ("min_delay", 2**70, "64 bits"),
        ("ratio", float("nan"), "JSON cannot carry"),
        ("ratio", float("inf"), "JSON cannot carry"),
        ("ratio", "0.5", "must be a number"),
        ("verbose", 1, "must be true or false"),
        ("verbose", "yes", "must be true or false"),
        ("carriers", "AA", "must be a list"),
        ("carriers", ["AA", 1], "at position 1"),
        ("limit", "7", "must be a whole number"),
        ("since", "yesterday", "must be a time"),
        ("options", [1], "must be an object"),
        ("options", {1: 2}, "no text"),
        ("options", {"a": {1}}, "under 'a'"),
        ("anything", {"a": 1}, "JSON"),
        ("anything", "\ud800", "JSON"),
    ],
)
def test_values_that_do_not_fit_name_their_field(name: str, value: Any, words: str) -> None:
    """One message for each field says what is wanted."""
    with pytest.raises(BadInput) as caught:
        check(SCHEMA, {name: value})
    assert caught.value.field == f"parameters.{name}"
    assert words in caught.value.message


def test_every_bad_field_is_named_at_once() -> None:
    """A form can mark all of them."""
    with pytest.raises(BadFields) as caught:
        check(SCHEMA, {"day": 1, "min_delay": "x"}, field="triggers.0.parameters")
    assert [error.field for error in caught.value.errors] == [
        "triggers.0.parameters.day",
        "triggers.0.parameters.min_delay",
    ]


def test_unknown_names_are_refused_with_near_ones() -> None:
    """A misspelt name shows what was meant."""
    (problem,) = problems(SCHEMA, {"min_dealy": 3})
    assert problem.field == "parameters.min_dealy"
    assert problem.hint == "Did you mean min_delay?"


def test_values_for_a_notebook_without_parameters_are_refused() -> None:
    """The hint says how to give it some."""
    (problem,) = problems(schema(()), {"day": "2013-01-01"})
    assert "takes no parameters" in problem.message
    assert problem.hint is not None
    assert '"parameters"' in problem.hint


def test_a_required_name_must_be_given_unless_it_is_added_later() -> None:
    """Values of a trigger lie over the job's."""
    required = schema(infer("day: date\nn = 1")[0])
    (problem,) = problems(required, {"n": 2})
    assert problem.field == "parameters.day"
    assert check(required, {"n": 2}, partial=True) == {"n": 2}


def test_an_open_schema_takes_identifiers_only() -> None:
    """A name becomes source in the notebook, so that it may be nothing else."""
    anything = schema((), closed=False)
    assert check(anything, {"x": [1, {"a": None}]}) == {"x": [1, {"a": None}]}
    for name in ("x y", "import", "x=1;y", "", "x\n"):
        assert problems(anything, {name: 1})


def test_values_that_are_no_object_or_too_large_are_refused() -> None:
    """Nothing that strange is stored."""
    assert problems(SCHEMA, [1])
    assert problems(SCHEMA, None)
    (problem,) = problems(SCHEMA, {"anything": "x" * 1_000_001})
    assert "1 MB" in problem.message
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    assert problems(SCHEMA, {"options": {"a": deep}})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("day=2013-02-01", "2013-02-01"),
        ("min_delay=3", 3),
        ("ratio=1", 1.0),
        ("verbose=yes", True),
        ("verbose=0", False),
        ("carriers=AA,UA", ["AA", "UA"]),
        ('carriers=["A,B"]', ["A,B"]),
        ("carriers=", []),
        ("limit=none", None),
        ("limit=", None),
        ("limit=5", 5),
        ('options={"a": 1}', {"a": 1}),
        ("anything=text=with=signs", "text=with=signs"),
        ("anything=true", True),
        ("day={{ interval_start }}", "{{ interval_start }}"),
        ("min_delay={{ interval_start | %H }}", "{{ interval_start | %H }}"),
        ("carriers=AA,{{ job }}", ["AA", "{{ job }}"]),
    ],
)
def test_texts_of_the_command_line_take_the_declared_type(text: str, value: Any) -> None:
    """`name=value` becomes what the notebook wants."""
    assert parse([text], SCHEMA) == {text.split("=", maxsplit=1)[0]: value}


@pytest.mark.parametrize("text", ["day", "=1", "day=x", "min_delay=1.5", "nope=1", "ratio=NaN"])
def test_texts_that_do_not_fit_are_refused(text: str) -> None:
    """As values that come by any other road."""
    with pytest.raises(BadInput):
        parse([text], SCHEMA)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.floats() | st.text(), max_size=4))
def test_any_values_are_either_refused_or_json(values: dict[str, Any]) -> None:
    """Nothing in between, and nothing else is raised."""
    try:
        found = check(SCHEMA, values)
    except BadInput:
        assert problems(SCHEMA, values)
    else:
        assert json.loads(json.dumps(found, allow_nan=False)) == found
