"""What a service loads before anybody asks it for a table."""

import json
import subprocess
import sys

HEAVY = ("duckdb", "numpy", "pandas", "papermill", "pyarrow", "pyiceberg", "rfc3987_syntax.utils")
IDLE_SERVICE = """
import json, sys
from pathlib import Path
from jupyter_orch.server.lean import leave_out_iris
leave_out_iris()
import jupyter_orch.server.app
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Actor
from jupyter_orch.settings import load
from jupyter_orch.wiring import open_service
service = open_service(load(), [Path.cwd()])
service.start()
service.system.status(Actor(user="ann", team=DEFAULT_TEAM))
service.close()
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps(heavy))
"""


def test_a_service_loads_nothing_for_tables_before_one_is_asked_for() -> None:
    """Each process of a fleet would carry a hundred megabytes for nothing."""
    done = subprocess.run(
        [sys.executable, "-c", IDLE_SERVICE, json.dumps(HEAVY)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == []
