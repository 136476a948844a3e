"""Many writers of one table at one instant: threads of several processes, as workers are.

Each writer brings one row whose `n` is the writer's number, so that a row that is missing or comes
twice is seen. They write by our outputs, or as plain pyiceberg does, for comparison.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException, ValidationException
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import OutputRequest, Provenance
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

SHARED_DAY = date(2012, 12, 31)
_FIRST_DAY = date(2013, 1, 1)
_MARK = b"!"
T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What is asked of the writers."""

    settings: Settings
    table: str
    #: Each writes one row.
    numbers: Sequence[int]
    processes: int
    #: `outputs`; `plain`: appends by pyiceberg with its own retries, repeated until one lands.
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
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", "import publish_load; publish_load.child()"]
    with ExitStack() as stack:
        children = []
        for start in range(load.processes):
            child = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            children.append(child)
            pickle.dump((load, load.numbers[start :: load.processes]), _pipe(child.stdin))
            _pipe(child.stdin).flush()
        for child in children:
            if _pipe(child.stdout).read(1) != _MARK:
                raise RuntimeError("A process of writers did not start.")
        began = time.perf_counter()
        for child in children:
            _pipe(child.stdin).write(_MARK)
            _pipe(child.stdin).flush()
        told: dict[int, str] = {}
        for child in children:
            told |= pickle.load(_pipe(child.stdout))  # noqa: S301 - our own process
        seconds = time.perf_counter() - began
    return Outcome(
        landed=tuple(sorted(number for number, message in told.items() if not message)),
        refused={number: message for number, message in told.items() if message},
        seconds=seconds,
    )


def child() -> None:
    """One of the processes: says when it is ready, and waits until all are."""
    load, numbers = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
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

    answers.write(_MARK)
    answers.flush()
    sys.stdin.buffer.read(1)
    with ThreadPoolExecutor(len(numbers)) as pool:
        ended = dict(zip(numbers, pool.map(told, numbers), strict=True))
    pickle.dump(ended, answers)
    answers.flush()
    warehouse.close()


def _pipe(found: IO[bytes] | None) -> IO[bytes]:
    assert found is not None
    return found


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
