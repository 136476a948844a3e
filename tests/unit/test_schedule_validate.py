"""What can be scheduled at all, and how it reads."""

from datetime import UTC, datetime, timedelta

import pytest
from store_kit import NOW, cron, every

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule import (
    anchored,
    describe,
    next_fire,
    preview,
    previous_fire,
    validate,
)

GOOD = [
    "0 6 * * *", "*/5 * * * *", "0 0 13 * 5", "0 0 L * *", "0 0 * * 5#2", "0 0 * * 7",
    "0 0 * * sun",
    "0 0 29 2 *", "@daily", "@HOURLY", " 0  6 * *\t* ", "0 0 LW * *", "0 9 * jan-mar mon-fri",
    "0 0 31 2 MON",
]  # fmt: skip
BAD = [
    "", "   ", "0 6 * *", "0 0 6 * * *", "60 * * * *", "0 24 * * *", "0 0 31 2 *", "0 0 30 2 *",
    "0 0 31 4,6 *", "@reboot", "@never", "H 3 * * *", "0 0 ? * MON", "0 0 1W * *", "*/0 * * * *",
    "5-1 * * * *", "1,,2 * * * *", "rubbish", "٣ * * * *", "0 0 * * 5#6", "0 0 * * L", "-1 * * * *",
    "0 0 * * *; DROP TABLE run", "9" * 5000, "* " * 5000, "0 " + "9" * 190 + " * * *", "\0 * * * *",
]  # fmt: skip


@pytest.mark.parametrize("fields", GOOD)
def test_good_expressions_are_taken(fields: str) -> None:
    """They validate, fire, and can be put into words."""
    trigger = cron(fields, "Europe/Berlin")
    validate(trigger, field="triggers.0")
    fire = next_fire(trigger, NOW)
    assert fire is not None
    assert fire > NOW
    assert describe(trigger).endswith("(Europe/Berlin)")


@pytest.mark.parametrize("fields", BAD)
def test_inv9_bad_expressions_name_their_field(fields: str) -> None:
    """One sentence and the dotted field, also for what never fires and for hostile text."""
    with pytest.raises(BadInput) as caught:
        validate(cron(fields), field="triggers.3")
    assert caught.value.field == "triggers.3.cron"
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 250


def test_inv9_says_that_an_expression_never_fires() -> None:
    """The 31st of February is told apart from a typing error."""
    with pytest.raises(BadInput, match="never fires"):
        validate(cron("0 0 31 2 *"), field="triggers.0")


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "CEST+2", "\0", "Europe", "ü" * 999],
)
def test_inv9_unknown_time_zones_name_their_field(zone: str) -> None:
    """Neither an unknown name nor a path is a time zone, for either kind."""
    for trigger in (cron("0 6 * * *", zone), every(5, time_zone=zone)):
        with pytest.raises(BadInput) as caught:
            validate(trigger, field="triggers.0")
        assert caught.value.field == "triggers.0.time_zone"


@pytest.mark.parametrize("seconds", [None, 0, -5, True, 10**12])
def test_inv9_bad_intervals_name_their_field(seconds) -> None:
    """An interval is a positive whole number of seconds that still fits a lifetime."""
    with pytest.raises(BadInput) as caught:
        validate(every(seconds), field="triggers.0")
    assert caught.value.field == "triggers.0.every_seconds"


def test_inv9_other_bad_parts_name_their_field() -> None:
    """Kind, id, and an anchor without a zone."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    for trigger, field in (
        (Trigger(id="t", kind="sometimes"), "triggers.0.kind"),  # type: ignore[arg-type]
        (every(5, name=""), "triggers.0.id"),
        (every(5, name="a:b"), "triggers.0.id"),
        (every(5, anchor=naive), "triggers.0.anchor"),
        (Trigger(id="t", kind="cron"), "triggers.0.cron"),
    ):
        with pytest.raises(BadInput) as caught:
            validate(trigger, field="triggers.0")
        assert caught.value.field == field


def test_an_interval_hangs_on_its_anchor() -> None:
    """Due instants lie on the grid in both directions, whatever moment one asks at."""
    trigger = every(90, anchor=NOW)
    assert next_fire(trigger, NOW) == NOW + timedelta(seconds=90)
    assert next_fire(trigger, NOW - timedelta(seconds=1)) == NOW
    assert next_fire(trigger, NOW - timedelta(days=1, seconds=1)) == NOW - timedelta(days=1)
    assert previous_fire(trigger, NOW) == NOW - timedelta(seconds=90)
    assert previous_fire(trigger, NOW + timedelta(seconds=1)) == NOW


def test_an_interval_without_anchor_begins_at_the_time_of_saving() -> None:
    """Whole seconds, so that instants read well; an anchor that is there stays."""
    now = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    tied = anchored(every(5), now)
    assert tied.anchor == now.replace(microsecond=0)
    assert anchored(tied, NOW) == tied
    assert anchored(cron("@daily"), now) == cron("@daily")
    assert next_fire(every(5), now) == now + timedelta(seconds=5)
    assert [fire.local for fire in preview(every(5), now, 2)] == [
        "2026-01-01T12:00:05+00:00",
        "2026-01-01T12:00:10+00:00",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("0 6 * * *", "Every day at 06:00"),
        ("@daily", "Every day at 00:00"),
        ("30 18 * * 1-5", "Every weekday at 18:30"),
        ("0 9 * * 1", "Every Monday at 09:00"),
        ("0 9 * * mon,wed,7", "Every Monday, Wednesday and Sunday at 09:00"),
        ("0 0 1 * *", "On day 1 of every month at 00:00"),
        ("0 0 L * *", "On the last day of every month at 00:00"),
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("@hourly", "Every hour"),
        ("5 * * * *", "Every hour at 5 past"),
        ("*/7 * * * *", "Cron */7 * * * *"),
        ("0 6 * 3 *", "Cron 0 6 * 3 *"),
        ("0 6 13 * 5", "Cron 0 6 13 * 5"),
        ("0 6 * * 5#2", "Cron 0 6 * * 5#2"),
        ("0 6-9 * * *", "Cron 0 6-9 * * *"),
        ("*/15 6 * * *", "Cron */15 6 * * *"),
    ],
)
def test_common_schedules_read_as_words(fields: str, words: str) -> None:
    """Shapes that have a plain sentence get it, the others keep their expression."""
    assert describe(cron(fields, "America/New_York")) == f"{words} (America/New_York)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "Every second"), (90, "Every 90 seconds"), (300, "Every 5 minutes"),
     (3600, "Every hour"), (172800, "Every 2 days")],
)  # fmt: skip
def test_intervals_read_as_words(seconds: int, words: str) -> None:
    """In the largest unit that fits."""
    assert describe(every(seconds)) == words
