"""One process of a fleet: `fleet_member.py ROLES JOURNAL`, the service without its API.

The settings come by the environment, as ever. Attempts execute no notebook (`noop_launcher`). What
the service logs goes to the journal, one JSON object a line.
"""

import json
import logging
import os
import sys
from pathlib import Path

from noop_launcher import NoopAttempt

from jupyter_orch.server.app import attend
from jupyter_orch.service.threads import ROLES
from jupyter_orch.settings import load
from jupyter_orch.wiring import open_service

_STANDARD = set(vars(logging.makeLogRecord({})))


class Lines(logging.Formatter):
    """A record as JSON, its extra fields among the others."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "at": record.created,
            "pid": os.getpid(),
            "level": record.levelname,
            "event": record.getMessage().split(" ")[0],
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def main() -> None:
    """Schedules or works until it is told to stop, or killed."""
    roles = frozenset(role for role in ROLES if role in sys.argv[1].split(","))
    handler = logging.FileHandler(Path(sys.argv[2]))
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    settings = load()
    roots = settings.notebook_roots
    attend(lambda: open_service(settings, roots, roles, launcher=NoopAttempt), roles)


if __name__ == "__main__":
    main()
