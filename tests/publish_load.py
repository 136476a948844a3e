"""Many writers of one table at one instant: threads of several processes, as workers are.

Each writer brings one row whose `n` is the writer's number, so that a row that is missing or comes
twice is seen. They write by our outputs, or as plain pyiceberg does, for comparison.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException, ValidationException
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import OutputRequest, Provenance
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import publish
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

SHARED_DAY = date(2012, 12, 31)
_FIRST_DAY = date(2013, 1, 1)
_START_SECONDS = 120
T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What is asked of the writers."""

    settings: Settings
    table: str
    #: Each writes one row.
    numbers: Sequence[int]
    processes: int
    #: `outputs`; `unlocked`: the same without the lock that writers queue for; `plain`: appends by
    #: pyiceberg with its own retries, repeated until one lands.
    way: str = "outputs"
    #: Everybody appends; else some replace a slice and some upsert.
    only_append: bool = False


@dataclass(frozen=True)
class Outcome:
    """How the writers ended."""

    #: Numbers whose row must be there once.
    landed: tuple[int, ...]
    #: By number what the others were told; their row must not be there.
    refused: dict[int, str]
    #: From the common start to the end of the last one.
    seconds: float


def row(number: int, day: date) -> pa.Table:
    """The row of a writer."""
    return pa.table(
        {
            "day": pa.array([day], pa.date32()),
            "n": pa.array([number], pa.int64()),
            "text": pa.array([f"row {number}"], pa.string()),
        }
    )


def provenance() -> Provenance:
    """A run of its own."""
    return Provenance(
        run_id=RunId(new_id()),
        attempt=1,
        job_name="load",
        notebook="load.ipynb",
        notebook_sha256="ab" * 32,
        parameters="{}",
        user="ada",
    )


def write(warehouse: IcebergWarehouse, table: str, data: pa.Table, **request: Any) -> float:
    """One output from its file to what readers see, as a kernel and its worker make it.

    Answers the seconds of the worker, which has the file.

    Raises:
        Refused: Others were in the way.
    """
    who = provenance()
    file = warehouse.staging_folder(who.run_id, who.attempt) / "rows.parquet"
    pq.write_table(data, file, compression="lz4", use_dictionary=False, write_statistics=False)
    began = time.perf_counter()
    wanted: dict[str, Any] = {"mode": "append", "table": table, "files": (file.name,)}
    staged = _decided(lambda: warehouse.stage(OutputRequest(**wanted | request), who))
    _decided(lambda: warehouse.publish(staged, who))
    return time.perf_counter() - began


def run(load: Load) -> Outcome:
    """Starts the processes, lets all writers go at once, and waits for the last one."""
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(load.processes + 1)
    ended = spawn.SimpleQueue()
    children = [
        spawn.Process(
            target=_process, args=(load, load.numbers[start :: load.processes], gate, ended)
        )
        for start in range(load.processes)
    ]
    for child in children:
        child.start()
    try:
        gate.wait(_START_SECONDS)
        began = time.perf_counter()
        told: dict[int, str] = {}
        for _ in children:
            told |= ended.get()
        seconds = time.perf_counter() - began
    finally:
        gate.abort()
        for child in children:
            child.join(_START_SECONDS)
    return Outcome(
        landed=tuple(sorted(number for number, message in told.items() if not message)),
        refused={number: message for number, message in told.items() if message},
        seconds=seconds,
    )


def _process(load: Load, numbers: Sequence[int], gate: Any, ended: Any) -> None:
    if load.way == "unlocked":
        publish.committing = lambda *_: contextlib.nullcontext()  # type: ignore[assignment]
    warehouse = IcebergWarehouse(load.settings)
    one = _plain(load) if load.way == "plain" else _ours(load, warehouse)
    warehouse.load(load.table).scan().count()  # whatever is loaded only once
    warehouse.check()

    def told(number: int) -> str:
        try:
            one(number)
        except Exception as error:  # noqa: BLE001 - the other process judges it
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(len(numbers)) as pool:
        gate.wait(_START_SECONDS)
        ended.put(dict(zip(numbers, pool.map(told, numbers), strict=True)))
    warehouse.close()


def _ours(load: Load, warehouse: IcebergWarehouse) -> Callable[[int], None]:
    def one(number: int) -> None:
        request: dict[str, Any] = {}
        day = SHARED_DAY
        if not load.only_append and number % 3 == 1:
            day = _FIRST_DAY + timedelta(days=number)
            request = {"mode": "replace", "slice": {"day": day.isoformat()}}
        elif not load.only_append and number % 9 == 2:
            request = {"mode": "upsert", "keys": ("n",)}
        write(warehouse, load.table, row(number, day), **request)

    return one


def _plain(load: Load) -> Callable[[int], None]:
    catalog = open_catalog(load.settings)

    def one(number: int) -> None:
        while True:
            try:
                catalog.load_table(load.table).append(row(number, SHARED_DAY))
            except (CommitFailedException, ValidationException, SQLAlchemyError):
                continue
            return

    return one


def _decided(ask: Callable[[], T]) -> T:
    """Asks again as long as nothing is decided, as a worker does."""
    for _ in range(5):
        with contextlib.suppress(Unavailable):
            return ask()
    raise Refused("The warehouse never answered.")
