"""Which trigger and which data interval a run by hand belongs to."""

from dataclasses import dataclass
from datetime import UTC, datetime

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.interval import last_complete
from jupyter_orch.domain.model import Job, Json, Trigger


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for; what is absent is chosen."""

    trigger: str | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None


#: Whatever is chosen when nothing is asked for.
ANY = Wanted()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a run by hand takes."""

    trigger: Trigger | None
    interval_start: datetime | None
    interval_end: datetime | None

    @property
    def time_zone(self) -> str:
        """The zone that expressions are read in."""
        return self.trigger.time_zone if self.trigger else "UTC"

    @property
    def trigger_id(self) -> str | None:
        """The trigger that the interval belongs to."""
        return self.trigger.id if self.trigger and self.interval_end else None

    def values(self, job: Job) -> dict[str, Json]:
        """Those of job and trigger, as they are written."""
        return {**job.spec.parameters, **(self.trigger.parameters if self.trigger else {})}


def choose(job: Job, wanted: Wanted, now: datetime) -> Chosen:
    """The trigger that is named, or the first that has intervals; and its last complete one.

    Raises:
        BadInput: There is no such trigger (field `trigger`).
        BadFields: The interval is none (fields `interval_start` and `interval_end`).
    """
    trigger = (
        named_trigger(job, wanted.trigger)
        if wanted.trigger is not None
        else next((each for each in job.spec.triggers if each.kind != "once"), None)
    )
    start, end = _given(wanted) or (trigger and last_complete(trigger, now)) or (None, None)
    return Chosen(trigger=trigger, interval_start=start, interval_end=end)


def named_trigger(job: Job, name: str) -> Trigger:
    """The job's trigger of this id.

    Raises:
        BadInput: It has none (field `trigger`).
    """
    for trigger in job.spec.triggers:
        if trigger.id == name:
            return trigger
    ids = ", ".join(trigger.id for trigger in job.spec.triggers)
    raise BadInput(
        f"The job {job.spec.name} has no trigger {name!r}.",
        field="trigger",
        hint=f"Choose one of: {ids}." if ids else "It has no trigger at all.",
    )


def _given(wanted: Wanted) -> tuple[datetime, datetime] | None:
    """The interval that is asked for, in UTC."""
    given = {"interval_start": wanted.interval_start, "interval_end": wanted.interval_end}
    missing = [name for name, at in given.items() if at is None]
    if len(missing) == len(given):
        return None
    found, problems = dict[str, datetime](), list[BadInput]()
    for name, at in given.items():
        if at is None:
            other = next(each for each in given if each != name)
            problems.append(BadInput(f"{name} is missing: {other} is given.", field=name))
        elif at.tzinfo is None:
            hint = "For example 2026-01-31T06:00:00Z."
            problems.append(BadInput(f"{name} needs a time zone.", field=name, hint=hint))
        else:
            try:
                found[name] = at.astimezone(UTC)
            except OverflowError:
                problems.append(BadInput(f"{name} is out of all calendars.", field=name))
    if not problems and found["interval_end"] <= found["interval_start"]:
        problems.append(BadInput("The interval ends before it has started.", field="interval_end"))
    if problems:
        raise BadFields(problems)
    return found["interval_start"], found["interval_end"]
