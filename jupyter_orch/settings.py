"""Settings: one TOML file in Jupyter's config folder, each key also as an environment variable.

`jupyter_orch.toml` holds tables such as `[warehouse.trino]`; the variable for `url` in it is
`JUPYTER_ORCH__WAREHOUSE__TRINO__URL`. Variables win over the file, the file over the defaults.
Read and validated once; light enough to be imported inside a kernel.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.settings_notify import NotifySettings, read_notify
from jupyter_orch.settings_warehouse import TrinoSettings as TrinoSettings  # noqa: PLC0414
from jupyter_orch.settings_warehouse import WarehouseSettings as WarehouseSettings  # noqa: PLC0414
from jupyter_orch.settings_warehouse import read_warehouse

FILE_NAME = "jupyter_orch.toml"
_PREFIX = "JUPYTER_ORCH__"
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
_MOST = 2.0**53  # the largest number that is still exact
_LONGEST_DAYS = 36_500


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set, validated."""

    state_dir: Path
    state_url: str
    service_url: str
    service_port: int
    #: Seconds that running attempts get when the service is asked to stop.
    drain_seconds: float
    notebook_roots: tuple[Path, ...]
    artifacts_dir: Path
    worker_slots: int
    lease_seconds: float
    #: Seconds that what executes notebooks stays ready for the next one.
    warm_seconds: float
    #: Whether Python kernels are forked from a process that has imported everything already.
    fork_kernels: bool
    #: Megabytes that a kernel may take with all that it starts; 0: what there is.
    memory_limit_mb: int
    #: Processes and threads of the same; 0: any number.
    process_limit: int
    output_limit_mb: float
    log_limit_mb: float
    warehouse: WarehouseSettings
    notify: NotifySettings
    #: Age at which ended runs are removed, in days; 0 keeps them for ever.
    retention_days: float
    #: Runs that are removed in one transaction.
    retention_batch: int
    #: Versions that a table keeps beside pinned ones; 0 keeps all.
    retention_versions: int
    #: Age at which files that no commit names are removed from tables, in days; 0: never.
    retention_orphan_days: float
    #: Dotted key to where its value came from: `default`, the file's path, or a variable's name.
    origins: Mapping[str, str] = field(default_factory=dict)


def config_file() -> Path:
    """The settings file, whether or not it exists."""
    folder = os.environ.get("JUPYTER_CONFIG_DIR") or str(Path.home() / ".jupyter")
    return Path(folder) / FILE_NAME


def load(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Reads file and environment once.

    Raises:
        BadInput: A value of the wrong type, an unknown key, or a file that is not TOML.
    """
    reader = _Reader(os.environ if environ is None else environ, file or config_file())
    state_dir = reader.path("state.dir", _default_state_dir())
    settings = Settings(
        state_dir=state_dir,
        state_url=reader.text("state.url", f"sqlite:///{state_dir / 'state.db'}"),
        service_url=reader.text("service.url", ""),
        service_port=reader.whole("service.port", 0, least=0),
        drain_seconds=reader.number("service.drain_seconds", 20.0, least=0.0),
        notebook_roots=reader.paths("notebooks.roots"),
        artifacts_dir=reader.path("artifacts.dir", state_dir / "artifacts"),
        worker_slots=reader.whole("worker.slots", 2, least=1),
        lease_seconds=reader.number("worker.lease_seconds", 15.0, least=1.0),
        warm_seconds=reader.number("execution.warm_seconds", 900.0, least=0.0),
        fork_kernels=reader.one_of("execution.kernels", ("auto", "stock")) == "auto",
        memory_limit_mb=reader.whole("execution.memory_limit_mb", 0, least=0),
        process_limit=reader.whole("execution.process_limit", 4096, least=0),
        output_limit_mb=reader.number("execution.output_limit_mb", 10.0, least=0.001),
        log_limit_mb=reader.number("execution.log_limit_mb", 100.0, least=0.001),
        warehouse=read_warehouse(reader, state_dir),
        notify=read_notify(reader),
        retention_days=reader.number("retention.days", 90.0, least=0, most=_LONGEST_DAYS),
        retention_batch=reader.whole("retention.batch", 500, least=1, most=10_000),
        retention_versions=reader.whole("retention.versions", 500, least=0),
        retention_orphan_days=_orphan_days(reader),
        origins=reader.origins,
    )
    reader.refuse_unknown()
    return settings


def _default_state_dir() -> Path:
    data = os.environ.get("JUPYTER_DATA_DIR")
    if not data:
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        data = str(Path(base) / "jupyter")
    return Path(data) / "orch"


def _orphan_days(reader: "_Reader") -> float:
    """As younger files may be those of a writer that goes on, less than a day is refused."""
    key = "retention.orphan_days"
    days = reader.number(key, 3.0, least=0, most=_LONGEST_DAYS)
    if 0 < days < 1:
        raise reader.refuse(key, f"The setting {key} is {days:g}, and must be 0 or at least 1.")
    return days


class _Reader:
    def __init__(self, environ: Mapping[str, str], file: Path) -> None:
        self._environ = environ
        self._file = file
        self.origins: dict[str, str] = {}
        try:
            self._values = _flatten(tomllib.loads(file.read_text("utf-8"))) if file.exists() else {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadInput(
                f"The settings file {file} cannot be read: {error}.",
                hint="Mend the line, or move the file away to use the defaults.",
            ) from error

    def _find(self, key: str) -> Any:
        variable = _PREFIX + key.replace(".", "__").upper()
        if variable in self._environ:
            self.origins[key] = variable
            return self._environ[variable]
        if key in self._values:
            self.origins[key] = str(self._file)
            return self._values[key]
        self.origins[key] = "default"
        return None

    def text(self, key: str, default: str) -> str:
        value = self._find(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, value, "text")
        return value

    def path(self, key: str, default: Path) -> Path:
        return Path(self.text(key, str(default))).expanduser().absolute()

    def paths(self, key: str) -> tuple[Path, ...]:
        value = self._find(key)
        if value is None:
            return ()
        items = value.split(os.pathsep) if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self._wrong(key, value, "a list of folders")
        return tuple(Path(item).expanduser().absolute() for item in items if item)

    def names(self, table: str) -> tuple[str, ...]:
        """Names of the tables inside this one, wherever they are set."""
        prefix = f"{table}."
        variables = (
            _key_of(variable) for variable in self._environ if variable.startswith(_PREFIX)
        )
        inside = (key for key in (*self._values, *variables) if key.startswith(prefix))
        deeper = (key[len(prefix) :] for key in inside)
        return tuple(sorted({key.partition(".")[0] for key in deeper if "." in key}))

    def number(self, key: str, default: float, *, least: float, most: float = _MOST) -> float:
        value = self._find(key)
        if value is None:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._wrong(key, value, "a number") from None
        if isinstance(value, bool) or not number >= least:
            raise self._wrong(key, value, f"a number of at least {least:g}")
        if number > most:
            raise self._wrong(key, value, f"a number of at most {most:g}")
        return number

    def whole(self, key: str, default: int, *, least: int, most: float = _MOST) -> int:
        number = self.number(key, default, least=least, most=most)
        if number != int(number):
            raise self._wrong(key, number, "a whole number")
        return int(number)

    def truth(self, key: str, *, default: bool) -> bool:
        """True or false, in TOML's own words."""
        value = self._find(key)
        if value is None:
            return default
        known = {True: True, False: False, "true": True, "false": False}
        if not isinstance(value, bool | str) or value not in known:
            raise self._wrong(key, value, "true or false")
        return known[value]

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        """One of these words; absent: the first."""
        word = self.text(key, words[0])
        if word not in words:
            raise self._wrong(key, word, " or ".join(words))
        return word

    def _wrong(self, key: str, value: object, wanted: str) -> BadInput:
        return self.refuse(key, f"The setting {key} is {value!r}, and must be {wanted}.")

    def refuse(self, key: str, message: str) -> BadInput:
        """The error of a setting, with where it comes from."""
        return BadInput(message, field=key, hint=f"It comes from {self.origins[key]}.")

    def refuse_unknown(self) -> None:
        given = dict.fromkeys(self._values, str(self._file))
        for variable in self._environ:
            if variable.startswith(_PREFIX):
                given[_key_of(variable)] = variable
        for key, origin in given.items():
            if key not in self.origins:
                raise BadInput(
                    f"There is no setting {key} (in {origin}).",
                    field=key,
                    hint="The settings are listed in docs/reference/settings.md.",
                )


def _key_of(variable: str) -> str:
    return variable[len(_PREFIX) :].lower().replace("__", ".")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def without_password(url: str) -> str:
    """The URL as it may be shown: `postgresql://ann:***@host/db`."""
    return _PASSWORD.sub(r"\1:***@", url)


def local_zone() -> str:
    """The IANA name of this machine's time zone, or UTC when it has none."""
    from tzlocal import get_localzone_name

    try:
        return str(get_localzone_name()) or "UTC"
    except (LookupError, ValueError, OSError):
        return "UTC"


def private_folder(path: Path) -> Path:
    """Makes the folder, and every missing one above it, for our user alone; answers it.

    `Path.mkdir` gives its mode to the last folder only.
    """
    if not path.exists():
        private_folder(path.parent).joinpath(path.name).mkdir(mode=0o700, exist_ok=True)
    return path
