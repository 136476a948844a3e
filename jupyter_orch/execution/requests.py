"""What a kernel may ask for, bound to one attempt."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput, Forbidden
from jupyter_orch.domain.live import LiveQuery
from jupyter_orch.domain.model import Run
from jupyter_orch.execution.channel_server import Handler, output_request
from jupyter_orch.execution.outputs import AttemptOutputs
from jupyter_orch.execution.table_requests import TableRequests
from jupyter_orch.kernel.secrets import ENVIRONMENT_PREFIX, resolve
from jupyter_orch.settings import Settings

_WAREHOUSE_PASSWORD = "warehouse/password"  # noqa: S105 - the reference's name
_LONGEST_QUERY_ID = 200


class KernelRequests:
    """Answers the requests of docs/reference/channel.md for one attempt."""

    def __init__(
        self,
        run: Run,
        *,
        outputs: AttemptOutputs,
        tables: TableRequests,
        settings: Settings,
        mask: Callable[[str], None],
        record_query: Callable[[str], None],
        tell_query: Callable[[LiveQuery], None],
    ) -> None:
        self._run = run
        self._outputs = outputs
        self._tables = tables
        self._settings = settings
        self._mask = mask
        self._record_query = record_query
        self._tell_query = tell_query
        self._began = time.monotonic()

    def handlers(self) -> dict[str, Handler]:
        """By the name in `do`."""
        return {
            "context": self._context,
            "mask": self._mask_value,
            "query_id": self._query_id,
            "query_progress": self._query_progress,
            "secret": self._secret,
            "stage": self._stage,
            **self._tables.handlers(),
        }

    def _context(self, _message: Mapping[str, Any]) -> Any:
        run = self._run
        timeout = run.policies.timeout_seconds
        passed = time.monotonic() - self._began
        return wire.dump(
            {
                "run_id": run.id,
                "attempt": run.attempt,
                "job": run.job_name,
                "logical_time": run.logical_time,
                "interval_start": run.interval_start,
                "interval_end": run.interval_end,
                "parameters": run.parameters,
                "staging_folder": self._outputs.staging_folder(),
                "seconds_left": None if timeout is None else max(0.0, timeout - passed),
            }
        )

    def _mask_value(self, message: Mapping[str, Any]) -> bool:
        self._mask(_text(message, "value"))
        return True

    def _query_id(self, message: Mapping[str, Any]) -> bool:
        self._record_query(_text(message, "query_id")[:_LONGEST_QUERY_ID])
        return True

    def _query_progress(self, message: Mapping[str, Any]) -> bool:
        self._tell_query(wire.load(LiveQuery, message.get("query"), field="query"))
        return True

    def _secret(self, message: Mapping[str, Any]) -> str:
        reference = _text(message, "ref")
        password = self._settings.warehouse.trino.password
        if reference == _WAREHOUSE_PASSWORD and password:
            reference = password
        elif reference.startswith("file:"):
            raise Forbidden("Files are read by the notebook itself.", field="ref")
        elif reference.startswith("env:") and reference != password:
            name = reference.removeprefix("env:")
            if not name.startswith(ENVIRONMENT_PREFIX):
                raise Forbidden(
                    f"A run may not read the variable {name} of the service.",
                    field="ref",
                    hint=f"Name it {ENVIRONMENT_PREFIX}… where the service starts.",
                )
        value = resolve(reference, os.environ)
        self._mask(value)
        return value

    def _stage(self, message: Mapping[str, Any]) -> dict[str, Any]:
        staged = self._outputs.stage(output_request(message))
        return {"rows": staged.rows, "checks": wire.dump(staged.checks)}


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} must be text.", field=name)
    return value
