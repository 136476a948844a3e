"""The REST API as methods.

Answers are plain dicts and lists, as docs/reference/rest-api.md describes them.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from jupyter_orch.client.calls import Calls, part


class Client(Calls):
    """The whole REST API as methods.

    Without arguments it finds the service of this machine by its unix socket, or `service.url`.

    Raises:
        Unavailable: From every method, when no service answers.
        OrchError: From every method, the subclass that fits the service's refusal.
    """

    # ---------------------------------------------------------------- jobs

    def jobs(
        self,
        *,
        search: str = "",
        notebook: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """A page of jobs by name; `state` keeps those that are `failing` or `running`."""
        query = {
            "search": search,
            "notebook": notebook,
            "state": state,
            "cursor": cursor,
            "limit": limit,
        }
        return self._get("/jobs", query)

    def job(self, key: str) -> dict[str, Any]:
        """One job by id or name, with its last run and next due instant."""
        return self._get(f"/jobs/{part(key)}")

    def create_job(
        self, spec: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Saves a new job."""
        return self._send("POST", "/jobs", spec, idempotency_key=idempotency_key)

    def update_job(
        self, key: str, spec: Mapping[str, Any], *, version: int | None = None
    ) -> dict[str, Any]:
        """Saves the next version; refused when `version` is not the current one any more."""
        return self._send("PUT", f"/jobs/{part(key)}", spec, if_match=version)

    def pause(self, key: str) -> dict[str, Any]:
        """Stops the triggers of a job."""
        return self._send("POST", f"/jobs/{part(key)}:pause")

    def resume(self, key: str) -> dict[str, Any]:
        """Lets the triggers of a job fire from now on."""
        return self._send("POST", f"/jobs/{part(key)}:resume")

    def delete_job(self, key: str, *, version: int | None = None) -> None:
        """Removes a job; its runs stay. Refused when `version` is not the current one any more."""
        self._send("DELETE", f"/jobs/{part(key)}", if_match=version)

    def schema(self, key: str) -> dict[str, Any]:
        """JSON Schema of a job's parameters."""
        return self._get(f"/jobs/{part(key)}/schema")

    def run(
        self,
        key: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        trigger: str | None = None,
        interval_start: str | None = None,
        interval_end: str | None = None,
    ) -> dict[str, Any]:
        """Queues a run of a job now, of its last complete data interval.

        Args:
            key: Id or name of the job.
            parameters: Values that win over those of job and trigger.
            idempotency_key: The same key always answers with the same run.
            trigger: Id of the trigger whose interval and values are taken.
            interval_start: ISO 8601 with an offset: another interval is meant.
            interval_end: The same; not included.
        """
        body = {
            "parameters": dict(parameters or {}),
            "trigger": trigger,
            "interval_start": interval_start,
            "interval_end": interval_end,
        }
        return self._send("POST", f"/jobs/{part(key)}:run", body, idempotency_key=idempotency_key)

    def interval(
        self,
        key: str,
        *,
        trigger: str | None = None,
        interval_start: str | None = None,
        interval_end: str | None = None,
    ) -> dict[str, Any]:
        """The data interval and the values that `run` would take, asked the same."""
        query = {
            "trigger": trigger,
            "interval_start": interval_start,
            "interval_end": interval_end,
        }
        return self._get(f"/jobs/{part(key)}/interval", query)

    # ---------------------------------------------------------------- runs

    def runs(
        self,
        job: str | None = None,
        *,
        backfill: str | None = None,
        kind: str | None = None,
        states: Sequence[str] = (),
        search: str = "",
        fingerprint: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """A page of runs, newest first; `job` is an id or a name.

        A `fingerprint`, that of a failure, goes with a job and no other filter.
        """
        query = {
            "job": job,
            "backfill": backfill,
            "kind": kind,
            "state": list(states),
            "search": search,
            "fingerprint": fingerprint,
            "cursor": cursor,
            "limit": limit,
        }
        return self._get("/runs", query)

    def failures(
        self,
        since: str | None = None,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """A page of failures, equal ones as one, the latest first.

        `since` is ISO 8601 with an offset; absent: the last seven days.
        """
        return self._get("/failures", {"since": since, "cursor": cursor, "limit": limit})

    def run_detail(self, run_id: str) -> dict[str, Any]:
        """Everything about one run that is not in its files."""
        return self._get(f"/runs/{part(run_id)}")

    def rerun(
        self,
        run_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        latest_notebook: bool = False,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Queues a repetition of a run, with other values where given."""
        body = {"parameters": dict(parameters or {}), "latest_notebook": latest_notebook}
        return self._send(
            "POST", f"/runs/{part(run_id)}:rerun", body, idempotency_key=idempotency_key
        )

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Ends a queued run, or asks a running one to stop."""
        return self._send("POST", f"/runs/{part(run_id)}:cancel")

    def pin(self, run_id: str) -> dict[str, Any]:
        """Keeps a run from retention."""
        return self._send("POST", f"/runs/{part(run_id)}:pin")

    def unpin(self, run_id: str) -> dict[str, Any]:
        """Lets a run go when it is old."""
        return self._send("POST", f"/runs/{part(run_id)}:unpin")

    def notebook(self, run_id: str, *, attempt: int | None = None) -> dict[str, Any]:
        """The executed notebook as nbformat JSON."""
        return self._get(f"/runs/{part(run_id)}/notebook", {"attempt": attempt})

    def live(self, run_id: str) -> dict[str, Any]:
        """The running cell with its outputs so far, and the queries that it waits for."""
        return self._get(f"/runs/{part(run_id)}/live")

    def log(self, run_id: str, *, attempt: int | None = None) -> dict[str, Any]:
        """The end of a run's log."""
        return self._get(f"/runs/{part(run_id)}/log", {"attempt": attempt})

    # ---------------------------------------------------------------- backfills

    def plan_backfill(self, job: str, first: str, last: str, **options: Any) -> dict[str, Any]:
        """What a backfill of a job's due instants from `first` to `last` would do.

        Args:
            job: Id or name of the job.
            first: ISO 8601 with an offset.
            last: The same; included.
            **options: `trigger`, `only`, `newest_first`, `concurrency`, `priority`, `parameters`,
                `latest_notebook` and `confirm`, as the REST API has them.
        """
        body = {"job": job, "first": first, "last": last, **options}
        return self._send("POST", "/backfills:plan", body)

    def create_backfill(
        self, job: str, first: str, last: str, *, idempotency_key: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Begins a backfill; the options are those of `plan_backfill`."""
        body = {"job": job, "first": first, "last": last, **options}
        return self._send("POST", "/backfills", body, idempotency_key=idempotency_key)

    def backfills(
        self, job: str | None = None, *, cursor: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """A page of backfills, newest first; `job` is an id or a name."""
        return self._get("/backfills", {"job": job, "cursor": cursor, "limit": limit})

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """One backfill, its runs counted by state."""
        return self._get(f"/backfills/{part(backfill_id)}")

    def cancel_backfill(self, backfill_id: str) -> dict[str, Any]:
        """Ends a backfill with all of its runs."""
        return self._send("POST", f"/backfills/{part(backfill_id)}:cancel")

    # ---------------------------------------------------------------- tables

    def tables(self, *, cursor: str | None = None, limit: int | None = None) -> dict[str, Any]:
        """A page of tables by name."""
        return self._get("/tables", {"cursor": cursor, "limit": limit})

    def versions(
        self, table: str, *, cursor: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """A page of a table's versions, newest first, also those that have expired."""
        return self._get(f"/tables/{part(table)}/versions", {"cursor": cursor, "limit": limit})

    def preview_table(self, table: str, *, version: int | None = None) -> dict[str, Any]:
        """Columns and a few rows."""
        return self._get(f"/tables/{part(table)}/preview", {"version": version})

    def diff(
        self, table: str, before: int, after: int, *, keys: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What changed from one version to another; `keys` tell rows apart."""
        query = {"before": before, "after": after, "key": list(keys)}
        path = f"/tables/{part(table)}/diff"
        # The engine has a limit of its own; whoever gives up earlier only closes the connection.
        return cast("dict[str, Any]", self._request("GET", path, params=query, timeout=None))

    def plan_rollback(self, table: str, version: int) -> dict[str, Any]:
        """Which versions a roll back would undo."""
        path = f"/tables/{part(table)}:plan-rollback"
        return self._send("POST", path, {"version": version})

    def rollback(
        self, table: str, version: int, *, current: int | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Makes an older version the one that readers see.

        Refused when `current` is given and is not what readers see any more.
        """
        body = {"version": version, "reason": reason}
        return self._send("POST", f"/tables/{part(table)}:rollback", body, if_match=current)

    def plan_undo(self, run_id: str) -> dict[str, Any]:
        """What undoing a run would do to what it published."""
        return self._send("POST", f"/runs/{part(run_id)}:plan-undo")

    def undo(
        self,
        run_id: str,
        *,
        tag: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Takes back what a run published, and nothing else; safe to repeat.

        Args:
            run_id: The run.
            tag: The plan's; refused when the tables are others by now.
            force: Also where later versions wrote the same rows: those go as well.
            reason: A sentence that stays with the new versions.
        """
        body = {"force": force, "reason": reason}
        return self._send("POST", f"/runs/{part(run_id)}:undo", body, if_match=tag)

    def pin_version(self, table: str, version: int) -> dict[str, Any]:
        """Keeps a version of a table from retention."""
        return self._send("POST", f"/tables/{part(table)}:pin", {"version": version})

    def unpin_version(self, table: str, version: int) -> dict[str, Any]:
        """Lets a version of a table go when it is old."""
        return self._send("POST", f"/tables/{part(table)}:unpin", {"version": version})

    # ---------------------------------------------------------------- pools

    def pools(self, cursor: str | None = None, limit: int | None = None) -> dict[str, Any]:
        """Pools by name, with what is used and waits now."""
        return self._get("/pools", {"cursor": cursor, "limit": limit})

    def pool(self, name: str) -> dict[str, Any]:
        """One pool."""
        return self._get(f"/pools/{part(name)}")

    def set_pool(
        self, name: str, slots: int | None, *, tag: int | str | None = None
    ) -> dict[str, Any]:
        """Makes or changes a pool; None is no limit.

        With a `tag`, the slots that you saw or `none`, it is refused when they are others by now.
        """
        return self._send("PUT", f"/pools/{part(name)}", {"slots": slots}, if_match=tag)

    def delete_pool(self, name: str, *, tag: int | str | None = None) -> None:
        """Removes the limit of a pool; a `tag` guards as in `set_pool`."""
        self._send("DELETE", f"/pools/{part(name)}", if_match=tag)

    # ---------------------------------------------------------------- channels

    def channels(self) -> dict[str, Any]:
        """Whom jobs may tell: names of channels, and whether e-mail is sent."""
        return self._get("/channels")

    def test_channel(self, target: str) -> None:
        """Sends a test message to an address or to `channel:<name>`."""
        self._send("POST", "/channels:test", {"target": target})

    # ---------------------------------------------------------------- the installation

    def inspect(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """What can be known of a notebook without executing it."""
        return self._send("POST", "/notebooks:inspect", {"path": os.fspath(path)})

    def preview(self, trigger: Mapping[str, Any], *, count: int = 5) -> dict[str, Any]:
        """When a trigger would fire."""
        return self._send("POST", "/triggers:preview", {"trigger": dict(trigger), "count": count})

    def kernels(self) -> dict[str, Any]:
        """The kernels that jobs may name."""
        return self._get("/kernels")

    def status(self) -> dict[str, Any]:
        """How the installation stands."""
        return self._get("/status")

    def changes(self, after: int = -1, *, wait: float = 0) -> dict[str, Any]:
        """What changed after a cursor, waiting up to `wait` seconds for something new."""
        return self._get("/changes", {"after": after, "wait": int(wait)})

    def call_ledger(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """A method of the ledger, arguments and answer as JSON."""
        return self._request("POST", f"/ledger:{method}", json=arguments)
