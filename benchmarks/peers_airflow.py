"""Airflow with LocalExecutor on PostgreSQL, otherwise as it comes."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from peers_kit import (
    START_SECONDS,
    Handled,
    Marks,
    call,
    clean_environment,
    free_port,
    process,
    wait_for,
)

#: Everything that is installed, each in one version.
REQUIREMENTS = Path(__file__).with_suffix(".txt")
PACKAGES = ("apache-airflow", "apache-airflow-task-sdk", "papermill", "SQLAlchemy")
PROCESSES = ("api-server", "scheduler", "dag-processor", "triggerer")
WIDE = 100  # tasks of one run
PATIENCE = 300.0  # seconds for one run, on a busy machine
_DAGS = Path(__file__).with_name("peers_airflow_dags")
_ENDED = ("success", "failed", "upstream_failed")


class Airflow:
    """One installation, up; `dsn` is its database."""

    name = "airflow"

    def __init__(self, folder: Path, dsn: str, port: int, marks: Marks) -> None:
        self.processes: list[psutil.Process] = []
        self.log = folder / "scheduler.log"
        self._marks = marks
        self._url = f"http://127.0.0.1:{port}"
        self._token = ""
        self._database = psycopg.connect(dsn, autocommit=True)

    def wait_ready(self) -> None:
        """Returns when it can run things."""
        wait_for(self._ready, seconds=START_SECONDS, pause=1.0, log=self.log)

    def _ready(self) -> bool:
        """Whether it knows all DAGs and its scheduler lives."""
        self._token = "Bearer " + call("GET", f"{self._url}/auth/token")["access_token"]
        known = {each["dag_id"] for each in self._api("GET", "dags")["dags"]}
        health = call("GET", f"{self._url}/api/v2/monitor/health", token=self._token)
        healthy = health["scheduler"]["status"] == "healthy"
        return healthy and {"noop", "wide", "minutely", "notebook"} <= known

    def trigger(self) -> Handled:
        """A run of one task that does nothing."""
        return self._run("noop")

    def notebook(self) -> Handled:
        """A run of PapermillOperator with one cell."""
        return self._run("notebook")

    def noop_rate(self) -> float:
        """Tasks per second of one run with a hundred that need nothing of one another."""
        return WIDE / self._run("wide", tasks=WIDE).ended

    def fire(self, *, on: bool) -> None:
        """Every minute, a task that does nothing."""
        self._pause("minutely", paused=not on)

    def fires(self) -> list[float]:
        """From the due instant to the task's start."""
        return self._rows(
            "SELECT extract(epoch FROM ti.start_date - r.run_after) FROM dag_run r"
            " JOIN task_instance ti ON ti.dag_id = r.dag_id AND ti.run_id = r.run_id"
            " WHERE r.dag_id = 'minutely' AND r.run_type = 'scheduled'"
            # Unpausing also makes the run of the minute before, which is late already.
            " AND r.queued_at - r.run_after < interval '30 seconds' AND ti.start_date IS NOT NULL"
        )

    def close(self) -> None:
        """Closes our own connection."""
        self._database.close()

    def _run(self, dag: str, *, tasks: int = 1) -> Handled:
        self._pause(dag, paused=False)
        asked = time.time()
        run = self._api("POST", f"dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]
        query = (
            "SELECT extract(epoch FROM start_date), extract(epoch FROM end_date), state"
            " FROM task_instance WHERE dag_id = %s AND run_id = %s"
        )

        def ended() -> list[Any]:
            rows = self._database.execute(query, (dag, run)).fetchall()
            done = len(rows) >= tasks and all(row[2] in _ENDED for row in rows)
            return rows if done else []

        rows = wait_for(ended, seconds=PATIENCE, pause=0.1, log=self.log)
        failed = [row for row in rows if row[2] != "success"]
        if failed:
            raise RuntimeError(f"{len(failed)} tasks of {dag} failed")
        return Handled(
            claimed=float(min(row[0] for row in rows)) - asked,
            ended=float(max(row[1] for row in rows)) - asked,
            first_cell=self._marks.newest() - asked if dag == "notebook" else None,
        )

    def _pause(self, dag: str, *, paused: bool) -> None:
        self._api("PATCH", f"dags/{dag}", {"is_paused": paused})

    def _rows(self, query: str) -> list[float]:
        return [float(row[0]) for row in self._database.execute(query).fetchall()]  # type: ignore[call-overload]

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self._url}/api/v2/{path}", body, token=self._token)


@contextmanager
def airflow(python: Path, folder: Path, url: str) -> Iterator[Airflow]:
    """Started in this folder, on this empty PostgreSQL database; stopped afterwards.

    It takes a while until it is of use: `wait_ready`.
    """
    marks = Marks(folder / "marks")
    (folder / "notebook.ipynb").write_text(marks.notebook)
    port = free_port()
    env = clean_environment(
        HOME=str(folder),
        PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        PEERS_NOTEBOOK=str(folder / "notebook.ipynb"),
        PEERS_WIDE=str(WIDE),
        AIRFLOW_HOME=str(folder),
        AIRFLOW__CORE__DAGS_FOLDER=str(_DAGS),
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url.replace("postgresql:", "postgresql+psycopg2:", 1),
        AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_urlsafe(32),
        AIRFLOW__API__SECRET_KEY=secrets.token_urlsafe(32),
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__HOST="127.0.0.1",
    )
    program = [str(python), "-m", "airflow"]
    with ExitStack() as stack:
        log = folder / "migrate.log"
        migrate = stack.enter_context(
            process([*program, "db", "migrate"], log=log, env=env, cwd=folder)
        )
        if migrate.wait(START_SECONDS):
            raise RuntimeError(f"airflow db migrate failed, see {log}: {log.read_text()[-2000:]}")
        peer = Airflow(folder, url, port, marks)
        stack.callback(peer.close)
        for name in PROCESSES:
            log = folder / f"{name}.log"
            started = process([*program, name], log=log, env=env, cwd=folder)
            peer.processes.append(stack.enter_context(started))
        yield peer
