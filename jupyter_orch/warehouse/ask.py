"""Queries whose answer somebody waits for: bounded in time, cancelled when nobody waits."""

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from jupyter_orch.domain.errors import Refused, Unavailable
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.connect import open_connection

_LOOK_SECONDS = 0.1


class Asking:
    """A connection to the configured engine; all its queries together have one time limit.

    Args:
        settings: Name the engine and the limit.
        gone: Whether nobody waits any more.
    """

    def __init__(self, settings: Settings, gone: Callable[[], bool]) -> None:
        self._seconds = settings.warehouse.statement_timeout_seconds
        self._deadline = time.monotonic() + self._seconds
        self._gone = gone
        self._connection = open_connection(
            settings,
            source="jupyter_orch-compare",
            session_properties={"query_max_run_time": f"{max(1, round(self._seconds))}s"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()  # type: ignore[no-untyped-call]

    def rows(self, sql: str) -> list[list[Any]]:
        """All rows of a query that answers few.

        Raises:
            Refused: It failed, took too long, or nobody waits for it.
            Unavailable: The engine does not answer.
        """
        import requests
        from trino.exceptions import Error, TrinoConnectionError, TrinoQueryError

        self._check()
        cursor = self._connection.cursor()
        ended = threading.Event()
        watch = threading.Thread(
            target=self._watch, args=(cursor, ended), name="compare-watch", daemon=True
        )
        watch.start()
        try:
            found: list[list[Any]] = cursor.execute(sql).fetchall()
        except TrinoQueryError as error:
            self._check()
            raise Refused(f"The engine cannot compare them: {error.message}.") from error
        except (TrinoConnectionError, Error, requests.RequestException) as error:
            self._check()
            raise Unavailable(f"The engine does not answer: {error}.") from error
        except KeyboardInterrupt:  # in a notebook's cell
            with contextlib.suppress(Error):
                cursor.cancel()
            raise
        finally:
            ended.set()
            watch.join()
        self._check()
        return found

    def _check(self) -> None:
        if self._gone():
            raise Refused("The comparison was given up: nobody waits for it any more.")
        if time.monotonic() > self._deadline:
            raise Refused(
                f"The comparison took longer than {self._seconds:g} s.",
                field="warehouse.statement_timeout_seconds",
                hint="Compare versions that are nearer to each other, or allow more time.",
            )

    def _watch(self, cursor: Any, ended: threading.Event) -> None:
        from trino.exceptions import Error

        while not ended.wait(_LOOK_SECONDS):
            if not self._gone() and time.monotonic() <= self._deadline:
                continue
            try:
                cursor.cancel()
            except Error:
                continue  # it has not begun, or has just ended
