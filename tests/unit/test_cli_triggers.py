"""Triggers as people type them on the command line."""

import pytest

from jupyter_orch.cli.triggers import triggers_of
from jupyter_orch.domain.errors import BadInput

NOTHING = {"cron": (), "every": (), "at": (), "start": None, "end": None, "exclude": (),
           "jitter": None, "time_zone": "Europe/Berlin"}  # fmt: skip


def typed(**options):
    """What the options make."""
    return triggers_of(**{**NOTHING, **options})


def test_each_option_that_says_when_is_a_trigger() -> None:
    """They may be mixed and repeated; each carries the zone."""
    made = typed(cron=("0 6 * * *", "0 18 * * *"), every=("10m", "2w", "1mo"), at=("2026-12-24",))
    assert [trigger["kind"] for trigger in made] == [
        "cron", "cron", "interval", "calendar", "calendar", "once",
    ]  # fmt: skip
    assert {trigger["time_zone"] for trigger in made} == {"Europe/Berlin"}
    assert made[2]["every_seconds"] == 600
    assert (made[3]["calendar_every"], made[3]["calendar_unit"]) == (2, "week")
    assert (made[4]["calendar_every"], made[4]["calendar_unit"]) == (1, "month")
    assert typed() == []


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-24T18:00", "2026-12-24T17:00:00+00:00"),
        ("2026-12-24 18:00", "2026-12-24T17:00:00+00:00"),
        ("2026-12-24T18:00Z", "2026-12-24T18:00:00+00:00"),
        ("2026-12-24T18:00-05:00", "2026-12-24T23:00:00+00:00"),
        ("2026-12-24", "2026-12-23T23:00:00+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:00:00+00:00"),  # does not exist: after the gap
        ("2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),  # comes twice: the first one
    ],
)
def test_a_time_is_read_in_the_zone_unless_it_says_otherwise(text: str, instant: str) -> None:
    """With an offset it needs no zone; a date alone is where that day begins."""
    assert typed(at=(text,))[0]["at"] == instant


def test_bounds_narrow_what_repeats() -> None:
    """An end that is a date includes that day; what is due once has no bounds, but jitter."""
    cron, every, once = typed(
        cron=("@daily",), every=("1d",), at=("2026-12-24",), start="2026-12-01", end="2026-12-31",
        exclude=("sat", "Sunday", "2026-12-25"), jitter="5m",
    )  # fmt: skip
    for trigger in (cron, every):
        assert trigger["start"] == "2026-11-30T23:00:00+00:00"
        assert trigger["end"] == "2026-12-31T22:59:59.999999+00:00"
        assert trigger["exclude_weekdays"] == ["sat", "sun"]
        assert trigger["exclude_dates"] == ["2026-12-25"]
    assert every["anchor"] == every["start"]
    assert "anchor" not in cron
    assert set(once) == {"kind", "at", "time_zone", "jitter_seconds"}
    assert {trigger["jitter_seconds"] for trigger in (cron, every, once)} == {300}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"every": ("soon",)}, "every"),
        ({"every": ("0m",)}, "every"),
        ({"every": ("1.5h",)}, "every"),
        ({"every": ("10m",), "jitter": "1mo"}, "jitter"),
        ({"at": ("tomorrow",)}, "at"),
        ({"at": ("2026-02-30",)}, "at"),
        ({"at": ("9999-12-31",), "every": ("1d",), "end": "9999-12-31"}, "end"),
        ({"cron": ("@daily",), "start": "2026-13-01"}, "start"),
        ({"cron": ("@daily",), "exclude": ("someday",)}, "exclude"),
        ({"cron": ("@daily",), "time_zone": "Mars/Base"}, "time_zone"),
        ({"start": "2026-12-01"}, "start"),
        ({"at": ("2026-12-01",), "end": "2026-12-01"}, "end"),
        ({"at": ("2026-12-01",), "exclude": ("sat",)}, "exclude"),
        ({"jitter": "5m"}, "jitter"),
    ],
)
def test_inv9_what_cannot_be_read_names_its_option(options, field: str) -> None:
    """One sentence, and the name of the option."""
    with pytest.raises(BadInput) as caught:
        typed(**options)
    assert caught.value.field == field
    assert caught.value.message.endswith(".")
