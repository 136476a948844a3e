"""Expressions in the values of parameters: what they give, and what is refused."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.expressions import (
    Context,
    check,
    has_expression,
    preview,
    render,
    rendered,
    resolve,
)
from jupyter_orch.domain.schedule_clock import earliest

TEXT = {"type": "string"}
DATE = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
WHOLE = {"type": "integer"}
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")


def context(start: str, end: str = "", *, zone: str = "UTC", **more) -> Context:
    """A run of job `sales` with this interval; times without offset are in UTC."""
    first, last = (
        at if at.tzinfo else at.replace(tzinfo=UTC)
        for at in map(datetime.fromisoformat, (start, end or start))
    )
    given = {"logical_time": last, "interval_start": first, "interval_end": last, "job": "sales"}
    return Context(time_zone=zone, **{"run_id": "01RUN", **given, **more})


def escaped(value):
    """The value with every pair of braces meant as text."""
    if isinstance(value, str):
        return value.replace("{{", "{{{{")
    if isinstance(value, dict):
        return {name: escaped(item) for name, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


#: The day that ends at 06:00 on 2 November in Tokyo.
TOKYO = context("2026-10-31T21:00", "2026-11-01T21:00", zone="Asia/Tokyo")


def text(value: str, where: Context = TOKYO, schema=None) -> str:
    """What the value becomes."""
    return render(value, schema or TEXT, where, field="parameters.x")


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ("{{ interval_start }}", DATE, "2026-11-01"),
        ("{{ interval_start }}", MOMENT, "2026-11-01T06:00:00+09:00"),
        ("{{ interval_start }}", TEXT, "2026-11-01T06:00:00+09:00"),
        ("{{interval_end.date}}", DATE, "2026-11-02"),
        ("{{ interval_end.date }}", MOMENT, "2026-11-02T00:00:00+09:00"),
        ("{{ interval_end.utc }}", MOMENT, "2026-11-01T21:00:00+00:00"),
        ("{{ interval_start }}", {"type": ["string", "null"], "format": "date"}, "2026-11-01"),
        ("{{ interval_start | %Y-%m-%d }}", DATE, "2026-11-01"),
        ("{{ run_id }}", TEXT, "01RUN"),
        ("{{ job }}", {"type": "string", "enum": ["sales", "costs"]}, "sales"),
        ("day {{ interval_start.date }} of {{ job }}", TEXT, "day 2026-11-01 of sales"),
        (" {{ logical_time }}", TEXT, " 2026-11-02T06:00:00+09:00"),
        ("{{ interval_start.month_start + 1mo - 1d | %d.%m.%y }}", TEXT, "30.11.26"),
        ("{{ interval_start.week_start.date }}", DATE, "2026-10-26"),
        ("{{ interval_start.date.year_start - 1y }}", DATE, "2025-01-01"),
        ("{{ interval_start.hour_start + 30m | %H:%M:%S.%f%z }}", TEXT, "06:30:00.000000+0900"),
        ("{{ interval_start | %G-W%V-%u %j %s 100%% }}", TEXT, "2026-W44-7 305 1793480400 100%"),
        ("{{ interval_start | %Y }}", WHOLE, 2026),
        ("-{{ interval_start | %m }}", {"type": ["integer", "null"]}, -11),
        ("{{ interval_start | %S.%f }}", {"type": "number"}, 0.0),
        ("{{ interval_start | %Y }}", {"type": ["string", "number"]}, "2026"),
        ("{{\tinterval_start.day_start\n- 90 s }}", TEXT, "2026-10-31T23:58:30+09:00"),
    ],
)
def test_an_expression_gives_what_the_parameter_wants(value, schema, expected) -> None:
    """A date for a date, a time with its offset for a time, text within text."""
    assert text(value, schema=schema) == expected


def test_the_examples_of_the_guide_give_what_it_says() -> None:
    """Each row of its table, by the type that its words name."""
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "parameters.md"
    rows = re.findall(r"^\| `(.*\{\{.*)`(.*) \| `(.*)` \|$", guide.read_text(), re.MULTILINE)
    assert len(rows) > 8
    where = replace(TOKYO, job="report")
    for written, words, expected in rows:
        schema = {" for a date": DATE, " for a whole number": WHOLE}.get(words.split(":")[0], TEXT)
        assert str(text(written.replace("\\|", "|"), where, schema)) == expected, written


def test_inv11_six_in_tokyo_is_the_day_before_in_utc() -> None:
    """The trigger's zone says which day it is, unless UTC is asked for."""
    assert text("{{ interval_end.date }} {{ interval_end.utc.date }}") == "2026-11-02 2026-11-01"


def test_expressions_work_inside_of_lists_and_objects() -> None:
    """Each item by the type that it has there; names of an object stay as they are."""
    days = {"type": "array", "items": DATE}
    value = ["{{ interval_start }}", "2013-01-01"]
    assert render(value, days, TOKYO, field="p.x") == ["2026-11-01", "2013-01-01"]
    named = {"type": "object", "additionalProperties": DATE}
    value = {"{{ job }}": "{{ interval_end }}"}
    assert has_expression(value)
    assert render(value, named, TOKYO, field="p.x") == {"{{ job }}": "2026-11-02"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{{{ interval_start }}", "{{ interval_start }}"),
        ("{{{{{ {", "{{{ {"),
        ("{{{{{{job}}}}", "{{sales}}"),
        ("{{{job}}}", "{sales}"),
        ("{ {job}} }}", "{ {job}} }}"),
    ],
)
def test_braces_can_be_meant_as_braces(value: str, expected: str) -> None:
    """Four are two; one and a closing pair are themselves."""
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "at", "words", "hint"),
    [
        ("{{ nope }}", 4, "the name nope", "Names are interval_start, interval_end"),
        ("{{ __import__('os') }}", 14, "'('", "{{{{"),
        ("a {{ }}", 6, "is empty", "Names are"),
        ("{{ interval_start", 3, "not closed", "{{{{"),
        ("{{ interval_start.nope }}", 19, "the member .nope", ".month_start"),
        ("{{ interval_start.date.utc }}", 24, ".utc too late", "directly after"),
        ("{{ interval_start.date.hour_start }}", 24, "hour of a date", "before .date"),
        ("{{ interval_start + d }}", 21, "needs a number", "+ 1d"),
        ("{{ interval_start + 123456d }}", 21, "needs a number", "+ 1d"),
        ("{{ interval_start + 1x }}", 22, "unit", "s, m, h, d, w, mo, y"),
        ("{{ interval_start.date + 1h }}", 27, "unit", "units are d, w, mo, y"),
        ("{{ interval_start | %B }}", 19, "%B", "Codes are %Y"),
        ("{{ interval_start.date | %H }}", 24, "%H", "for a date"),
        ("{{ interval_start | }}", 19, "empty", "Codes are"),
        ("{{ interval_start | 100% }}", 19, "format code %", "Codes are"),
        ("{{ interval_start 1 }}", 19, "'1'", "moves such as + 1d"),
        ("{{ job.date }}", 7, "stands alone", "{{{{"),
        ("{{ interval_start - 9999y }}", 1, "years 1 to 9999", "less"),
        ("{{ interval_start + " + "1" * 200 + "d }}", 3, "longer than 200", "{{{{"),
    ],
)
def test_inv9_what_is_no_expression_is_refused_with_its_place(value, at, words, hint) -> None:
    """The sentence shows expression and position, the hint what is allowed there."""
    schema = {"type": "object", "properties": {"x": TEXT}, "required": []}
    with pytest.raises(BadFields) as caught:
        check(schema, {"x": value}, job="sales")
    (error,) = caught.value.errors
    assert error.field == "parameters.x"
    assert words in error.message
    assert (f"(position {at})" in error.message) or at == 1
    assert hint in (error.hint or "")


def test_a_run_without_interval_says_what_it_lacks() -> None:
    """Nothing is made up for it."""
    bare = context("2026-11-01", interval_start=None, interval_end=None)
    with pytest.raises(BadInput, match="needs interval_start, which this run does not have"):
        text("{{ interval_start }}", bare)
    assert text("{{ logical_time.date }}", bare) == "2026-11-01"


def test_a_zone_that_left_the_system_is_named() -> None:
    """As whatever is wrong with values, it is bad input and no crash."""
    with pytest.raises(BadInput, match="Mars/Base"):
        text("{{ interval_start }}", context("2026-11-01", zone="Mars/Base"))


# --------------------------------------------------------------------------- sets of values

SCHEMA = {
    "type": "object",
    "properties": {"day": DATE, "n": WHOLE, "note": {**TEXT, "default": "{{ name }}"}},
    "required": ["day"],
    "additionalProperties": False,
}


def test_values_are_stored_as_written_and_run_as_rendered() -> None:
    """What is literal is canonical in both."""
    written = {"n": 2.0, "day": "{{ interval_start }}"}
    assert check(SCHEMA, written, job="sales", partial=True) == {
        "day": "{{ interval_start }}",
        "n": 2,
    }
    assert resolve(SCHEMA, written, TOKYO) == {"day": "2026-11-01", "n": 2}


def test_a_value_without_an_expression_is_left_alone_when_a_schedule_renders() -> None:
    """A job with expressions behaves as one without in everything else."""
    written = {"day": "{{ interval_start }}", "n": "no number", "gone": "{{ nope }}"}
    assert rendered(SCHEMA, written, TOKYO) == {**written, "day": "2026-11-01"}
    with pytest.raises(BadFields) as caught:
        rendered(SCHEMA, {"day": "{{ nope }}", "note": "{{"}, TOKYO)
    assert [error.field for error in caught.value.errors] == ["parameters.day", "parameters.note"]


def test_what_is_literal_is_never_rendered() -> None:
    """The values of a run that is repeated are what they are."""
    written = {"day": "{{ interval_start }}", "note": "{{ job }}"}
    expected = {"day": "2026-11-01", "note": "{{ job }}"}
    assert resolve(SCHEMA, written, TOKYO, literal=["note"]) == expected
    with pytest.raises(BadFields, match="must be a date"):
        resolve(SCHEMA, written, TOKYO, literal=["day"])


def test_the_name_of_the_job_is_known_when_it_is_saved() -> None:
    """So that a choice among names can be checked."""
    schema = {"properties": {"x": {"type": "string", "enum": ["sales"]}}, "required": ["x", "y"]}
    assert check(schema, {"x": "{{ job }}"}, job="sales", partial=True) == {"x": "{{ job }}"}
    with pytest.raises(BadFields, match="must be one of"):
        check(schema, {"x": "{{ job }}"}, job="costs", partial=True)
    with pytest.raises(BadFields, match="y has no default"):
        check(schema, {"x": "{{ job }}"}, job="sales")


def test_every_value_that_does_not_fit_is_named_at_once() -> None:
    """Also a text where a number is wanted, and a name that is required."""
    bad = {"day": "{{ nope }}", "n": "{{ interval_start | %Y-%m }}", "m": "{{ job }}"}
    with pytest.raises(BadFields) as caught:
        check(SCHEMA, bad, job="sales")
    assert {error.field for error in caught.value.errors} == {
        "parameters.day",
        "parameters.n",
        "parameters.m",
    }
    assert "must be a whole number" in next(
        error.message for error in caught.value.errors if error.field == "parameters.n"
    )
    with pytest.raises(BadFields, match="needs a value"):
        resolve(SCHEMA, {}, TOKYO)


def test_the_notebooks_own_default_is_no_expression() -> None:
    """A form that sends back what it was given changes nothing."""
    values = {"day": "2013-01-01", "note": "{{ name }}"}
    assert check(SCHEMA, values, job="sales") == values
    assert resolve(SCHEMA, values, TOKYO) == values


def test_a_preview_leaves_what_cannot_be_rendered() -> None:
    """A form shows it as it is written."""
    bare = context("2026-11-01", interval_start=None, run_id=None)
    values = {"day": "{{ interval_start }}", "note": "{{ job }}", "n": 1}
    assert preview(SCHEMA, values, bare) == {**values, "note": "sales"}


def test_there_is_a_limit_to_expressions() -> None:
    """A value can neither keep the timer busy nor grow without end."""
    with pytest.raises(BadFields, match="more than 1000"):
        check(SCHEMA, {"note": "{{job}}" * 1001}, job="sales", partial=True)
    note = "{{{{" * 500 + "x" * 998_500
    with pytest.raises(BadInput, match="larger than 1 MB"):
        check(SCHEMA, {"note": note}, job="sales", partial=True)
    deep: list = ["{{ job }}"]
    for _ in range(500):
        deep = [deep]
    schema = {**SCHEMA, "properties": {"x": {"type": "array"}}}
    with pytest.raises(BadFields, match="parameter x has at position 0"):
        check(schema, {"x": deep}, job="sales", partial=True)


# --------------------------------------------------------------------------- clocks that change


@pytest.mark.parametrize(
    ("zone", "start", "value", "expected"),
    [
        # New York, 8 March 2026: 02:00 to 03:00 does not exist.
        ("America/New_York", "2026-03-07T02:30-05:00", "+ 1d", "2026-03-08T03:00:00-04:00"),
        ("America/New_York", "2026-03-07T12:00-05:00", "+ 1d", "2026-03-08T12:00:00-04:00"),
        ("America/New_York", "2026-03-07T12:00-05:00", "+ 24h", "2026-03-08T13:00:00-04:00"),
        # New York, 1 November 2026: 01:00 to 02:00 comes twice.
        ("America/New_York", "2026-10-31T01:30-04:00", "+ 1d", "2026-11-01T01:30:00-04:00"),
        ("America/New_York", "2026-11-01T01:30-04:00", "+ 1h", "2026-11-01T01:30:00-05:00"),
        ("America/New_York", "2026-11-01T01:30-05:00", "+ 0d", "2026-11-01T01:30:00-05:00"),
        ("America/New_York", "2026-11-01T01:30-05:00", "- 1w", "2026-10-25T01:30:00-04:00"),
        # Months end on the day that they have.
        ("UTC", "2026-01-31T06:00", "+ 1mo", "2026-02-28T06:00:00+00:00"),
        ("UTC", "2024-02-29T06:00", "+ 1y", "2025-02-28T06:00:00+00:00"),
        ("UTC", "2026-03-31T06:00", "- 1mo - 1mo", "2026-01-28T06:00:00+00:00"),
    ],
)
def test_inv11_days_move_the_wall_clock_and_hours_do_not(zone, start, value, expected) -> None:
    """A time that clocks leap over is the first one after it; of two equal times, the first."""
    assert text(f"{{{{ interval_start {value} }}}}", context(start, zone=zone)) == expected


@pytest.mark.parametrize(
    ("zone", "start", "member", "expected"),
    [
        ("America/New_York", "2026-11-01T01:30-05:00", "hour_start", "2026-11-01T01:00:00-05:00"),
        ("America/New_York", "2026-11-01T01:30-04:00", "hour_start", "2026-11-01T01:00:00-04:00"),
        # Lord Howe shifts by half an hour: at 02:00 to 02:30 on 4 October 2026, and back.
        ("Australia/Lord_Howe", "2026-10-03T15:45", "hour_start", "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:15", "hour_start", "2026-04-05T01:00:00+11:00"),
        # São Paulo left out midnight on 4 November 2018.
        ("America/Sao_Paulo", "2018-11-04T12:00", "day_start", "2018-11-04T01:00:00-02:00"),
        ("America/Sao_Paulo", "2018-11-06T12:00", "month_start", "2018-11-01T00:00:00-03:00"),
    ],
)
def test_inv11_starts_are_instants_that_exist(zone, start, member, expected) -> None:
    """Whatever clocks did at the start of that hour or day."""
    assert text(f"{{{{ interval_start.{member} }}}}", context(start, zone=zone)) == expected


# --------------------------------------------------------------------------- any text, any instant

_PIECES = (
    *("{", "}", "{{", "}}", "{{{{", "{{ ", " }}", ".", "+", "-", "|", "%Y", "%", " ", "1d", "9y"),
    *("interval_start", "logical_time", "job", ".utc", ".date", ".month_start", "é", "\n"),
)
_HOSTILE = st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join))
_INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_ZONES = st.sampled_from(ZONES)


@given(_HOSTILE, st.sampled_from([TEXT, DATE, MOMENT, WHOLE, {}]))
def test_any_text_gives_a_value_or_bad_input(value: str, schema) -> None:
    """The same one every time, and of the parameter's type."""
    results = []
    for _ in range(2):
        try:
            results.append(render(value, schema, TOKYO, field="parameters.x"))
        except BadInput as error:
            results.append((error.field, error.message))
    assert results[0] == results[1]
    assert not isinstance(results[0], tuple) or results[0][0] == "parameters.x"


@given(
    st.recursive(
        st.none() | st.integers(-(2**63), 2**63 - 1) | _HOSTILE,
        lambda inner: st.lists(inner) | st.dictionaries(_HOSTILE, inner),
        max_leaves=5,
    )
)
def test_whatever_is_escaped_comes_back(value) -> None:
    """Any value can be meant as it is."""
    assert render(escaped(value), {}, TOKYO, field="parameters.x") == value


@given(_HOSTILE)
def test_hostile_names_stay_literal(value: str) -> None:
    """What an expression gives is never read as an expression again, nor is literal text."""
    where = context("2026-11-01", job=value)
    assert text("{{ job }}", where) == value
    assert text("a{{ job }}b", where) == f"a{value}b"
    literal = value.replace("{{", "{ {").replace("{{", "{ {")
    assert not has_expression(literal)
    assert text(literal) == literal


@given(_INSTANTS, _ZONES, st.sampled_from(["hour", "day", "week", "month", "year"]))
def test_inv11_a_start_is_not_later_and_its_own_start(instant, zone, unit) -> None:
    """In every zone, on every day."""
    where = Context(
        time_zone=zone,
        logical_time=instant,
        interval_start=instant,
        interval_end=None,
        run_id=None,
        job=None,
    )
    start = datetime.fromisoformat(text(f"{{{{ interval_start.{unit}_start }}}}", where))
    assert start <= instant
    again = text(f"{{{{ interval_start.{unit}_start.{unit}_start }}}}", where)
    assert datetime.fromisoformat(again) == start
    assert instant - start <= timedelta(days={"year": 367, "month": 32, "week": 8}.get(unit, 2))


@given(_INSTANTS, _ZONES, st.integers(-400, 400))
def test_inv11_moving_by_days_keeps_the_wall_clock(instant, zone, days) -> None:
    """Unless clocks leap over it: then it is the first instant after the gap."""
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    wall = local + timedelta(days=days)
    moved = earliest(wall, ZoneInfo(zone))
    shown = moved.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if shown != wall:
        assert wall < shown
        before = (moved - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
        assert before.replace(tzinfo=None) < wall
    where = context(instant.isoformat(), zone=zone)
    if days:
        value = text(f"{{{{ interval_start {days:+}d }}}}".replace("+", "+ "), where)
        assert datetime.fromisoformat(value) == moved
