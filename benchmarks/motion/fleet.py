"""Ten thousand workflows: which triggers and policies they have, by the seed alone."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from jupyter_orch.domain.model import (
    CatchUp,
    JobSpec,
    Notification,
    Overlap,
    Policies,
    Trigger,
)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
)
POOLS = {"trino": 40, "api": 10}  # slots
ADDRESSES = tuple(f"team{number}@example.com" for number in range(10))
_TOP_OF_THE_HOUR = 0.2  # of the hourly ones
#: Share of all workflows, and due instants a day, of the kinds that are not simply hourly or daily.
_SHARES = {"busy": (0.005, 288), "quarter": (0.01, 96), "interval": (0.1, 8), "double": (0.05, 5)}
_CALENDAR = 0.05


@dataclass(frozen=True)
class Workflow:
    """One job of the fleet."""

    spec: JobSpec
    pinned: bool


def fleet(
    seed: int, workflows: int, executions: int, start: datetime, notebook: str
) -> Iterator[Workflow]:
    """The workflows, which together are due about `executions` times a day.

    Raises:
        ValueError: No mixture of triggers comes to so many.
    """
    chance = random.Random(f"{seed}|fleet")  # noqa: S311 - chance, not secrecy
    counts = {kind: round(share * workflows) for kind, (share, _) in _SHARES.items()}
    counts["calendar"] = round(_CALENDAR * workflows)
    fixed = sum(counts[kind] * rate for kind, (_, rate) in _SHARES.items()) + counts["calendar"]
    rest = workflows - sum(counts.values())
    hourly = round((executions - fixed - rest) / 23)
    if not 0 <= hourly <= rest:
        low, high = fixed + rest, fixed + rest * 24
        raise ValueError(f"{workflows} workflows make from {low} to {high} executions a day")
    counts |= {"hourly": hourly, "daily": rest - hourly}
    for kind, count in counts.items():
        for number in range(count):
            spec = JobSpec(
                name=f"{kind} {number}",
                notebook=notebook,
                source="pinned" if chance.random() < 0.8 else "tracking",  # noqa: PLR2004
                parameters={"region": chance.choice("nsew"), "rows": chance.randrange(1000)},
                triggers=tuple(_triggers(kind, start, chance)),
                policies=_policies(kind, chance),
                notifications=_notifications(chance),
            )
            yield Workflow(spec=spec, pinned=spec.source == "pinned")


def _triggers(kind: str, start: datetime, chance: random.Random) -> Iterator[Trigger]:
    zone = chance.choice(ZONES)
    anchor = start - timedelta(seconds=chance.randrange(7 * 86_400))
    minute, hour = chance.randrange(60), chance.randrange(24)
    if kind == "busy":
        yield Trigger(id="t", kind="cron", cron="*/5 * * * *", time_zone=zone)
    elif kind == "quarter":
        yield Trigger(id="t", kind="cron", cron="*/15 * * * *", time_zone=zone)
    elif kind == "hourly":
        top = chance.random() < _TOP_OF_THE_HOUR
        jitter = 300 if top and chance.random() < 0.5 else 0  # noqa: PLR2004
        cron = f"{0 if top else minute} * * * *"
        yield Trigger(id="t", kind="cron", cron=cron, time_zone=zone, jitter_seconds=jitter)
    elif kind == "interval":
        yield Trigger(id="t", kind="interval", every_seconds=3 * 3600, anchor=anchor)
    elif kind == "calendar":
        at = anchor.replace(second=0)
        yield Trigger(
            id="t",
            kind="calendar",
            calendar_every=1,
            calendar_unit="day",
            anchor=at,
            time_zone=zone,
        )
    else:
        days = chance.choice(("*", "*", "1-5"))
        cron = f"{minute} {hour} * * {days}"
        yield Trigger(id="t", kind="cron", cron=cron, time_zone=zone)
        if kind == "double":
            yield Trigger(
                id="again",
                kind="interval",
                every_seconds=6 * 3600,
                anchor=anchor,
                parameters={"part": "evening"},
            )


def _policies(kind: str, chance: random.Random) -> Policies:
    overlap = chance.choices(
        ("queue", "skip", "cancel_running", "parallel", "latest_only"), (65, 10, 5, 10, 10)
    )[0]
    values: dict[str, Any] = {
        "retries": chance.choice((0, 1, 2, 2, 2)),
        "retry_delay_seconds": 30.0,
        "overlap": cast("Overlap", overlap),
        "max_parallel": 2 if overlap == "parallel" else None,
        "catch_up": cast("CatchUp", chance.choice(("latest", "latest", "none", "all"))),
        "max_catch_up": 3,
        "pool": chance.choices(("default", *POOLS), (82, 15, 3))[0],
        "priority": chance.choice((0, 0, 0, 10)) if kind != "busy" else 0,
        "late_after_seconds": 300.0 if chance.random() < 0.3 else None,  # noqa: PLR2004
        "queue_timeout_seconds": 3600.0 if chance.random() < 0.05 else None,  # noqa: PLR2004
    }
    return Policies(**values)


def _notifications(chance: random.Random) -> tuple[Notification, ...]:
    if chance.random() < 0.7:  # noqa: PLR2004
        return ()
    return (Notification(email=(chance.choice(ADDRESSES),)),)
