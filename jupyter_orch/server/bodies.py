"""What requests bring and answers hold where that is not a domain value already."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jupyter_orch.domain.failures import Failure
from jupyter_orch.domain.live import Usual
from jupyter_orch.domain.model import Attempt, Change, Job, Json, Run, Trigger
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.ports import WorkerInfo
from jupyter_orch.service.intervals import Wanted


@dataclass(frozen=True, kw_only=True)
class InspectNotebook:
    """Body of `POST /notebooks:inspect`."""

    #: Absolute, or relative to the root that the request names.
    path: str


@dataclass(frozen=True, kw_only=True)
class PreviewTrigger:
    """Body of `POST /triggers:preview`."""

    trigger: Trigger
    #: How many instants to answer.
    count: int = 5


@dataclass(frozen=True, kw_only=True)
class RunJob(Wanted):
    """Body of `POST /jobs/{id}:run`."""

    #: Values that win over those of job and trigger.
    parameters: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RerunRun:
    """Body of `POST /runs/{id}:rerun`."""

    #: Values that win over those of the run.
    parameters: dict[str, Json] = field(default_factory=dict)
    #: Take the notebook as it is now instead of the same bytes.
    latest_notebook: bool = False


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernelspec of this machine."""

    name: str
    display_name: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """Answer of `GET /kernels`."""

    kernels: tuple[Kernel, ...]


@dataclass(frozen=True, kw_only=True)
class NotebookInfo:
    """What the schedule form needs to know of a notebook."""

    path: str
    name: str
    sha256: str
    kernel: str | None
    kernels: tuple[Kernel, ...]
    parameters_cell: bool
    schema: dict[str, Any]
    hint: str | None
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fire:
    """One due instant of a trigger that is being typed."""

    at: datetime
    #: The same instant on the clock of the trigger's time zone.
    local: str
    #: Set where clocks change.
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Fires:
    """Answer of `POST /triggers:preview`."""

    fires: tuple[Fire, ...]
    #: The trigger in words.
    description: str


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """Everything about one run that is not in its files."""

    run: Run
    job: Job | None
    attempts: tuple[Attempt, ...]
    versions: tuple[TableVersion, ...]
    queries: tuple[str, ...]
    schema: dict[str, Any]
    #: For a run that failed.
    failure: Failure | None
    #: How long the job's runs took lately; absent without history, and of a run that has ended.
    usual: Usual | None


@dataclass(frozen=True, kw_only=True)
class Log:
    """The end of an attempt's log."""

    #: Each with `time`, `level`, `event` and fields of its own.
    lines: tuple[dict[str, Any], ...]
    #: Whether earlier lines are left out.
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a preview."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A few rows of a table."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What changed after a cursor."""

    cursor: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Runs that have not ended, and jobs that are failing."""

    queued: int
    running: int
    publishing: int
    #: Jobs whose run that ended last failed.
    failing: int


@dataclass(frozen=True, kw_only=True)
class WarehouseInfo:
    """Where tables are, and what reads them."""

    engine: str
    url: str | None
    location: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """Answer of `GET /status`."""

    version: str
    state: Literal["running", "unwell"]
    user: str
    time: datetime
    workers: tuple[WorkerInfo, ...]
    counts: Counts
    warehouse: WarehouseInfo
    roots: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """One of several bad fields."""

    field: str | None
    title: str
    hint: str | None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Any error, as `application/problem+json`."""

    status: int
    code: str
    title: str
    field: str | None
    hint: str | None
    errors: tuple[FieldProblem, ...] = ()
